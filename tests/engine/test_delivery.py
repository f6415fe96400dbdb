"""D03, D05, D06, D08, D09, D13, D21, D31, C28: one turn of one lane."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from project.catalog.models import PriceRecord, Product
from syncops import errors, lanes, signals
from syncops.delivery import Delivery, Means, deliver, preview
from syncops.models import Attempt, Change, Failure, Lane, RemoteListing, Store
from syncops.providers.memory import Memory, Shelf
from syncops.values import Done, ItemResult, Listing
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def shelf(store: Store) -> Shelf:
    return Memory.shelf("eu")


@pytest.fixture
def products(store: Store) -> list[Product]:
    return [make_product(store, f"A-{number}") for number in range(3)]


def turn(**more: Any) -> Delivery:
    still = Means(sleep=lambda _: None, chance=random.Random(1), owner="test")
    return deliver("eu", **({"means": still} | more))


def set_price(product: Product, amount: str) -> None:
    price = PriceRecord.objects.get(product=product)
    price.amount = Decimal(amount)
    price.save()


def rested() -> None:
    """Let every waiting time pass, as the database's clock sees it."""
    Lane.objects.update(next_attempt_at=None)
    Failure.objects.exclude(next_attempt_at=None).update(next_attempt_at=LONG_AGO)
    RemoteListing.objects.exclude(unconfirmed_since=None).update(unconfirmed_since=LONG_AGO)


def test_what_is_marked_is_sent_and_confirmed(products: list[Product], shelf: Shelf) -> None:
    done = turn()
    assert (done.refs, done.calls, done.delivered, done.waiting) == (3, 1, 3, 0)
    assert shelf.items["A-1"] == Listing("A-1", "Mug", Decimal("12.5000"), "EUR")
    assert RemoteListing.objects.filter(confirmed_at__isnull=False, unconfirmed_since=None).count() == 3
    assert not Change.objects.exists()


def test_D08_what_is_confirmed_is_settled_without_a_call(products: list[Product], shelf: Shelf) -> None:
    turn()
    products[0].save()
    done = turn()
    assert (done.calls, done.unchanged, done.delivered) == (0, 1, 0)
    products[0].save()
    assert turn(force=True).delivered == 1
    assert len(shelf.calls) == 2


def test_D08_a_new_name_is_a_change(products: list[Product], shelf: Shelf) -> None:
    turn()
    products[0].name = "Cup"
    products[0].save()
    assert turn().delivered == 1
    assert shelf.items["A-0"].name == "Cup"


def test_D03_a_change_during_the_call_is_delivered_next(products: list[Product], shelf: Shelf) -> None:
    def change_meanwhile(batch: Sequence[Listing]) -> None:
        set_price(products[0], "99.00")

    shelf.answers.append(change_meanwhile)  # type: ignore[arg-type]
    turn()
    assert [call[0].price for call in shelf.calls if call[0].sku == "A-0"] == [Decimal("12.5"), Decimal(99)]
    assert shelf.items["A-0"].price == Decimal(99)


def test_D03_the_ids_are_read_before_the_price(products: list[Product]) -> None:
    with CaptureQueriesContext(connection) as seen:
        turn()
    reads = [each["sql"] for each in seen if each["sql"].startswith("SELECT")]
    changes = next(place for place, sql in enumerate(reads) if 'FROM "syncops_change"' in sql)
    prices = next(place for place, sql in enumerate(reads) if "catalog_pricerecord" in sql)
    assert changes < prices
    assert not any("syncops_change" in sql and "catalog_" in sql for sql in reads)


def test_D06_nothing_is_called_inside_a_transaction(products: list[Product], shelf: Shelf) -> None:
    with transaction.atomic(), pytest.raises(errors.InsideTransaction):
        turn()
    assert shelf.calls == []

    def look(batch: Sequence[Listing]) -> None:
        assert not connection.in_atomic_block

    shelf.answers.append(look)  # type: ignore[arg-type]
    assert turn().delivered == 3


def test_D09_each_sku_once_oldest_first_and_no_more_than_the_limit(store: Store, shelf: Shelf) -> None:
    store.options = {"batch_limit": 4}
    store.save()
    products = [make_product(store, f"B-{number}") for number in range(10)]
    for _ in range(5):
        products[9].save()
    turn()
    assert [len(call) for call in shelf.calls] == [4, 4, 2]
    assert [each.sku for call in shelf.calls for each in call] == [f"B-{number}" for number in range(10)]


