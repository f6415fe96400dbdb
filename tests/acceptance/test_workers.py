"""Real workers, real brokers, real databases, real kills.

The rule: a test looks at the marketplace and at the committed rows, never into a worker.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.conftest import Site, Web, eventually

STORE = """
Store.objects.create(slug="eu", provider="http", options={{"base_url": {url!r}, "batch_limit": {limit}}})
"""
PRODUCTS = """
with transaction.atomic():
    for number in range({count}):
        product = Product.objects.create(store_id="eu", sku=f"A-{{number}}", name="Mug")
        PriceRecord.objects.create(product=product, amount="12.50", currency="EUR")
"""
PRICE = """
price = PriceRecord.objects.get(product__sku="A-0")
price.amount = "{amount}"
price.save()
"""

Sites = Callable[..., Site]


def stocked(site: Site, web: Web, count: int = 1, limit: int = 100) -> None:
    """A store with some products, all of them marked."""
    assert web.do(STORE.format(url=site.market.url, limit=limit)) is None
    assert web.do(PRODUCTS.format(count=count)) is None


def lane(site: Site) -> tuple[Any, ...]:
    """Owner and expiry of the only lane."""
    return site.rows("SELECT owner, expires_at FROM syncops_lane")[0]


@pytest.mark.parametrize(
    ("database", "broker", "pool"),
    [("sqlite", "redis", "solo"), ("postgresql", "rabbitmq", "prefork")],
)
def test_D10_a_save_reaches_the_marketplace_and_nothing_else_is_called(
    site: Sites, database: str, broker: str, pool: str
) -> None:
    here = site(database, broker)
    web = here.web()
    here.worker(pool, 2)

    stocked(here, web, count=3)
    eventually(here.shown, {"A-0": "12.50", "A-1": "12.50", "A-2": "12.50"})
    assert web.do(PRICE.format(amount="13.75")) is None

    eventually(here.shown, {"A-0": "13.75", "A-1": "12.50", "A-2": "12.50"})
    eventually(here.changes, 0)
    assert here.market.received("eu", "A-0") == ["12.50", "13.75"]


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_D11_the_sweep_delivers_what_a_purged_broker_forgot(site: Sites, broker: str) -> None:
    here = site("sqlite", broker, SWEEP=1)
    web = here.web()
    stocked(here, web)
    assert here.broker is not None
    here.broker.purge()
    assert here.broker.hints() == 0
    assert here.shown() == {}

    here.worker()
    here.beat()

    # Well under 30 s: beat follows SYNCOPS_SWEEP.
    eventually(here.shown, {"A-0": "12.50"}, within=15)
    eventually(here.changes, 0)


def test_C09_the_sweep_delivers_where_a_hook_of_another_app_stopped_the_hint(site: Sites) -> None:
    here = site("sqlite", "redis", SWEEP=1)
    web = here.web()
    stocked(here, web)
    assert here.broker is not None
    here.broker.purge()

    raised = web.do(
        """
def other_app():
    raise RuntimeError("a hook that is not robust")
with transaction.atomic():
    transaction.on_commit(other_app)
    PriceRecord.objects.get().save()
