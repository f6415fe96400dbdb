"""Where prices live, found out from the declaration alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, Value

from project.catalog.models import PriceRecord, Product
from syncops.errors import UsageError
from syncops.importing.target import Target
from syncops.sources import Source, Watch
from tests.importing.catalogues import Articles, Gadgets, Shipped
from tests.shop.models import Article, Book, Gadget, Offer, Tariff


def test_each_shape_of_catalogue() -> None:
    found = [
        (
            t.model,
            t.prefix,
            t.key,
            t.price.name,
            getattr(t.currency, "name", None),
            getattr(t.link, "name", None),
        )
        for t in (each.target for each in (Shipped(), Articles(), Gadgets()))
    ]
    assert found == [
        (PriceRecord, "price", "price__pk", "amount", "currency", "product"),
        (Article, "", "pk", "cost", "money", None),
        (Tariff, "variant__tariff", "variant__tariff__pk", "amount", None, "variant"),
    ]
    assert [each.target.set_based for each in (Shipped(), Articles(), Gadgets())] == [True] * 3
    assert (Shipped().target.parent, Gadgets().target.parent) == ("pk", "variant__pk")


def source(**declared: Any) -> Source:
    made = type("Made", (Source,), {"watch": [], **declared})
    return made()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "declared",
    [
        {"model": Product, "price": F("price__amount") * 2},
        {"model": Product, "price": Value(Decimal(5))},
        {"model": Product, "price": "name"},
        {"model": Offer, "price": "gadget__variant__tariff__amount"},
    ],
    ids=["computed", "constant", "text", "shared by offers"],
)
def test_a_price_that_an_import_cannot_write_is_refused(declared: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Target.of(source(**declared))


def test_an_inherited_price_is_written_where_it_is() -> None:
    target = Target.of(source(model=Book, sku="code", price="cost", currency="money", store="stores"))
    assert (target.model, target.key, target.set_based) == (Article, "pk", True)


def test_a_save_of_its_own_has_no_set_based_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PriceRecord, "save", lambda self: None)
    assert not Shipped().target.set_based


def test_the_database_keeps_a_sku_unique_only_where_a_key_says_so() -> None:
    assert Shipped().target.unique_sku(in_one_store=True)
    assert not Shipped().target.unique_sku(in_one_store=False)
    assert not Articles().target.unique_sku(in_one_store=True)


def test_which_watches_a_write_is_about() -> None:
    tariff = Gadgets().target
    assert tariff.watched_by(Watch(Tariff, product="variant", fields=("amount",)))
    assert tariff.watched_by(Watch(Tariff, product="variant"))
    assert not tariff.watched_by(Watch(Tariff, product="variant", fields=("variant",)))
    assert not tariff.watched_by(Watch(Gadget))