def test_D09_a_lane_gives_up_its_turn_when_the_time_is_over(store: Store, shelf: Shelf) -> None:
    store.options = {"batch_limit": 1}
    store.save()
    for number in range(5):
        make_product(store, f"B-{number}")
    clock = [0.0]

    def takes_forty_seconds(batch: Sequence[Listing]) -> None:
        clock[0] += 40

    shelf.answers.extend([takes_forty_seconds] * 5)  # type: ignore[list-item]
    done = turn(means=Means(monotonic=lambda: clock[0], sleep=lambda _: None))
    assert done.calls == 2
    assert done.waiting == 3
    assert Lane.objects.get().expires_at is None


def test_two_products_with_one_sku_are_not_sent_in_one_call(store: Store, shelf: Shelf) -> None:
    from tests.shop.models import Article

    for title in ("first", "second"):
        Article.objects.create(code="SAME", title=title, cost=Decimal(5), money="EUR").stores.add(store)
    done = turn()
    assert (done.delivered, done.parked) == (1, 1)
    assert Failure.objects.get().code == "duplicate_sku"


def test_C28_a_product_that_is_gone_is_settled_silently(products: list[Product], shelf: Shelf) -> None:
    products[0].delete()
    PriceRecord.objects.get(product=products[1]).delete()
    done = turn()
    assert (done.gone, done.delivered) == (2, 1)
    assert not Change.objects.exists()


def test_C28_a_ref_of_a_source_that_is_gone_is_settled_silently(store: Store, shelf: Shelf) -> None:
    Change.objects.create(store=store, source="old.Model", ref="7")
    Change.objects.create(store=store, source="catalog.Product", ref="not-a-number")
    assert turn().gone == 2


def answer(*results: ItemResult) -> Callable[[Sequence[Listing]], Done]:
    return lambda _batch: Done(results)


def test_results_are_matched_by_sku_and_never_by_order(products: list[Product], shelf: Shelf) -> None:
    shelf.answers.append(
        answer(
            ItemResult("A-2", "rejected", "price_refused"), ItemResult("A-0", "ok"), ItemResult("A-1", "ok")
        )
    )
    done = turn()
    assert (done.delivered, done.parked) == (2, 1)
    failure = Failure.objects.get()
    assert (failure.sku, failure.code, failure.state) == ("A-2", "price_refused", "parked")


def test_an_item_that_says_retry_is_tried_again_and_parked_after_five(
    products: list[Product], shelf: Shelf
) -> None:
    turn()
    set_price(products[0], "1.00")
    for attempt in range(1, 6):
        shelf.answers.append(answer(ItemResult("A-0", "retry", "locked")))
        done = turn()
        failure = Failure.objects.get()
        assert failure.attempts == attempt
        assert failure.state == ("retrying" if attempt < 5 else "parked")
        assert done.calls == 1
        rested()
    assert turn().calls == 0


def test_a_new_price_revives_a_parked_item(products: list[Product], shelf: Shelf) -> None:
    shelf.answers.append(answer(*(ItemResult(f"A-{n}", "rejected", "no") for n in range(3))))
    assert turn().parked == 3
    set_price(products[0], "1.00")
    assert turn().delivered == 1
    assert Failure.objects.count() == 2


def test_what_the_marketplace_makes_of_a_price_is_compared(products: list[Product], shelf: Shelf) -> None:
    shelf.answers.append(answer(*(ItemResult(f"A-{n}", "ok", price=Decimal(1250)) for n in range(3))))
    assert turn().parked == 3
    assert set(Failure.objects.values_list("code", flat=True)) == {"coerced"}


def test_D05_an_unknown_outcome_waits_and_is_read_back(products: list[Product], shelf: Shelf) -> None:
    def applied_and_lost(batch: Sequence[Listing]) -> errors.ProviderError:
        shelf.items.update({each.sku: each for each in batch if each.sku != "A-2"})
        return errors.OutcomeUnknown("no answer")

    shelf.answers.append(applied_and_lost)
    done = turn()
    assert (done.delivered, done.unknown, done.parked) == (0, 3, 0)
    assert set(Failure.objects.values_list("attempts", flat=True)) == {0}

    Lane.objects.update(next_attempt_at=None)
    set_price(products[0], "99.00")
    done = turn()
    assert done.calls == 0, "not sent again before the outcome has settled"
    assert Change.objects.count() == 0

    rested()
    done = turn()
    assert done.delivered == 2, "only the difference is sent: the new price, and what was not applied"
    assert done.unchanged == 1
    assert shelf.items["A-0"].price == Decimal(99)
    assert not Failure.objects.exists()
    assert not RemoteListing.objects.exclude(unconfirmed_since=None).exists()