"""
    )

    assert raised is not None
    assert "a hook that is not robust" in raised
    assert here.broker.hints() == 0
    assert here.changes() > 0
    here.worker(beat=True)
    eventually(here.shown, {"A-0": "12.50"}, within=15)


@pytest.mark.parametrize(("database", "pool"), [("sqlite", "solo"), ("postgresql", "prefork")])
def test_D07_a_worker_killed_between_push_and_settle_repeats_an_identical_price_only(
    site: Sites, database: str, pool: str
) -> None:
    here = site(database, "redis", TIMEOUT=2, LEASE=7, SWEEP=1)
    here.market.fault("lost_answer", store="eu", seconds=60)
    web = here.web()
    victim = here.worker(pool, 2)
    stocked(here, web)
    here.market.wait_held("eu")

    victim.kill()
    assert here.shown() == {"A-0": "12.50"}, "the marketplace applied the call"
    assert here.changes() > 0
    assert lane(here)[1] is not None, "the lease outlived its holder"
    here.worker(beat=True)

    eventually(here.changes, 0)
    assert here.shown() == {"A-0": "12.50"}
    assert here.market.received("eu", "A-0") == ["12.50", "12.50"]
    assert here.market.stats("eu")["max_senders"] == 1


def test_D01_two_workers_and_doubled_hints_by_the_dozen_never_send_at_once(site: Sites) -> None:
    here = site("postgresql", "redis")
    # Long enough for another worker to get as far as a call of its own, if nothing stopped it.
    here.market.fault("slow", store="eu", seconds=0.5, times=6)
    web = here.web()
    workers = [here.worker("prefork", 2), here.worker("prefork", 2)]
    stocked(here, web)

    raised = web.do(
        """
from syncops import tasks
for number in range(20):
    price = PriceRecord.objects.get(product__sku="A-0")
    price.amount = 20 + number
    price.save()
    for _ in range(12):
        tasks.hint("eu")
"""
    )

    assert raised is None
    eventually(here.shown, {"A-0": "39.00"})
    eventually(here.changes, 0)
    assert all(worker.said("syncops.deliver_store") for worker in workers), "both had hints to work on"
    assert here.market.stats("eu")["max_senders"] == 1
    received = [float(price) for price in here.market.received("eu", "A-0") if price]
    assert received == sorted(received), "an older price never follows a newer one"


@pytest.mark.parametrize(
    ("pool", "group"), [("solo", False), ("prefork", False), ("prefork", True)], ids=["solo", "main", "group"]
)
def test_D07_sigterm_ends_the_turn_with_its_call_and_gives_the_lease_back(
    site: Sites, pool: str, group: bool
) -> None:
    here = site("sqlite", "redis", TIMEOUT=20, LEASE=60)
    here.market.fault("slow", store="eu", seconds=60)
    web = here.web()
    worker = here.worker(pool, 1)
    stocked(here, web, count=3, limit=1)
    here.market.wait_held("eu")
    assert here.broker is not None

    (os.killpg if group else os.kill)(worker.popen.pid, signal.SIGTERM)
    if pool == "prefork":
        # The parent tells its child; a single process is interrupted in its call, before it reads the answer.
        eventually(lambda: worker.said("Warm shutdown"), True)
    here.market.clear_faults()

    assert worker.popen.wait(15) is not None
    assert lane(here) == ("", None), "the lease was given back"
    assert here.shown() == {"A-0": "12.50"}, "the call was finished, and no other one begun"
    assert here.rows("SELECT sku FROM syncops_remotelisting WHERE confirmed_at IS NOT NULL") == [("A-0",)]
    assert here.broker.hints() > 0, "another worker is asked to go on"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("committed", [True, False], ids=["after", "before"])
def test_C04_a_crash_on_either_side_of_the_commit_keeps_price_and_change_together(
    site: Sites, database: str, committed: bool
) -> None:
    here = site(database, "redis")
    web = here.web()
    stocked(here, web)
    assert here.broker is not None
    here.broker.purge()
    assert web.do("Change.objects.all().delete()") is None

    web.begin(
        f"""
import os, signal
commit = connection._commit
def crash():
    if {committed}:
        commit()
    os.kill(os.getpid(), signal.SIGKILL)
connection._commit = crash
with transaction.atomic():
    price = PriceRecord.objects.get()
    price.amount = "99.00"
    price.save()
"""
    )
    assert web.popen.wait(20) == -signal.SIGKILL

    [(price,)] = here.rows("SELECT amount FROM catalog_pricerecord")
    assert (float(price), here.changes()) == ((99.0, 1) if committed else (12.5, 0))
    assert here.broker.hints() == 0
