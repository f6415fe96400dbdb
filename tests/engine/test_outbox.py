"""D03: what is read is what is settled, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from syncops import outbox
from syncops.models import Change, Store
from syncops.outbox import Marks
from syncops.values import Ref
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = (
    "INSERT INTO syncops_change (store_id, source, ref, reason)"
    " VALUES ('eu', 'catalog.Product', %s, 'change')"
)


def pending(rows: int = 100, **more: Any) -> list[outbox.Waiting]:
    return outbox.pending("eu", rows=rows, using="default", **more)


@pytest.fixture
def products(store: Store, marked: Any) -> list[Any]:
    made = [make_product(store, f"A-{number}") for number in range(5)]
    marked()
    return made


def test_many_changes_of_one_ref_wait_once_with_all_their_ids(products: list[Any]) -> None:
    for _ in range(3):
        products[0].save()
    products[1].save()
    first, second = pending()
    assert first.ref == Ref("catalog.Product", str(products[0].pk))
    assert len(first.ids) == 3
    assert len(second.ids) == 1


def test_the_oldest_come_first(products: list[Any]) -> None:
    for product in reversed(products):
        product.save()
    assert [each.ref.key for each in pending(rows=2)] == [str(products[4].pk), str(products[3].pk)]


def test_D03_a_change_that_comes_after_the_reading_survives_the_settling(products: list[Any]) -> None:
    products[0].save()
    seen = pending()
    products[0].save()
    assert outbox.settle([number for each in seen for number in each.ids], using="default") == 1
    assert len(pending()) == 1


def test_D03_a_lower_id_that_commits_later_is_not_erased(products: list[Any], store: Store) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer: a lower id cannot commit later")
    slow = connections.create_connection("default")
    try:
        slow.set_autocommit(False)
        with slow.cursor() as cursor:
            cursor.execute(
                INSERT,
                [str(products[0].pk)],
            )
        products[1].save()
        seen = pending()
        slow.commit()
        outbox.settle([number for each in seen for number in each.ids], using="default")
        assert [each.ref.key for each in pending()] == [str(products[0].pk)]
    finally:
        slow.close()


def test_settling_what_is_settled_changes_nothing(products: list[Any]) -> None:
    products[0].save()
    ids = [number for each in pending() for number in each.ids]
    assert outbox.settle(ids, using="default") == 1
    assert outbox.settle(ids, using="default") == 0
    assert outbox.settle([], using="default") == 0


def test_ten_thousand_keys_are_one_parameter(products: list[Any]) -> None:
    marks = Marks()
    marks.add("catalog.Product", range(1, 10_001))
    marks.placed.update(("eu", "catalog.Product", number) for number in range(20_000, 30_000))
    with CaptureQueriesContext(connection) as seen:
        counts = outbox.mark(marks, using="default")
    assert len(seen) == 1
    assert counts == {"eu": 5 + 10_000}


def test_a_preview_goes_on_behind_what_it_saw(products: list[Any]) -> None:
    for product in products:
        product.save()
    first = pending(rows=3)
    rest = pending(rows=3, after=max(number for each in first for number in each.ids))
    assert [each.ref.key for each in (*first, *rest)] == [str(product.pk) for product in products]


def test_depth_counts_refs_and_not_changes(products: list[Any]) -> None:
    assert outbox.depth(using="default") == {}
    for _ in range(4):
        products[0].save()
    products[1].save()
    refs, since = outbox.depth(using="default")["eu"]
    assert refs == 2
    assert since == Change.objects.order_by("id").values_list("created", flat=True)[0]


def test_marking_nothing_is_no_statement(db: Any) -> None:
    with CaptureQueriesContext(connection) as seen:
        assert outbox.mark(Marks(), using="default") == {}
    assert not len(seen)


def test_two_writers_of_one_product_do_not_wait_for_each_other(products: list[Any]) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer")
    slow = connections.create_connection("default")
    marks = Marks()
    marks.add("catalog.Product", [products[0].pk])
    try:
        with slow.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                INSERT,
                [str(products[0].pk)],
            )
            with transaction.atomic(), connection.cursor() as ours:
                ours.execute("SET LOCAL lock_timeout = '1s'")
                assert outbox.mark(marks, using="default") == {"eu": 1}
            cursor.execute("ROLLBACK")
    finally:
        slow.close()