def test_D05_a_new_price_does_not_postpone_the_reading_back(products: list[Product], shelf: Shelf) -> None:
    shelf.answers.append(lambda _: errors.OutcomeUnknown("no answer"))
    turn()
    Lane.objects.update(next_attempt_at=None)
    RemoteListing.objects.update(unconfirmed_since=F("unconfirmed_since") - timedelta(seconds=40))
    before = RemoteListing.objects.get(sku="A-0").unconfirmed_since
    set_price(products[0], "99.00")
    turn()
    assert RemoteListing.objects.get(sku="A-0").unconfirmed_since == before
    due = Failure.objects.get(sku="A-0").next_attempt_at
    assert due is not None
    assert before is not None
    assert (due - before).total_seconds() == pytest.approx(60, abs=1)


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_D05_a_call_that_is_interrupted_is_read_back_before_anything_newer_is_sent(
    products: list[Product], shelf: Shelf, leaving: type[BaseException]
) -> None:
    def interrupted(batch: Sequence[Listing]) -> None:
        raise leaving

    shelf.answers.append(interrupted)  # type: ignore[arg-type]
    with pytest.raises(leaving):
        turn()
    assert Lane.objects.get().expires_at is None
    assert Attempt.objects.get().verdict == "outcome unknown"
    set_price(products[0], "99.00")
    assert turn().calls == 0
    rested()
    assert turn().delivered == 3
    assert shelf.items["A-0"].price == Decimal(99)


def test_D05_a_sku_missing_from_the_answer_is_unknown(products: list[Product], shelf: Shelf) -> None:
    shelf.answers.append(answer(ItemResult("A-0", "ok"), ItemResult("A-1", "ok")))
    done = turn()
    assert (done.delivered, done.unknown) == (2, 1)
    assert RemoteListing.objects.get(sku="A-2").unconfirmed_since is not None


