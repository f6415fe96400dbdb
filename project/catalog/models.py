"""Products and their prices.

The rule: nothing here knows how prices get to a marketplace; `sync.py` says it, as a user's own app would.
"""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models


class Product(models.Model):
    """Something that one store sells."""

    store = models.ForeignKey("syncops.Store", models.PROTECT, related_name="products")
    sku = models.CharField("SKU", max_length=100)
    name = models.CharField(max_length=300)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "sku"], name="catalog_product_sku")]
        ordering = ["sku"]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


class PriceRecord(models.Model):
    """What a product costs. The database itself refuses a negative amount and NaN."""

    product = models.OneToOneField(Product, models.CASCADE, related_name="price")
    amount = models.DecimalField(max_digits=14, decimal_places=4, validators=[MinValueValidator(Decimal(0))])
    currency = models.CharField(max_length=3, default="EUR")

    class Meta:
        constraints = [
            # NaN sorts above every number in PostgreSQL, and text above every number in SQLite.
            models.CheckConstraint(
                condition=models.Q(amount__gte=0, amount__lt=Decimal(10) ** 10), name="catalog_price_amount"
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
