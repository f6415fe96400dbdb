"""Settling: what a turn found out, written down in one transaction under the fencing token.

The rule: a holder that lost its lease changes no row. Exactly the ids that were read are deleted.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from syncops import conf, lanes, outbox, retry
from syncops.delivery.plan import Item
from syncops.lanes import Lease
from syncops.models import Attempt, Failure, RemoteListing
from syncops.retry import ItemEffect, ItemVerdict
from syncops.values import RemoteItem

#: What is known of a listing once the marketplace has shown or confirmed it.
SHOWN = ["price", "currency", "name", "seen_at", "confirmed_at", "unconfirmed_since"]

#: An item, why it failed, and when it is tried again: seconds from now, a time, or None for parked.
Failed = tuple[Item, ItemVerdict, "float | datetime | None"]


@dataclass(slots=True)
class Outcome:
    """What became of the items of one step of a turn."""

    settled: list[Item] = field(default_factory=list)  #: nothing more to do: unchanged, gone, muted
    confirmed: list[Item] = field(default_factory=list)
    shown: dict[str, RemoteItem | None] = field(default_factory=dict)  #: read back from the marketplace
    failed: list[Failed] = field(default_factory=list)
    attempt: Attempt | None = None

    def __bool__(self) -> bool:
        return bool(self.settled or self.confirmed or self.shown or self.failed or self.attempt)

    def fail(self, item: Item, verdict: ItemVerdict, *, chance: random.Random) -> ItemEffect:
        """Record a refusal. Returns what it comes to: RETRY, PARKED or UNKNOWN."""
        settings = conf.get()
        if verdict.effect is ItemEffect.UNKNOWN:
            # An item that is unconfirmed already keeps its time: a new price must not postpone the reading back.
            self.failed.append((item, verdict, item.until or settings.settle))
            return ItemEffect.UNKNOWN
        attempts = 1 + (item.failure.attempts if item.failure is not None else 0)
        if verdict.effect is ItemEffect.RETRY and attempts < settings.ITEM_ATTEMPTS:
            delay = retry.backoff(
                attempts,
                base=settings.RETRY_BASE,
                cap=settings.RETRY_CAP,
                floor=settings.RETRY_FLOOR,
                uniform=chance,
            )
            self.failed.append((item, verdict, delay))
            return ItemEffect.RETRY
        self.failed.append((item, verdict, None))
        return ItemEffect.PARKED


def settle(lease: Lease, outcome: Outcome, *, provider: str) -> None:
    """Write an outcome, or nothing: raises LeaseLost where the token is no longer ours."""
    if not outcome:
        return
    using = lease.using
    done = [*outcome.settled, *outcome.confirmed, *(item for item, _, _ in outcome.failed)]
    with transaction.atomic(using=using):
        now = lanes.hold(lease)
        if outcome.attempt is not None:
            outcome.attempt.save(using=using)
        outbox.settle([number for item in done for number in item.ids], using=using)
        _confirm(lease, outcome.confirmed, now)
        _note_shown(lease, outcome.shown, now)
        _forget_failures(lease, [*outcome.settled, *outcome.confirmed])
        _note_failures(lease, outcome.failed, provider, now)


def _confirm(lease: Lease, items: Sequence[Item], now: datetime) -> None:
    rows = [
        RemoteListing(
            store_id=lease.store,
            sku=listing.sku,
            price=listing.price,
            currency=listing.currency,
            name=listing.name,
            seen_at=now,
            confirmed_at=now,
        )
        for listing in (item.listing for item in items)
        if listing is not None
    ]
    _upsert(lease, rows, SHOWN)


def _note_shown(lease: Lease, shown: dict[str, RemoteItem | None], now: datetime) -> None:
    """What was read back is what the marketplace shows; a listing that is not there shows nothing."""
    rows = [
        RemoteListing(
            store_id=lease.store,
            sku=sku,
            price=remote.price if remote else None,
            currency=(remote.currency if remote else None) or "",
            name=(remote.name if remote else None) or "",
            seen_at=now,
            confirmed_at=now if remote else None,
        )
        for sku, remote in shown.items()
    ]
    _upsert(lease, rows, SHOWN)


def _note_failures(lease: Lease, failed: Sequence[Failed], provider: str, now: datetime) -> None:
    failures, unconfirmed = [], []
    for item, verdict, again in failed:
        sku = item.listing.sku if item.listing is not None else ""
        counted = 0 if verdict.effect is ItemEffect.UNKNOWN else 1
        failures.append(
            Failure(
                store_id=lease.store,
                source=item.ref.source,
                ref=item.ref.key,
                sku=sku,
                code=verdict.code[:100],
                message=verdict.message[:2000],
                fingerprint=retry.fingerprint(provider, verdict.code, verdict.message),
                attempts=counted + (item.failure.attempts if item.failure is not None else 0),
                next_attempt_at=now + timedelta(seconds=again) if isinstance(again, int | float) else again,
                last_failed=now,
            )
        )
        if verdict.effect is ItemEffect.UNKNOWN and item.until is None:
            unconfirmed.append(RemoteListing(store_id=lease.store, sku=sku, unconfirmed_since=now))
    # Plain values, not expressions: a thousand Now() are resolved one by one.
    Failure.objects.using(lease.using).bulk_create(
        failures,
        update_conflicts=True,
        unique_fields=["store", "source", "ref"],
        update_fields=["sku", "code", "message", "fingerprint", "attempts", "next_attempt_at", "last_failed"],
    )
    _upsert(lease, unconfirmed, ["unconfirmed_since"])


def _forget_failures(lease: Lease, items: Iterable[Item]) -> None:
    known = [item.failure.pk for item in items if item.failure is not None and not item.failure.muted]
    if known:
        Failure.objects.using(lease.using).filter(pk__in=known).delete()


def _upsert(lease: Lease, rows: Sequence[RemoteListing], fields: list[str]) -> None:
    RemoteListing.objects.using(lease.using).bulk_create(
        rows, update_conflicts=True, unique_fields=["store", "sku"], update_fields=fields
    )
