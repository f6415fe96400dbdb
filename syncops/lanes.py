"""Lanes: at most one sender per store, over all workers and machines. The only writer of Lane.

The rule: a lane is taken by a conditional UPDATE with the database's clock, each taking adds one to the
fencing token, and whoever lost the token changes no row and starts no further call. The holder's own limit is
a monotonic clock, so that a wall clock that jumps changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import connections, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from syncops import conf, signals
from syncops.errors import InsideTransaction, LaneHeld, LeaseLost, UsageError
from syncops.models import Lane, Store
from syncops.sql import from_now

#: A call is never started when the lease has less left than the call may take and this many seconds.
MARGIN = 5.0

#: Seconds that renewing may take; without them the shortest lease allowed would be too short once renewed.
SLACK = 1.0

#: `open`: the marketplace is left alone until a time, after a fault or by its breaker.
State = Literal["idle", "busy", "paused", "open", "off"]


@dataclass(slots=True)
class Lease:
    """The right to send for one store, until `ends` on this machine's monotonic clock."""

    store: str
    token: int
    using: str
    ends: float
    monotonic: Callable[[], float] = time.monotonic

    @property
    def left(self) -> float:
        """Seconds until somebody else may take the lane."""
        return self.ends - self.monotonic()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lane stands, as an operator sees it."""

    state: State
    until: datetime | None = None
    holder: str = ""
    reason: str = ""


def take(store: str, *, owner: str, using: str, monotonic: Callable[[], float] = time.monotonic) -> Lease:
    """Take the lane of a store that is switched on, not paused and not waiting.

    Raises LaneHeld with what stands in the way, UsageError where there is no such store, and InsideTransaction
    where the caller has a transaction open: a marketplace must not be called inside one.
    """
    if not Store.objects.using(using).filter(pk=store).exists():
        raise UsageError(f"There is no store {store}", hint="syncops stores list")
    ttl = conf.get().LEASE
    before = monotonic()
    try:
        with transaction.atomic(using=using, durable=True):
            lanes = Lane.objects.using(using)
            lanes.bulk_create([Lane(store_id=store)], ignore_conflicts=True)
            free = Q(expires_at=None) | Q(expires_at__lte=Now())
            due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=Now())
            shut = Q(open_until=None) | Q(open_until__lte=Now())
            taken = (lanes.filter(free, due, shut, _switched_on(), store=store, paused_at=None)).update(
                owner=owner[:200], token=F("token") + 1, expires_at=from_now(ttl)
            )
            if taken:
                token = lanes.values_list("token", flat=True).get(store=store)
                return Lease(store, token, using, before + ttl, monotonic)
    except RuntimeError as error:
        if not connections[using].in_atomic_block:
            raise
        raise InsideTransaction(hint="Deliver after the commit: `syncops flush`, or a worker.") from error
    where = standing(store, using=using)
    raise LaneHeld(_in_the_way(store, where), hint=f"syncops stores show {store}")


def renew(lease: Lease, *, for_seconds: float) -> None:
    """Make the lease long enough for a call of so many seconds, and make sure that the call may start at all.

    Raises LeaseLost where the token is no longer ours, or where the store was switched off or paused.
    """
    ttl = max(conf.get().LEASE, for_seconds + MARGIN + SLACK)
    before = lease.monotonic()
    held = Lane.objects.using(lease.using).filter(_switched_on(), store=lease.store, token=lease.token)
    if not held.filter(paused_at=None, expires_at__isnull=False).update(expires_at=from_now(ttl)):
        raise LeaseLost
    lease.ends = before + ttl
    if lease.left < for_seconds + MARGIN:
        # The UPDATE itself took longer than the lease: somebody else may have the lane by now.
        raise LeaseLost


def hold(lease: Lease) -> datetime:
    """Lock the lane in the open transaction and prove that the token is ours. Raises LeaseLost.

    Returns the time by the database's clock, for what is written under the lock.
    """
    if not _ours(lease).update(token=F("token")):
        raise LeaseLost
    now: datetime = _ours(lease).values_list(Now(), flat=True).get()
    return now


def release(lease: Lease) -> None:
    """Give the lane back, if it is still ours."""
    _ours(lease).update(owner="", expires_at=None)


def succeeded(lease: Lease) -> None:
    """A call was answered: the store is well."""
    unwell = Q(streak__gt=0) | Q(denials__gt=0) | Q(open_seconds__gt=0) | Q(next_attempt_at__isnull=False)
    _ours(lease).filter(unwell).update(
        streak=0, denials=0, open_seconds=0, open_until=None, next_attempt_at=None
    )


def failed(lease: Lease, *, delay: float) -> None:
    """A store fault: wait `delay` seconds before the next call, whoever makes it."""
    _ours(lease).update(streak=F("streak") + 1, next_attempt_at=from_now(delay))


def streak(lease: Lease) -> int:
    """Store faults running, before the present one."""
    return Lane.objects.using(lease.using).values_list("streak", flat=True).get(store=lease.store)


def denied(lease: Lease, reason: str, *, delay: float) -> bool:
    """401 or 403: the second one running pauses the lane. Returns whether it is paused now."""
    _ours(lease).update(denials=F("denials") + 1, next_attempt_at=from_now(delay))
    if _ours(lease).filter(denials__gte=2).exists():
        return pause(lease.store, reason, using=lease.using)
    return False


def pause(store: str, reason: str, *, using: str) -> bool:
    """Stop the lane until an operator resumes it. Returns False where it was paused already."""
    lanes = Lane.objects.using(using)
    lanes.bulk_create([Lane(store_id=store)], ignore_conflicts=True)
    if not lanes.filter(store=store, paused_at=None).update(paused_at=Now(), paused_reason=reason):
        return False
    signals.store_paused.send_robust(sender=Lane, store=store, reason=reason, using=using)
    return True


def resume(store: str, *, using: str) -> bool:
    """Let a lane that is paused or rests after a fault go on at once. Returns False where it was free."""
    stopped = Q(paused_at__isnull=False) | Q(next_attempt_at__isnull=False) | Q(open_until__isnull=False)
    return bool(
        Lane.objects.using(using)
        .filter(stopped, store=store)
        .update(paused_at=None, paused_reason="", denials=0, streak=0, next_attempt_at=None, open_until=None)
    )


def ready(using: str) -> set[str]:
    """The stores that are on and whose lane could be taken now."""
    blocked = Lane.objects.using(using).filter(
        Q(paused_at__isnull=False)
        | Q(expires_at__gt=Now())
        | Q(next_attempt_at__gt=Now())
        | Q(open_until__gt=Now())
    )
    stores = Store.objects.using(using).filter(sync_prices=True).exclude(pk__in=blocked.values("store"))
    return set(stores.values_list("slug", flat=True))


def standing(store: str, *, using: str) -> Standing:
    """Where the lane of a store stands now, by the database's clock."""
    row = (
        Store.objects.using(using)
        .filter(pk=store)
        .values_list(
            "sync_prices",
            "lane__paused_at",
            "lane__paused_reason",
            "lane__expires_at",
            "lane__owner",
            "lane__open_until",
            "lane__next_attempt_at",
            Now(),
        )
        .get()
    )
    on, paused, reason, expires, owner, open_until, next_attempt, now = row
    if not on:
        return Standing("off")
    if paused:
        return Standing("paused", reason=reason)
    if expires and expires > now:
        return Standing("busy", until=expires, holder=owner)
    rests = [until for until in (open_until, next_attempt) if until and until > now]
    return Standing("open", until=max(rests)) if rests else Standing("idle")


def _in_the_way(store: str, where: Standing) -> str:
    until = f" until {where.until:%H:%M:%S} UTC" if where.until else ""
    return {
        "off": f"{store} is switched off",
        "paused": f"{store} is paused: {where.reason}",
        "busy": f"the lane of {store} is held by {where.holder}{until}",
        "open": f"{store} is left alone after a fault{until}",
        "idle": f"the lane of {store} was taken and given back meanwhile",
    }[where.state]


def _ours(lease: Lease) -> Any:
    return Lane.objects.using(lease.using).filter(store=lease.store, token=lease.token)


def _switched_on() -> Exists:
    return Exists(Store.objects.filter(pk=OuterRef("store_id"), sync_prices=True))
