"""What a delivery would do, without doing it.

The rule: no write and no call; the same `survey` and the same `Provider.plan` as the delivery itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Avg

from syncops import lanes, outbox
from syncops.delivery.plan import Fate, Item, survey
from syncops.errors import ConfigurationError, UsageError
from syncops.models import Attempt, Store
from syncops.providers import registry
from syncops.values import Listing, Ref

#: Seconds that a call is taken to need where none has been made yet.
UNTRIED = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """One item of a batch: what the marketplace shows, as far as it is known, and what it would show."""

    sku: str
    name: str
    old: Decimal | None
    new: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a flush of one store would do now."""

    store: str
    refs: int
    reasons: dict[str, int]
    fates: dict[str, int]
    batches: tuple[tuple[Step, ...], ...]
    estimated_seconds: float
    skipped_because: str = ""
    misconfigured: bool = False


def preview(store: str, *, force: bool = False, limit: int | None = None, using: str) -> Preview:
    """Walk everything that waits for a store, up to `limit` refs, and cut it into batches."""
    row = Store.objects.using(using).get(pk=store)
    where = lanes.standing(store, using=using)
    try:
        provider = registry.make(row.provider, store, row.options)
    except (ConfigurationError, UsageError) as wrong:
        waiting, _ = outbox.depth(using=using).get(store, (0, None))
        return Preview(store, waiting, {}, {}, (), 0, wrong.advice, misconfigured=True)
    items: dict[Ref, Item] = {}
    with provider:
        after, first = 0, True
        while limit is None or len(items) < limit:
            found = survey(store, provider, rows=1000, after=after, retries=first, force=force, using=using)
            items.update({item.ref: item for item in found.items if item.ref not in items})
            if found.last_id == after:
                break
            after, first = found.last_id, False
        chosen = list(items.values())[:limit]
        sends = {each.listing.sku: each for each in chosen if each.fate is Fate.SEND and each.listing}
        listings = [each.listing for each in sends.values() if each.listing is not None]
        batches = tuple(
            tuple(_step(listing, sends[listing.sku]) for listing in batch)
            for batch in provider.plan(listings)
        )
    return Preview(
        store,
        len(chosen),
        dict(Counter(item.reason for item in chosen)),
        dict(Counter(item.fate.value for item in chosen)),
        batches,
        _seconds(store, len(batches), row.options.get("max_calls_per_second"), using),
        "" if where.state == "idle" else where.state,
    )


def _step(listing: Listing, item: Item) -> Step:
    old = item.remote.price if item.remote is not None else None
    return Step(listing.sku, listing.name, old, listing.price, listing.currency)


def _seconds(store: str, calls: int, rate: float | None, using: str) -> float:
    """Seconds for so many calls, by what calls took lately and by the store's own limit."""
    lately = Attempt.objects.using(using).filter(store=store, verdict="ok").order_by("-id")[:50]
    mean = lately.aggregate(mean=Avg("duration"))["mean"]
    each = UNTRIED if mean is None else mean
    if rate:
        each = max(each, 1 / rate)
    return round(calls * each, 2)
