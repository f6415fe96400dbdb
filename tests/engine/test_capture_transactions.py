"""C01–C14: what a transaction does to the refs that are marked inside it."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import DatabaseError, connection, connections, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from project.catalog.models import PriceRecord, Product
from syncops import outbox, signals
from syncops.models import Change, Store
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


class Stop(Exception):
    """Leaves an atomic block."""


@pytest.fixture
def prices(store: Any, marked: Any) -> list[PriceRecord]:
    """Four saved prices with nothing waiting."""
    found = [make_product(store, f"A-{number}").price for number in range(4)]
    marked()
    return found


def refs(*prices: PriceRecord) -> list[tuple[str, str]]:
    return sorted(("eu", str(price.product_id)) for price in prices)


def raising() -> None:
    raise Stop


def test_C01_a_savepoint_rollback_drops_exactly_its_own_refs(prices: Any, marked: Any) -> None:
    before, inside, after, later = prices
    with transaction.atomic():
        before.save()
        with pytest.raises(Stop), transaction.atomic():
            inside.save()
            raise Stop
        after.save()
    assert marked() == refs(before, after)
    with transaction.atomic():
        later.save()
    assert marked() == refs(later)


def test_C01_a_ref_marked_before_and_inside_a_rolled_back_savepoint_survives(
    prices: Any, marked: Any
) -> None:
    with transaction.atomic():
        prices[0].save()
        with pytest.raises(Stop), transaction.atomic():
            prices[0].save()
            raise Stop
    assert marked() == refs(prices[0])


def test_C02_an_inner_block_that_ended_well_goes_with_its_outer_one(prices: Any, marked: Any) -> None:
    kept, outer, inner, _ = prices
    with transaction.atomic():
        kept.save()
        with pytest.raises(Stop), transaction.atomic():
            outer.save()
            with transaction.atomic():
                inner.save()
            raise Stop
    assert marked() == refs(kept)


def test_C02_a_swallowed_error_without_savepoint_takes_the_whole_transaction(
    prices: Any, marked: Any
) -> None:
    with transaction.atomic():
        prices[0].save()
        try:
            with transaction.atomic(savepoint=False):
                prices[1].save()
                raise Stop
        except Stop:
            pass
    assert marked() == []
    with transaction.atomic():
        prices[2].save()
    assert marked() == refs(prices[2])


def test_C02_a_rolled_back_transaction_leaves_nothing_for_the_next(prices: Any, marked: Any) -> None:
    for _ in range(3):
        with pytest.raises(Stop), transaction.atomic():
            prices[0].save()
            raise Stop
    with transaction.atomic():
        prices[1].save()
    assert marked() == refs(prices[1])


def test_C05_one_statement_for_any_number_of_saves(prices: Any) -> None:
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        for _ in range(50):
            for price in prices:
                price.save()
    assert sum("syncops_change" in each["sql"] for each in seen) == 1


def test_C05_at_most_two_statements_for_saves_that_each_have_a_savepoint(prices: Any, marked: Any) -> None:
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        for number in range(400):
            price = prices[number % 4]
            if number % 10:
                with transaction.atomic():
                    price.save()
                continue
            with pytest.raises(Stop), transaction.atomic():
                price.save()
                raise Stop
    assert sum("syncops_change" in each["sql"] for each in seen) <= 2
    assert marked() == refs(*prices)


def test_C05_savepoints_leave_no_hook_each(prices: Any) -> None:
    with transaction.atomic():
        for _ in range(300):
            with transaction.atomic():
                prices[0].save()
        assert len(connection.run_on_commit) <= 3


def test_C06_a_savepoint_that_django_does_not_know_of_marks_too_much_and_never_too_little(
    prices: Any, marked: Any
) -> None:
    with transaction.atomic():
        prices[0].save()
        savepoint = getattr(transaction, "savepoint_create", transaction.savepoint)()
        prices[1].save()
        transaction.savepoint_rollback(savepoint)
        prices[2].save()
    assert set(marked()) >= set(refs(prices[0], prices[2]))


def test_C07_an_autocommit_save_is_marked_at_once(prices: Any, marked: Any) -> None:
    with CaptureQueriesContext(connection) as seen:
        prices[0].save()
    assert marked() == refs(prices[0])
    assert sum("syncops_change" in each["sql"] for each in seen) == 1


def test_C07_a_failing_append_does_not_break_an_autocommit_save(
    prices: Any, marked: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise DatabaseError("no room")

    monkeypatch.setattr(outbox, "mark", broken)
    prices[0].save()
    assert "could not be appended" in caplog.text


def test_C08_code_that_commits_by_hand_saves_and_marks(prices: Any, marked: Any) -> None:
    hinted: list[frozenset[str]] = []

    def note(stores: frozenset[str], **_: object) -> None:
        hinted.append(stores)

    signals.marked.connect(note)
    transaction.set_autocommit(False)
    try:
        prices[0].save()
        assert hinted == [], "a hint before the commit would find nothing, or a price that is rolled back"
        transaction.commit()
        prices[1].save()
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
        signals.marked.disconnect(note)
    assert marked() == refs(prices[0])


def test_C09_a_hook_of_somebody_else_that_raises_loses_the_hint_and_no_row(prices: Any, marked: Any) -> None:
    hinted: list[frozenset[str]] = []

    def note(stores: frozenset[str], **_: object) -> None:
        hinted.append(stores)

    signals.marked.connect(note)
    try:
        with pytest.raises(Stop), transaction.atomic():
            transaction.on_commit(raising)
            prices[0].save()
        assert hinted == []
        with transaction.atomic():
            prices[1].save()
    finally:
        signals.marked.disconnect(note)
    assert hinted == [frozenset({"eu"})]
    assert marked() == refs(prices[0], prices[1])


def test_C10_a_change_that_cannot_be_written_takes_the_price_with_it(
    prices: Any, marked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    price, old = prices[0], prices[0].amount
    for error in (DatabaseError("no room"), ValueError("a bug of ours")):

        def broken(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(outbox, "mark", broken)
            with pytest.raises(type(error)), transaction.atomic():
                price.amount = 99
                price.save()
        assert PriceRecord.objects.get(pk=price.pk).amount == old
        assert not connection.in_atomic_block
        assert connection.get_autocommit()
    with transaction.atomic():
        prices[1].save()
    assert marked() == refs(prices[1])


def test_C10_log_keeps_the_save_and_marks_the_stores_whole(
    prices: Any, marked: Any, monkeypatch: pytest.MonkeyPatch, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SYNCOPS = {**settings.SYNCOPS, "ON_CAPTURE_ERROR": "log"}
    Store.objects.create(slug="off", provider="memory", sync_prices=False)

    def broken(*_: object, **__: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM a_table_that_is_not_there")

    monkeypatch.setattr(outbox, "mark", broken)
    with caplog.at_level(logging.ERROR, "syncops.capture"), transaction.atomic():
        prices[0].amount = 99
        prices[0].save()
    assert PriceRecord.objects.get(pk=prices[0].pk).amount == 99
    assert set(Change.objects.values_list("reason", flat=True)) == {"resync"}
    assert marked() == refs(*prices)
    assert "could not be appended" in caplog.text


def test_C11_the_receiver_of_a_save_makes_no_query(prices: Any) -> None:
    with transaction.atomic():
        with CaptureQueriesContext(connection) as seen:
            prices[0].save()
            prices[0].product.save()
        assert len(seen) == 2
        assert all(each["sql"].startswith("UPDATE") for each in seen)


def test_C12_each_database_has_a_batch_of_its_own(prices: Any, marked: Any) -> None:
    there = Store.objects.using("other").create(slug="eu", provider="memory")
    elsewhere = make_product(there, "B-1").price
    marked("other")
    with transaction.atomic(using="default"):
        prices[0].save()
        with pytest.raises(Stop), transaction.atomic(using="other"):
            elsewhere.save(using="other")
            raise Stop
    assert marked("default") == refs(prices[0])
    assert marked("other") == []
    with transaction.atomic(using="other"):
        elsewhere.save(using="other")
    assert marked("other") == [("eu", str(elsewhere.product_id))]
    assert marked("default") == []


def test_C13_threads_never_share_refs(prices: Any, marked: Any) -> None:
    inside, saved = threading.Event(), threading.Event()

    def other_request() -> None:
        try:
            with transaction.atomic():
                PriceRecord.objects.filter(pk=prices[1].pk).first()
                inside.set()
                saved.wait(10)
                Store.objects.get(pk="eu")
        finally:
            connections.close_all()

    thread = threading.Thread(target=other_request)
    thread.start()
    inside.wait(10)
    if connection.vendor == "sqlite":
        # An IMMEDIATE transaction holds the only write lock, so the two can only take turns.
        saved.set()
        thread.join(10)
    with pytest.raises(Stop), transaction.atomic():
        prices[0].save()
        raise Stop
    saved.set()
    thread.join(10)
    assert marked() == []


def test_C13_async_views_that_interleave_never_share_refs(prices: Any, marked: Any) -> None:
    @sync_to_async
    def rolled_back() -> None:
        with pytest.raises(Stop), transaction.atomic():
            prices[0].save()
            raise Stop

    async def views() -> None:
        await rolled_back()
        await prices[1].asave()
        await rolled_back()

    async_to_sync(views)()
    assert marked() == refs(prices[1])


def test_C13_a_connection_closed_in_mid_transaction_takes_its_refs_along(prices: Any, marked: Any) -> None:
    seen: list[Any] = []

    def request() -> None:
        try:
            with pytest.raises(Exception), transaction.atomic():  # noqa: B017, PT011 - each driver has its own
                prices[0].save()
                connection.connection.close()
                Store.objects.count()
            connection.close()
            with transaction.atomic():
                prices[1].save()
            seen.append("done")
        finally:
            connections.close_all()

    thread = threading.Thread(target=request)
    thread.start()
    thread.join(20)
    assert seen == ["done"]
    assert marked() == refs(prices[1])


class C14CapturedCallbacks(TestCase):
    """C14: a user's plain TestCase, which never commits."""

    def test_C14_both_captures_in_one_test_see_their_refs(self) -> None:
        store = Store.objects.create(slug="eu", provider="memory")
        first, second = (make_product(store, sku).price for sku in ("A", "B"))
        with self.captureOnCommitCallbacks(execute=True):
            pass
        Change.objects.all().delete()
        with self.captureOnCommitCallbacks(execute=True):
            first.save()
        assert list(Change.objects.values_list("ref", flat=True)) == [str(first.product_id)]
        Change.objects.all().delete()
        with self.captureOnCommitCallbacks(execute=True):
            second.save()
        assert list(Change.objects.values_list("ref", flat=True)) == [str(second.product_id)]


def test_a_hint_names_every_store_once(prices: Any) -> None:
    hinted: list[frozenset[str]] = []
    us = Store.objects.create(slug="us", provider="memory")
    other = make_product(us, "U-1").price

    def note(stores: frozenset[str], **_: object) -> None:
        hinted.append(stores)

    signals.marked.connect(note)
    try:
        with transaction.atomic():
            for price in (*prices, other):
                price.save()
    finally:
        signals.marked.disconnect(note)
    assert hinted == [frozenset({"eu", "us"})]


def test_a_product_that_is_made_and_dropped_in_one_transaction_is_marked_by_value(
    store: Any, marked: Any
) -> None:
    with transaction.atomic():
        product = make_product(store, "X")
        number = product.pk
        Product.objects.get(pk=number).delete()
    assert marked() == [("eu", str(number))]
