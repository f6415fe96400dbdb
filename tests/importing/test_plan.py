"""The plan: one comparison with the database, before the first write, that costs what the file has rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from project.catalog.models import PriceRecord, Product
from syncops.errors import UsageError
from syncops.importing.plan import Plan
from syncops.importing.staging import Staged, Staging
from syncops.models import Store
from tests.conftest import make_product
from tests.importing.catalogues import Articles, Catalogue, Shipped


@contextmanager
def planned(
    catalogue: Catalogue,
    rows: Sequence[tuple[str, str, str]],
    store: str | None = None,
    dup: Any = "reject",
    unknown: Any = "reject",
) -> Iterator[tuple[Plan, Staging]]:
    """The plan of rows of (sku, price, currency), which begin on line 2."""
    with Staging("default") as staging:
        staging.fill(
            Staged(line, sku, price, currency, "", len(price.partition(".")[2].rstrip("0")))
            for line, (sku, price, currency) in enumerate(rows, 2)
        )
        plan = Plan(catalogue.target, store, "default")
        plan.confirm(sorted({currency for *_, currency in rows if currency in {"$", "¥"}}))
        plan.collapse(dup)
        plan.compare()
        plan.refuse(unknown=unknown)
        yield plan, staging


def test_only_what_differs_is_a_change(catalogue: Catalogue, stores: list[Store]) -> None:
    for sku, price in (("A", "12"), ("B", "30"), ("C", None)):
        catalogue.add(sku, price, stores[:1])
    code = catalogue.currency
    with planned(catalogue, [("A", "12.00", ""), ("B", "31", code), ("C", "5", code), ("N", "1", "")]) as (
        plan,
        rows,
    ):
        assert [(c.line, c.sku, c.old, c.new, c.currency) for c in plan.changes()] == [
            (3, "B", Decimal(30), Decimal(31), code), (4, "C", None, Decimal(5), code),
        ]  # fmt: skip
        assert plan.counts() == (2, 0)
        assert rows.codes() == {"": 3, "E_UNKNOWN_SKU": 1}
        assert [each.sku for each in plan.changes(limit=1)] == ["B"]


def test_a_store_hides_the_products_of_the_others(catalogue: Catalogue, stores: list[Store]) -> None:
    catalogue.add("A", "12", stores[:1])
    catalogue.add("B", "12", stores[1:2])
    with planned(catalogue, [("A", "13", ""), ("B", "13", "")], store="us") as (plan, rows):
        assert [each.sku for each in plan.changes()] == ["B"]
        assert rows.codes() == {"": 1, "E_UNKNOWN_SKU": 1}


@pytest.mark.parametrize(
    ("rows", "dup", "codes", "price"),
    [
        ([("A", "13", ""), ("A", "13.00", "")], "reject", {"": 1, "W_DUP": 1}, 13),
        ([("A", "13", ""), ("A", "14", ""), ("A", "13", "")], "reject", {"E_DUP": 3}, None),
        ([("A", "13", "EUR"), ("A", "13", "USD")], "reject", {"E_DUP": 2}, None),
        ([("A", "13", ""), ("A", "14", "")], "last", {"": 1, "W_DUP": 1}, 14),
        ([("A", "13", ""), ("a", "14", "")], "reject", {"": 1, "E_UNKNOWN_SKU": 1}, 13),
    ],
)
def test_I21_doubles_are_settled_in_the_staging_table(
    stores: list[Store], rows: list[tuple[str, str, str]], dup: str, codes: dict[str, int], price: int | None
) -> None:
    make_product(stores[0], "A", "12")
    with planned(Shipped(), rows, dup=dup) as (plan, staging):
        assert staging.codes() == codes
        assert [each.new for each in plan.changes()] == ([] if price is None else [price])


def test_I13_a_shared_sign_is_settled_by_each_product(stores: list[Store]) -> None:
    for sku, currency in (("U", "USD"), ("C", "CAD"), ("E", "EUR"), ("J", "JPY")):
        make_product(stores[0], sku, "12", currency)
    rows = [("U", "13", "$"), ("C", "12", "$"), ("E", "13", "$"), ("J", "13", "¥"), ("N", "1", "$")]
    with planned(Shipped(), rows) as (plan, staging):
        assert [(each.sku, each.currency) for each in plan.changes()] == [("U", "USD"), ("J", "JPY")]
        assert staging.codes() == {"": 3, "E_CURRENCY": 1, "E_UNKNOWN_SKU": 1}
    with planned(Shipped(), [("N", "1", "$"), ("M", "1", "USD")], unknown="create", store="eu") as (
        plan,
        staging,
    ):
        assert plan.counts() == (0, 1)
        assert staging.codes() == {"": 1, "E_CURRENCY": 1}


def test_a_sku_of_two_products_is_refused_unless_it_is_not_in_the_file(stores: list[Store]) -> None:
    for sku in ("A", "A", "B"):
        Articles().add(sku, "12", stores[:1])
    with planned(Articles(), [("B", "13", "")]) as (plan, _):
        assert plan.counts() == (1, 0)
    with (
        pytest.raises(UsageError, match="The sku A names more than one product"),
        planned(Articles(), [("A", "13", "")], store="eu"),
    ):
        pass


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL knows how many rows a table has")
@pytest.mark.parametrize("store", ["eu", None])
def test_the_comparison_looks_at_no_product_twice(stores: list[Store], store: str | None) -> None:
    """SQLite without statistics took a store to have ten products, and read all of them for every row."""
    count = 2000
    products = Product.objects.bulk_create(
        Product(store=stores[0], sku=f"S{n}", name="x") for n in range(count)
    )
    PriceRecord.objects.bulk_create(PriceRecord(product=each, amount=9, currency="EUR") for each in products)
    connection.ensure_connection()
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    with planned(Shipped(), []):
        pass
    connection.connection.set_progress_handler(step, 1000)
    try:
        with planned(Shipped(), [(f"S{n}", "10", "") for n in range(count)], store=store) as (plan, _):
            assert plan.counts() == (count, 0)
    finally:
        connection.connection.set_progress_handler(None, 0)
    # Some 200 instructions of SQLite's machine for each row; looking at all for each are 20,000.
    assert steps[0] * 1000 < count * 1000
