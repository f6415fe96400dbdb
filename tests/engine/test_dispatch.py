"""Which stores are due, and how a broken broker is kept from delaying its callers."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from syncops import dispatch, lanes
from syncops.models import Change, Failure, Lane, Store


class Clock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Broker:
    """Takes hints, at a price in seconds each, or refuses them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.taken: list[str] = []
        self.asked = 0
        self.costs = 0.0
        self.refuses = False

    def __call__(self, store: str) -> None:
        self.asked += 1
        self.clock.now += self.costs
        if self.refuses:
            raise ConnectionError("amqp://guest:secret@broker refuses")
        self.taken.append(store)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def broker(clock: Clock) -> Broker:
    return Broker(clock)


@pytest.fixture
def gate(clock: Clock) -> dispatch.Gate:
    return dispatch.Gate(clock)


def test_D10_every_store_gets_one_hint(gate: dispatch.Gate, broker: Broker) -> None:
    assert gate.send({"us", "eu"}, broker) == 2
    assert broker.taken == ["eu", "us"]


def test_D10_no_exception_escapes_and_the_first_failure_is_the_last_attempt(
    gate: dispatch.Gate, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.refuses = True
    with caplog.at_level(logging.WARNING):
        assert gate.send({"us", "eu"}, broker) == 0
    assert broker.asked == 1
    assert "ConnectionError" in caplog.text
    assert "secret" not in caplog.text


def test_D10_after_a_failure_no_hint_is_tried_for_30_seconds(
    gate: dispatch.Gate, broker: Broker, clock: Clock
) -> None:
    broker.refuses = True
    gate.send({"eu"}, broker)
    broker.refuses = False

    clock.now += 29.9
    assert gate.send({"eu"}, broker) == 0
    assert broker.asked == 1
    clock.now += 0.1
    assert gate.send({"eu"}, broker) == 1
    assert gate.send({"eu"}, broker) == 1


def test_D10_quiet_begins_when_the_failure_ended(gate: dispatch.Gate, broker: Broker, clock: Clock) -> None:
    broker.refuses, broker.costs = True, 1.0
    gate.send({"eu"}, broker)
    clock.now += 29.5
    gate.send({"eu"}, broker)
    assert broker.asked == 1


def test_D10_a_slow_broker_delays_a_commit_to_many_stores_by_less_than_one_and_a_half_seconds(
    gate: dispatch.Gate, broker: Broker, clock: Clock
) -> None:
    broker.costs, began = 0.9, clock.now
    assert gate.send({f"store-{number}" for number in range(50)}, broker) == 1
    assert clock.now - began < 1.5
    broker.costs = 0.0
    assert gate.send({"eu"}, broker) == 1, "slow is not broken"


def mark(store: str) -> None:
    Change.objects.create(store_id=store, source="catalog.Product", ref="1")


def owe(store: str, **values: Any) -> None:
    Failure.objects.create(
        store_id=store, source="catalog.Product", ref="1", sku="A-1", code="locked", **values
    )


@pytest.fixture
def stores(db: Any) -> None:
    for slug in ("eu", "us"):
        Store.objects.create(slug=slug, provider="memory")


@pytest.mark.usefixtures("stores")
def test_D11_a_store_is_due_once_however_much_waits() -> None:
    for _ in range(3):
        mark("us")
    assert dispatch.due(using="default") == ["us"]


@pytest.mark.usefixtures("stores")
def test_D11_a_failure_is_due_at_its_time_and_never_while_parked_or_muted() -> None:
    owe("eu", next_attempt_at=now() + timedelta(hours=1))
    owe("us", next_attempt_at=None)
    assert dispatch.due(using="default") == []
    Failure.objects.update(next_attempt_at=now() - timedelta(seconds=1))
    Failure.objects.filter(store="us").update(muted=True)
    assert dispatch.due(using="default") == ["eu"]


@pytest.mark.usefixtures("stores")
def test_D10_a_store_waits_for_its_changes_and_for_failures_whose_time_has_come() -> None:
    assert not dispatch.waits("eu", using="default")
    owe("eu", next_attempt_at=now() + timedelta(hours=1))
    assert not dispatch.waits("eu", using="default")
    Failure.objects.update(next_attempt_at=now() - timedelta(seconds=1))
    assert dispatch.waits("eu", using="default")
    Failure.objects.update(muted=True)
    mark("us")
    assert [dispatch.waits(store, using="default") for store in ("eu", "us", "gone")] == [False, True, False]


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize(
    "hindrance",
    [
        {"paused_at": timedelta(0)},
        {"expires_at": timedelta(minutes=1)},
        {"next_attempt_at": timedelta(minutes=1)},
        {"open_until": timedelta(minutes=1)},
    ],
    ids=["paused", "held", "waiting", "breaker"],
)
def test_D11_a_lane_that_could_not_be_taken_gets_no_hint(hindrance: dict[str, timedelta]) -> None:
    mark("eu")
    mark("us")
    Lane.objects.create(store_id="eu", **{name: now() + later for name, later in hindrance.items()})
    assert dispatch.due(using="default") == ["us"]


@pytest.mark.usefixtures("stores")
def test_D11_a_store_that_is_off_gets_no_hint() -> None:
    mark("eu")
    Store.objects.filter(slug="eu").update(sync_prices=False)
    assert dispatch.due(using="default") == []


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_C12_each_database_has_its_own_due_stores() -> None:
    Store.objects.using("other").create(slug="eu", provider="memory")
    Change.objects.using("other").create(store_id="eu", source="catalog.Product", ref="1")
    assert dispatch.due(using="other") == ["eu"]
    assert dispatch.due(using="default") == []
    assert lanes.ready("default") == set()
