"""What would become of everything that waits: the same reading for a delivery and for its preview.

The rule: read the Change ids first and the listings in a later statement; write nothing and call nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db.models.functions import Now

from syncops import conf, outbox, retry, sources
from syncops.errors import UsageError
from syncops.models import Failure, RemoteListing
from syncops.providers.base import Provider
from syncops.retry import ItemVerdict
from syncops.values import Listing, Ref


class Fate(Enum):
    """What becomes of a ref."""

    SEND = "send"
    UNCHANGED = "unchanged"  #: the marketplace has confirmed exactly this
    GONE = "gone"  #: deleted, without a price, or no longer in this store
    MUTED = "muted"
    REFUSED = "refused"  #: by us, before any call
    LATER = "unconfirmed"  #: an unknown outcome has not settled yet
    READ_BACK = "read back"  #: it has: ask the marketplace what it shows


@dataclass(frozen=True, slots=True)
class Item:
    """One ref with everything that is known of it."""

    ref: Ref
    ids: tuple[int, ...]
    reason: str
    fate: Fate
    listing: Listing | None = None
    remote: RemoteListing | None = None
    failure: Failure | None = None
    refusal: ItemVerdict | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """The items of one reading, and the last Change id that it saw."""

    items: tuple[Item, ...]
    last_id: int


def survey(
    store: str,
    provider: Provider,
    *,
    rows: int,
    after: int = 0,
    retries: bool = True,
    force: bool = False,
    using: str,
) -> Survey:
    """Read what waits for a store and decide the fate of each ref."""
    waiting = outbox.pending(store, rows=rows, after=after, using=using)
    ids = {each.ref: each for each in waiting}
    due = _due(store, max(rows // 4, 1), using) if retries else []
    failures = {**_failures(store, ids, using), **{Ref(each.source, each.ref): each for each in due}}
    refs = [*ids, *(ref for ref in (Ref(each.source, each.ref) for each in due) if ref not in ids)]
    listings = _listings(store, refs, using)
    remotes, now = _remotes(store, [listing.sku for listing in listings.values()], using)
    taken: set[str] = set()
    items = []
    for ref in refs:
        seen = ids.get(ref)
        item = Item(
            ref,
            seen.ids if seen else (),
            seen.reason if seen else "retry",
            Fate.SEND,
            listings.get(ref),
            failure=failures.get(ref),
        )
        if item.listing is not None:
            item = replace(item, remote=remotes.get(item.listing.sku))
        items.append(_decide(item, provider, taken, now, force=force))
    last = max((number for each in waiting for number in each.ids), default=after)
    return Survey(tuple(items), last)


def _decide(item: Item, provider: Provider, taken: set[str], now: datetime | None, *, force: bool) -> Item:
    listing, remote = item.listing, item.remote
    if listing is None:
        return replace(item, fate=Fate.GONE)
    if item.failure is not None and item.failure.muted:
        return replace(item, fate=Fate.MUTED)
    if listing.sku in taken:
        message = f"Another product of this store has the sku {listing.sku} too."
        return replace(
            item, fate=Fate.REFUSED, refusal=ItemVerdict(retry.ItemEffect.PARKED, "duplicate_sku", message)
        )
    taken.add(listing.sku)
    if (refusal := _refusal(listing, provider)) is not None:
        return replace(item, fate=Fate.REFUSED, refusal=refusal)
    if remote is not None and remote.unconfirmed_since is not None and now is not None:
        until = remote.unconfirmed_since + timedelta(seconds=conf.get().settle)
        return replace(item, fate=Fate.LATER if now < until else Fate.READ_BACK, until=until)
    if not force and equal(listing, remote, provider):
        return replace(item, fate=Fate.UNCHANGED)
    return item


def equal(listing: Listing, remote: RemoteListing | None, provider: Provider) -> bool:
    """Whether the marketplace has confirmed that it shows exactly this."""
    if remote is None or remote.confirmed_at is None or remote.unconfirmed_since is not None:
        return False
    same_name = provider.names == "unsupported" or remote.name == listing.name
    return remote.price == listing.price and remote.currency == listing.currency and same_name


def _refusal(listing: Listing, provider: Provider) -> ItemVerdict | None:
    refused = provider.validate(listing)
    if refused is not None:
        return ItemVerdict(retry.ItemEffect.PARKED, refused.code, refused.message)
    return retry.local_refusal(listing)


def _due(store: str, limit: int, using: str) -> list[Failure]:
    failures = Failure.objects.using(using).filter(store=store, muted=False, next_attempt_at__lte=Now())
    return list(failures.order_by("next_attempt_at")[:limit])


def _failures(store: str, refs: Iterable[Ref], using: str) -> dict[Ref, Failure]:
    found = Failure.objects.using(using).filter(store=store, ref__in=[ref.key for ref in refs])
    return {Ref(each.source, each.ref): each for each in found}


def _listings(store: str, refs: Sequence[Ref], using: str) -> dict[Ref, Listing]:
    """What the refs are to show now, in one query a source. A source that is gone has no listings."""
    found: dict[Ref, Listing] = {}
    for label in {ref.source for ref in refs}:
        try:
            source = sources.get(label)
        except UsageError:
            continue
        keys = [ref.key for ref in refs if ref.source == label]
        found.update({Ref(label, key): listing for key, listing in source.listings(store, keys, using)})
    return found


def _remotes(store: str, skus: Sequence[str], using: str) -> tuple[dict[str, RemoteListing], datetime | None]:
    """What the marketplace showed last of these skus, and the database's time."""
    rows: Any = RemoteListing.objects.using(using).filter(store=store, sku__in=skus).annotate(now=Now())
    found = {row.sku: row for row in rows}
    return found, next((row.now for row in found.values()), None)
