"""D01, D02: at most one sender per store."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F

from syncops import lanes, signals
from syncops.errors import InsideTransaction, LaneHeld, LeaseLost, UsageError
from syncops.models import Lane, Store

pytestmark = pytest.mark.django_db(transaction=True)


def take(owner: str = "w1", **more: Any) -> lanes.Lease:
    return lanes.take("eu", owner=owner, using="default", **more)


def expire() -> None:
    """Let the lease run out, as the database's clock sees it."""
    Lane.objects.update(expires_at=F("expires_at") - timedelta(hours=1))


def test_D01_a_lane_is_taken_once(store: Store) -> None:
    take()
    with pytest.raises(LaneHeld, match="w1"):
        take("w2")


def test_D01_an_expired_lane_is_taken_over_with_the_next_token(store: Store) -> None:
    first = take()
    expire()
    assert take("w2").token == first.token + 1


def test_D01_a_lane_that_was_given_back_is_free(store: Store) -> None:
    lanes.release(take())
    assert lanes.standing("eu", using="default").state == "idle"
    take("w2")


def test_D01_of_many_at_once_one_gets_it(store: Store) -> None:
    lanes.release(take())
    barrier, won, lost = threading.Barrier(6), [], []

    def try_it(number: int) -> None:
        try:
            barrier.wait(10)
            won.append(take(f"w{number}").token)
        except LaneHeld:
            lost.append(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(won), len(lost)) == (1, 5)


def test_D02_who_lost_the_token_changes_nothing(store: Store) -> None:
    first = take()
    expire()
    second = take("w2")
    with pytest.raises(LeaseLost):
        lanes.renew(first, for_seconds=1)
    with pytest.raises(LeaseLost), transaction.atomic():
        lanes.hold(first)
    lanes.failed(first, delay=100)
    lanes.succeeded(first)
    lanes.release(first)
    row = Lane.objects.get()
    assert (row.owner, row.token, row.streak, row.next_attempt_at) == ("w2", second.token, 0, None)
    assert row.expires_at is not None


def test_D02_a_renewal_makes_room_for_the_call_by_the_monotonic_clock(store: Store, settings: Any) -> None:
    now = [1000.0]
    lease = take(monotonic=lambda: now[0])
    assert lease.left == 120
    now[0] += 100
    lanes.renew(lease, for_seconds=30)
    assert lease.left == 120
    lanes.renew(lease, for_seconds=600)
    assert 605 < lease.left < 610


def test_D02_a_renewal_that_took_longer_than_the_lease_is_no_renewal(store: Store) -> None:
    ticks = iter([0.0, 0.0, 500.0, 500.0, 500.0])
    lease = take(monotonic=lambda: next(ticks))
    with pytest.raises(LeaseLost):
        lanes.renew(lease, for_seconds=30)


def test_C32_no_call_starts_once_the_switch_off_is_committed(store: Store) -> None:
    lease = take()
    Store.objects.filter(pk="eu").update(sync_prices=False)
    with pytest.raises(LeaseLost):
        lanes.renew(lease, for_seconds=1)


def test_D06_a_lane_is_not_taken_inside_a_transaction(store: Store) -> None:
    with transaction.atomic(), pytest.raises(InsideTransaction):
        take()


def test_a_paused_lane_says_why_and_is_resumed(store: Store) -> None:
    told: list[str] = []

    def listen(reason: str, **_: object) -> None:
        told.append(reason)

    signals.store_paused.connect(listen)
    try:
        assert lanes.pause("eu", "maintenance", using="default")
        assert not lanes.pause("eu", "again", using="default")
    finally:
        signals.store_paused.disconnect(listen)
    assert told == ["maintenance"]
    with pytest.raises(LaneHeld, match="maintenance"):
        take()
    assert lanes.resume("eu", using="default")
    take()


def test_two_denials_running_pause_and_one_does_not(store: Store) -> None:
    lease = take()
    assert not lanes.denied(lease, "no", delay=0)
    lanes.succeeded(lease)
    assert not lanes.denied(lease, "no", delay=0)
    assert lanes.denied(lease, "no", delay=0)
    assert lanes.standing("eu", using="default").state == "paused"


def test_a_lane_that_rests_is_not_ready(store: Store) -> None:
    assert lanes.ready("default") == {"eu"}
    lease = take()
    assert lanes.ready("default") == set()
    lanes.failed(lease, delay=60)
    lanes.release(lease)
    assert lanes.ready("default") == set()
    assert lanes.standing("eu", using="default").state == "open"
    with pytest.raises(LaneHeld):
        take()
    Lane.objects.update(next_attempt_at=F("next_attempt_at") - timedelta(hours=1))
    assert lanes.ready("default") == {"eu"}
    take()


def test_a_store_that_is_not_there_is_said(db: Any) -> None:
    with pytest.raises(UsageError, match="gone"):
        lanes.take("gone", owner="w1", using="default")


def test_a_store_that_is_off_has_no_lane(store: Store) -> None:
    Store.objects.filter(pk="eu").update(sync_prices=False)
    assert lanes.ready("default") == set()
    with pytest.raises(LaneHeld, match="switched off"):
        take()
