"""`status`: one screen that says whether the stores keep up.

The rule: every figure is read in a query for all stores at once, and nothing is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q
from django.db.models.functions import Now

from syncops import conf, lanes, outbox
from syncops.models import Attempt, Drift, Failure, RemoteListing, Store
from syncops.operations.stores import select
from syncops.values import Ending

#: Seconds that a Change may wait before its store is behind.
OBJECTIVE = 300.0


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How one store stands."""

    store: str
    sync: bool
    waiting: int
    oldest_waiting_seconds: float | None
    retrying: int
    parked: int
    unconfirmed: int
    drift: int
    lane: lanes.Standing
    last_delivery: datetime | None

    @property
    def behind(self) -> bool:
        """Whether something has waited for longer than the objective."""
        return (self.oldest_waiting_seconds or 0) > OBJECTIVE


@dataclass(frozen=True, slots=True)
class Status:
    """How all stores stand."""

    stores: tuple[StoreStatus, ...]
    broker: str  #: "configured" or "none"
    judged: bool = False  #: a store that is behind is a finding

    @property
    def ending(self) -> Ending:
        behind = any(store.behind for store in self.stores)
        return Ending.DIFFERENCES if self.judged and behind else Ending.DONE


def status(patterns: Sequence[str] = (), *, judge: bool = False, using: str = "default") -> Status:
    """How the stores stand that match any of the patterns."""
    stores = select(patterns, using=using)
    depth = outbox.depth(using=using)
    now = _now(using)
    failures = _counted(
        Failure.objects.using(using)
        .values("store")
        .annotate(
            retrying=Count("id", filter=Q(muted=False, next_attempt_at__isnull=False)),
            parked=Count("id", filter=Q(muted=False, next_attempt_at__isnull=True)),
        )
        .values_list("store", "retrying", "parked")
    )
    unconfirmed = _counted(
        RemoteListing.objects.using(using)
        .filter(unconfirmed_since__isnull=False)
        .values("store")
        .annotate(n=Count("id"))
        .values_list("store", "n")
    )
    drift = _counted(
        Drift.objects.using(using)
        .filter(verified_at=None)
        .values("store")
        .annotate(n=Count("id"))
        .values_list("store", "n")
    )
    last = dict(
        Attempt.objects.using(using)
        .filter(verdict="ok")
        .values("store")
        .annotate(at=Max("started"))
        .values_list("store", "at")
    )
    found = []
    for store in stores:
        refs, oldest = depth.get(store.slug, (0, None))
        retrying, parked = failures.get(store.slug, (0, 0))
        found.append(
            StoreStatus(
                store.slug,
                store.sync_prices,
                refs,
                None if oldest is None or now is None else (now - oldest).total_seconds(),
                retrying,
                parked,
                unconfirmed.get(store.slug, (0,))[0],
                drift.get(store.slug, (0,))[0],
                lanes.standing(store.slug, using=using),
                last.get(store.slug),
            )
        )
    return Status(tuple(found), "configured" if conf.broker_url() else "none", judge)


def _counted(rows: object) -> Mapping[str, tuple[int, ...]]:
    return {row[0]: tuple(row[1:]) for row in rows}  # type: ignore[attr-defined]


def _now(using: str) -> datetime | None:
    """The database's clock, read off any store; without a store there is nothing to measure."""
    row = Store.objects.using(using).values_list(Now()).first()
    return row[0] if row else None