@pytest.mark.parametrize(
    "fault", [errors.Unreachable("refused"), errors.Throttled("slow down", retry_after=70), KeyError("a bug")]
)
def test_a_store_fault_leaves_the_items_as_they_were(
    products: list[Product], shelf: Shelf, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Done:
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(Memory, "push", broken)
        done = turn()
    assert (done.waiting, done.parked, done.retrying) == (3, 0, 0)
    assert Change.objects.count() > 0
    lane = Lane.objects.get()
    assert lane.streak == 1
    assert lane.next_attempt_at is not None
    assert lane.expires_at is None
    if isinstance(fault, errors.Throttled):
        started = Attempt.objects.get().started
        assert (lane.next_attempt_at - started).total_seconds() >= 69
    assert turn().calls == 0
    rested()
    assert turn().delivered == 3
    assert Lane.objects.get().streak == 0


def test_denied_twice_pauses_and_tells_once(products: list[Product], shelf: Shelf) -> None:
    told: list[str] = []

    def listen(store: str, **_: object) -> None:
        told.append(store)

    signals.store_paused.connect(listen)
    try:
        for _ in range(2):
            shelf.answers.append(lambda _batch: errors.Unauthorized("401", status=401))
            turn()
            rested()
    finally:
        signals.store_paused.disconnect(listen)
    assert told == ["eu"]
    assert "paused" in turn().skipped_because
    lanes.resume("eu", using="default")
    assert turn().delivered == 3


def test_an_endpoint_that_is_not_there_pauses(products: list[Product], shelf: Shelf) -> None:
    shelf.answers.append(lambda _batch: errors.EndpointMissing("404", status=404))
    turn()
    assert lanes.standing("eu", using="default").state == "paused"


def test_a_batch_that_is_too_large_is_halved(store: Store, shelf: Shelf) -> None:
    for number in range(8):
        make_product(store, f"B-{number}")
    shelf.answers.append(lambda _batch: errors.CallRefused("413", status=413))
    done = turn()
    assert [len(call) for call in shelf.calls] == [8, 4, 4]
    assert done.delivered == 8


def test_the_item_that_spoils_a_call_is_found_and_parked(store: Store, shelf: Shelf) -> None:
    for number in range(8):
        make_product(store, f"B-{number}")

    def refuses(batch: Sequence[Listing]) -> errors.ProviderError | None:
        bad = any(each.sku == "B-5" for each in batch)
        return errors.CallRefused("400 malformed", status=400) if bad else None

    shelf.answers.extend([refuses] * 20)
    done = turn()
    assert (done.delivered, done.parked) == (7, 1)
    assert Failure.objects.get().sku == "B-5"
    assert done.calls <= 16


def test_a_price_that_a_currency_cannot_have_is_parked_without_a_call(store: Store, shelf: Shelf) -> None:
    make_product(store, "J", amount="12.50", currency="JPY")
    done = turn()
    assert (done.calls, done.parked) == (0, 1)
    assert Failure.objects.get().code == "decimals"


def test_D02_a_holder_that_lost_its_lease_settles_nothing(products: list[Product], shelf: Shelf) -> None:
    def somebody_else_takes_over(batch: Sequence[Listing]) -> None:
        Lane.objects.update(token=99, owner="other")

    shelf.answers.append(somebody_else_takes_over)  # type: ignore[arg-type]
    done = turn()
    assert "lost" in done.skipped_because
    assert Change.objects.count() > 0
    assert not Attempt.objects.exists()
    assert not RemoteListing.objects.exists()
    assert Lane.objects.get().owner == "other"


def test_C32_a_store_that_is_switched_off_in_mid_turn_gets_no_further_call(
    store: Store, shelf: Shelf
) -> None:
    store.options = {"batch_limit": 1}
    store.save()
    for number in range(5):
        make_product(store, f"B-{number}")

    def switch_off(batch: Sequence[Listing]) -> None:
        Store.objects.filter(pk="eu").update(sync_prices=False)

    shelf.answers.append(switch_off)  # type: ignore[arg-type]
    turn()
    assert len(shelf.calls) == 1


def test_D21_each_call_leaves_an_attempt_without_a_body(products: list[Product], shelf: Shelf) -> None:
    shelf.answers.append(
        lambda batch: Done(tuple(ItemResult(each.sku, "ok") for each in batch), status=200, request_id="r-1")
    )
    turn(run=None)
    attempt = Attempt.objects.get()
    assert (attempt.items, attempt.verdict, attempt.http_status, attempt.request_id) == (3, "ok", 200, "r-1")
    assert attempt.token == Lane.objects.get().token
    assert attempt.duration >= 0


def test_D17_only_what_was_not_sent_is_tried_again_at_once(products: list[Product], shelf: Shelf) -> None:
    slept: list[float] = []
    shelf.answers.extend([lambda _: errors.Unreachable("refused")] * 2)
    done = turn(means=Means(sleep=slept.append))
    assert done.delivered == 3
    assert len(slept) == 2
    set_price(products[0], "1.00")
    shelf.answers.append(lambda _: errors.ServerFault("500", status=500))
    turn(means=Means(sleep=slept.append))
    assert len(slept) == 2


def test_a_limit_is_kept(products: list[Product], shelf: Shelf) -> None:
    done = turn(limit=2)
    assert (done.refs, done.delivered, done.waiting) == (2, 2, 1)


def test_D31_a_preview_writes_nothing_and_calls_nothing(
    products: list[Product], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    turn()
    set_price(products[0], "1.00")
    products[1].save()

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a preview opened a socket")

    written: list[str] = []

    def only_reads(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip().upper().startswith("SELECT"):
            written.append(sql)
        return execute(sql, params, many, context)

    monkeypatch.setattr(socket.socket, "connect", no_network)
    with connection.execute_wrapper(only_reads):
        seen = preview("eu", using="default")
    assert written == []
    assert seen.fates == {"send": 1, "unchanged": 1}
    step = seen.batches[0][0]
    assert (step.sku, step.old, step.new) == ("A-0", Decimal("12.5"), Decimal(1))
    assert len(shelf.calls) == 1


def test_D31_a_preview_cuts_the_batches_that_a_delivery_then_sends(store: Store, shelf: Shelf) -> None:
    store.options = {"batch_limit": 7}
    store.save()
    for number in range(1200):
        make_product(store, f"B-{number}")
    planned = [[step.sku for step in batch] for batch in preview("eu", using="default").batches]
    while turn().waiting:
        pass
    sent = [[each.sku for each in call] for call in shelf.calls]
    assert [sku for batch in planned for sku in batch] == [sku for call in sent for sku in call]
    assert planned[0] == sent[0]
