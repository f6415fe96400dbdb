"""Sources: what a declaration says, and what is wrong with it."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from project.catalog.models import Product
from syncops import sources
from syncops.errors import ConfigurationError, UsageError
from syncops.models import Store
from syncops.sources import Source, follow, register
from syncops.values import Listing
from tests.conftest import make_product
from tests.shop.models import Article, Gadget, Offer, Tariff, Variant


def test_every_sync_module_was_found() -> None:
    labels = {source.label for source in sources.all()}
    assert labels == {"catalog.Product", "shop.Article", "shop.Gadget"}
    with pytest.raises(UsageError) as refused:
        sources.get("shop.Nothing")
    assert "catalog.Product" in refused.value.hint


def test_a_path_is_followed_and_its_fault_is_named() -> None:
    assert [field.name for field in follow(Product, "price__amount")] == ["price", "amount"]
    with pytest.raises(ConfigurationError, match="'cost'"):
        follow(Product, "price__cost")
    with pytest.raises(ConfigurationError, match="goes on"):
        follow(Product, "sku__length")


def test_a_model_has_one_source() -> None:
    with pytest.raises(ConfigurationError, match="twice"):

        @register(Product)
        class Second(Source):
            pass


@pytest.mark.django_db
def test_listings_are_one_query_whatever_the_shape(store: Store) -> None:
    product = make_product(store, "A-1")
    article = Article.objects.create(code="X", title="Y", cost=Decimal(5))
    article.stores.add(store, Store.objects.create(slug="us", provider="memory"))
    gadget = Gadget.objects.create(name="G", sku="G-1")
    Tariff.objects.create(variant=Variant.objects.create(gadget=gadget), amount=Decimal("9.99"))
    for _ in range(2):
        Offer.objects.create(gadget=gadget, store=store)
    wanted = {
        "catalog.Product": (product, Listing("A-1", "Mug", Decimal("12.50"), "EUR")),
        "shop.Article": (article, Listing("X", "Y", Decimal(5), "JPY")),
        "shop.Gadget": (gadget, Listing("G-1", "G", Decimal("9.99"), "EUR")),
    }
    for label, (instance, listing) in wanted.items():
        source = sources.get(label)
        ref = source.key_text(instance.pk, "default")
        with CaptureQueriesContext(connection) as seen:
            assert list(source.listings("eu", [ref, ref], "default")) == [(ref, listing)]
        assert len(seen) == 1
        assert list(source.listings("nowhere", [ref], "default")) == []


@pytest.mark.django_db
def test_a_product_without_a_price_or_a_sku_is_not_listed(store: Store) -> None:
    source = sources.get("catalog.Product")
    bare = Product.objects.create(store=store, sku="bare", name="Bare")
    nameless = make_product(store, "")
    refs = [str(bare.pk), str(nameless.pk), "nonsense", str(10**30)]
    assert list(source.listings("eu", refs[:3], "default")) == []


@pytest.mark.parametrize(
    ("label", "refs", "count"),
    [("catalog.Product", ["1", "x", ""], 1), ("shop.Article", [uuid.uuid4().hex, str(uuid.uuid4()), "7"], 2)],
)
def test_a_text_that_cannot_be_a_key_is_left_out(label: str, refs: list[str], count: int) -> None:
    assert len(sources.get(label).keys(refs)) == count


def test_a_source_that_makes_no_products_says_so() -> None:
    assert sources.get("catalog.Product").creates
    article: Any = sources.get("shop.Article")
    assert not article.creates
    with pytest.raises(UsageError, match=r"shop\.Article"):
        article.create((), None, "default")
