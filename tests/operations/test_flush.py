"""`flush`: D13, D30, D31, T22."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from project.catalog.models import PriceRecord
from syncops import errors, lanes
from syncops.errors import UsageError
from syncops.models import Change, Failure, Lane, Run, Store
from syncops.operations import flush
from syncops.providers.memory import Memory
from syncops.values import Done, Ending, ItemResult
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True)


def no_pause(_: float) -> None:
    raise AssertionError("a flush that need not wait waited")


def test_nothing_to_do_is_no_run(store: Store) -> None:
    done = flush.run()
    assert (done.stores, done.run, done.ending) == ((), None, Ending.DONE)
    assert not Run.objects.exists()


def test_every_store_that_has_work_is_flushed(store: Store) -> None:
    us = Store.objects.create(slug="us", provider="memory")
    Store.objects.create(slug="idle", provider="memory")
    for number in range(3):
        make_product(store, f"A-{number}")
        make_product(us, f"A-{number}")
    done = flush.run(pause=no_pause)
    assert {each.store: each.delivered for each in done.stores} == {"eu": 3, "us": 3}
    run = Run.objects.get()
    assert run.pk == done.run
    assert run.finished is not None
    assert run.counts["eu"]["delivered"] == 3


def test_only_the_stores_that_match(store: Store) -> None:
    us = Store.objects.create(slug="us-1", provider="memory")
    make_product(store, "A")
    make_product(us, "A")
    done = flush.run(["us-*"])
    assert [each.store for each in done.stores] == ["us-1"]
    with pytest.raises(UsageError, match="nope"):
        flush.run(["nope"])


def test_a_flush_goes_on_turn_after_turn(store: Store, settings: Any) -> None:
    settings.SYNCOPS = {**settings.SYNCOPS, "TURN": 0.0001, "LEASE": 120}
    store.options = {"batch_limit": 2}
    store.save()
    for number in range(9):
        make_product(store, f"A-{number}")
    done = flush.run(pause=no_pause)
    assert done.stores[0].delivered == 9


def test_a_limit_is_refs_a_store(store: Store) -> None:
    for number in range(9):
        make_product(store, f"A-{number}")
    done = flush.run(limit=4)
    assert (done.stores[0].refs, done.stores[0].waiting) == (4, 5)


def test_force_sends_what_is_confirmed_once(store: Store) -> None:
    product = make_product(store, "A")
    flush.run()
    product.save()
    done = flush.run(force=True)
    assert (done.stores[0].calls, done.stores[0].delivered) == (1, 1)


@pytest.mark.parametrize(
    ("result", "ending"),
    [
        (ItemResult("A", "rejected", "no"), Ending.LEFTOVERS),
        (ItemResult("A", "retry", "locked"), Ending.LEFTOVERS),
        (ItemResult("other", "ok"), Ending.TEMPORARY),
        (ItemResult("A", "ok"), Ending.DONE),
    ],
)
def test_how_it_ends(store: Store, result: ItemResult, ending: Ending) -> None:
    make_product(store, "A")
    Memory.shelf("eu").answers.append(lambda _: Done((result,)))
    assert flush.run().ending is ending


def test_a_store_that_is_set_up_wrongly_keeps_no_other_waiting(store: Store) -> None:
    wrong = Store.objects.create(slug="aa", provider="http", options={})
    strange = Store.objects.create(slug="ab", provider="ebay")
    for each in (wrong, strange, store):
        make_product(each, "A")
    planned = flush.dry_run()
    assert planned.ending is Ending.MISCONFIGURED
    assert [bool(each.batches) for each in planned.previews] == [False, False, True]
    done = flush.run(pause=no_pause)
    assert {each.store: each.delivered for each in done.stores} == {"aa": 0, "ab": 0, "eu": 1}
    assert done.ending is Ending.MISCONFIGURED
    assert "base_url" in done.stores[0].skipped_because
    assert "memory" in done.stores[1].skipped_because


def test_a_lane_that_is_held_is_said(store: Store) -> None:
    make_product(store, "A")
    lanes.take("eu", owner="a worker", using="default")
    done = flush.run(pause=no_pause)
    assert done.ending is Ending.TEMPORARY
    assert "a worker" in done.stores[0].skipped_because
    assert done.stores[0].waiting == 1


def test_a_marketplace_that_is_down_is_temporary(store: Store) -> None:
    make_product(store, "A")
    Memory.shelf("eu").answers.extend([lambda _: errors.ServerFault("500", status=500)])
    assert flush.run(pause=no_pause).ending is Ending.TEMPORARY


def test_D30_wait_goes_on_until_nothing_is_tried_again(store: Store) -> None:
    make_product(store, "A")
    Memory.shelf("eu").answers.append(lambda _: Done((ItemResult("A", "retry", "locked"),)))
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        Failure.objects.update(next_attempt_at="2020-01-01T00:00:00Z")

    done = flush.run(wait=True, pause=pause)
    assert len(pauses) == 1
    assert done.stores[0].delivered == 1
    assert done.stores[0].waiting == 0


def test_D13_watch_delivers_what_comes_later(store: Store) -> None:
    make_product(store, "A")
    looks = []

    def pause(_: float) -> None:
        looks.append(1)
        if len(looks) == 1:
            price = PriceRecord.objects.get()
            price.amount = Decimal(7)
            price.save()
        elif len(looks) == 3:
            raise KeyboardInterrupt

    done = flush.run(forever=True, pause=pause)
    assert done.stores[0].delivered == 2
    assert Memory.shelf("eu").items["A"].price == 7
    assert Run.objects.get().finished is not None


def test_D31_a_dry_run_leaves_everything_as_it_was(store: Store) -> None:
    make_product(store, "A")
    before = list(Change.objects.values_list("id", flat=True))
    done = flush.dry_run()
    assert done.dry_run
    assert done.previews[0].fates == {"send": 1}
    assert list(Change.objects.values_list("id", flat=True)) == before
    assert not Run.objects.exists()
    assert not Lane.objects.exists()
    assert Memory.shelf("eu").calls == []
