"""`status`: T21."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from syncops import lanes
from syncops.models import Change, Store
from syncops.operations import flush
from syncops.operations.status import status
from syncops.providers.memory import Memory
from syncops.values import Done, Ending, ItemResult
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_and_what_failed(store: Store) -> None:
    for sku in ("A", "B", "C", "D"):
        make_product(store, sku)
    Memory.shelf("eu").answers.append(
        lambda _: Done(
            (ItemResult("A", "ok"), ItemResult("B", "rejected", "no"), ItemResult("C", "retry", "locked"))
        )
    )
    flush.run()
    make_product(store, "E")
    (found,) = status().stores
    assert (found.store, found.sync, found.waiting) == ("eu", True, 1)
    assert (found.retrying, found.parked, found.unconfirmed, found.drift) == (2, 1, 1, 0)
    assert found.lane.state == "idle"
    assert found.last_delivery is not None
    assert 0 <= (found.oldest_waiting_seconds or 0) < 60


def test_a_store_that_is_behind_is_a_finding_where_it_is_asked_for(store: Store) -> None:
    make_product(store, "A")
    assert status(judge=True).ending is Ending.DONE
    Change.objects.update(created=F("created") - timedelta(minutes=6))
    assert status(judge=True).ending is Ending.DIFFERENCES
    assert status().ending is Ending.DONE


def test_lanes_are_told_as_they_are(store: Store) -> None:
    Store.objects.create(slug="off", provider="memory", sync_prices=False)
    lanes.pause("eu", "stocktaking", using="default")
    states = {each.store: each.lane.state for each in status().stores}
    assert states == {"eu": "paused", "off": "off"}


def test_the_figures_are_read_for_all_stores_at_once(store: Store) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            status()
        return len(seen)

    one = queries()
    for number in range(5):
        Store.objects.create(slug=f"s{number}", provider="memory")
    assert queries() <= one + 5, "at most the lane's standing is asked store by store"


def test_without_a_store_there_is_nothing_to_tell(db: None) -> None:
    assert status(judge=True).stores == ()
