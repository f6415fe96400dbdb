"""uuid keys, the price on the product itself, stores through a to-many relation, and relatives of all kinds."""

from __future__ import annotations

import uuid

from django.db import models


class Article(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    code = models.CharField(max_length=50)
    title = models.CharField(max_length=200)
    cost = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    money = models.CharField(max_length=3, default="JPY")
    stock = models.IntegerField(default=0)
    stores = models.ManyToManyField("syncops.Store", related_name="articles")


class ArticleProxy(Article):
    class Meta:
        proxy = True


class Book(Article):
    """A multi-table child."""

    pages = models.IntegerField(default=0)


class Gadget(models.Model):
    """Stores through a table of offers; the price hangs two tables away from the product."""

    name = models.CharField(max_length=100)
    sku = models.CharField(max_length=50)


class Variant(models.Model):
    gadget = models.OneToOneField(Gadget, models.CASCADE, related_name="variant")


class Tariff(models.Model):
    variant = models.OneToOneField(Variant, models.CASCADE, related_name="tariff")
    amount = models.DecimalField(max_digits=10, decimal_places=2)


class Offer(models.Model):
    gadget = models.ForeignKey(Gadget, models.CASCADE, related_name="offers")
    store = models.ForeignKey("syncops.Store", models.CASCADE, related_name="offers")


class Unwatched(models.Model):
    name = models.CharField(max_length=50)
