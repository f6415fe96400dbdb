"""Verdicts: what an outcome means for the store, for its items, and for what comes next.

The rule: pure functions. A store fault never counts against an item; only the marketplace's refusal of that
item does.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from enum import Enum

from syncops import errors
from syncops.values import Done, ItemResult, Listing, fits


class StoreEffect(Enum):
    """What an outcome does to the account of the store."""

    RESET = "reset"  #: it is well
    NEUTRAL = "neutral"
    FAULT = "fault"  #: streak + 1, and a delay
    DENIED = "denied"  #: twice running: paused
    PAUSE = "pause"  #: at once


class ItemEffect(Enum):
    """What an outcome does to an item."""

    CONFIRMED = "confirmed"  #: settled, and the marketplace's listing is known
    PARKED = "parked"  #: refused for good
    RETRY = "retry"  #: attempt + 1, parked after ITEM_ATTEMPTS
    UNKNOWN = "unknown"  #: wait, read back, send the difference
    UNTOUCHED = "untouched"  #: stays marked


class Next(Enum):
    """What the lane does with the rest of its turn."""

    GO_ON = "go on"
    HALVE = "halve"  #: the batch was too large
    BISECT = "bisect"  #: one of the items spoils the call
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of one call."""

    name: str
    store: StoreEffect
    items: ItemEffect | None  #: None: each by its own result
    next: Next
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """The meaning of one item of an answered call."""

    effect: ItemEffect
    code: str = ""
    message: str = ""


def classify(outcome: Done | Exception) -> Verdict:
    """The verdict on a whole call; the table is in docs/operations.md."""
    match outcome:
        case Done():
            return Verdict("ok", StoreEffect.RESET, None, Next.GO_ON)
        case errors.Unauthorized():
            return Verdict("unauthorized", StoreEffect.DENIED, ItemEffect.UNTOUCHED, Next.STOP)
        case errors.EndpointMissing():
            return Verdict("endpoint missing", StoreEffect.PAUSE, ItemEffect.UNTOUCHED, Next.STOP)
        case errors.Throttled():
            return Verdict(
                "throttled", StoreEffect.FAULT, ItemEffect.UNTOUCHED, Next.STOP, outcome.retry_after
            )
        case errors.CallRefused(status=413):
            return Verdict("too large", StoreEffect.NEUTRAL, ItemEffect.UNTOUCHED, Next.HALVE)
        case errors.CallRefused():
            return Verdict("refused", StoreEffect.NEUTRAL, ItemEffect.UNTOUCHED, Next.BISECT)
        case errors.Conflict():
            return Verdict("conflict", StoreEffect.NEUTRAL, ItemEffect.RETRY, Next.STOP)
        case errors.Unreachable():
            return Verdict("unreachable", StoreEffect.FAULT, ItemEffect.UNTOUCHED, Next.STOP)
        case errors.OutcomeUnknown(status=int()):
            return Verdict("not understood", StoreEffect.NEUTRAL, ItemEffect.UNKNOWN, Next.STOP)
        case errors.OutcomeUnknown():
            return Verdict("outcome unknown", StoreEffect.FAULT, ItemEffect.UNKNOWN, Next.STOP)
        case errors.ServerFault(answered_before_body=True):
            return Verdict("server fault", StoreEffect.FAULT, ItemEffect.UNTOUCHED, Next.STOP)
        case errors.ServerFault():
            # The body was sent, so the items may have been applied before it failed.
            return Verdict("server fault", StoreEffect.FAULT, ItemEffect.UNKNOWN, Next.STOP)
        case _:
            return Verdict("internal", StoreEffect.FAULT, ItemEffect.UNTOUCHED, Next.STOP)


def classify_item(sent: Listing, result: ItemResult | None) -> ItemVerdict:
    """The verdict on one item of an answered call, matched by its sku."""
    if result is None:
        return ItemVerdict(ItemEffect.UNKNOWN, "no_answer", "The marketplace's answer does not mention it.")
    if result.status == "rejected":
        return ItemVerdict(ItemEffect.PARKED, result.code or "rejected", result.message)
    if result.status == "retry":
        return ItemVerdict(ItemEffect.RETRY, result.code or "retry", result.message)
    price_differs = result.price is not None and result.price != sent.price
    currency_differs = result.currency is not None and result.currency != sent.currency
    if price_differs or currency_differs:
        shown = f"{result.price} {result.currency or sent.currency}"
        return ItemVerdict(
            ItemEffect.PARKED,
            "coerced",
            f"Sent {sent.price} {sent.currency}, and the marketplace made {shown} of it.",
        )
    return ItemVerdict(ItemEffect.CONFIRMED)


def local_refusal(listing: Listing) -> ItemVerdict | None:
    """Why a listing cannot be sent anywhere, or None."""
    if len(listing.currency) != 3:
        return ItemVerdict(ItemEffect.PARKED, "currency", f"{listing.currency!r} is not a currency.")
    if not listing.price.is_finite() or listing.price < 0:
        return ItemVerdict(ItemEffect.PARKED, "price", f"{listing.price} is not a price.")
    if not fits(listing.price, listing.currency):
        return ItemVerdict(
            ItemEffect.PARKED,
            "decimals",
            f"{listing.price} has more decimals than {listing.currency} allows; syncops never rounds.",
        )
    return None


def backoff(
    streak: int,
    *,
    base: float,
    cap: float,
    floor: float,
    retry_after: float | None = None,
    uniform: random.Random | None = None,
) -> float:
    """Seconds until the next attempt after the `streak`-th store fault running (1 for the first).

    Full jitter below `cap`, never under `floor`, and never earlier than what the marketplace asked for.
    """
    chance = uniform or random.SystemRandom()
    ceiling = min(cap, base * 2 ** min(streak - 1, 60))
    delay = chance.uniform(floor, ceiling) if ceiling > floor else floor
    if retry_after is None:
        return delay
    return max(delay, retry_after + chance.uniform(0, min(30.0, retry_after / 10)))


def fingerprint(provider: str, code: str, message: str) -> str:
    """Failures of one cause share a fingerprint: ids, numbers and quoted names are left out of the message."""
    plain = re.sub(r"\"[^\"]*\"|'[^']*'|\S*\d\S*", "#", message)
    return hashlib.sha256(f"{provider}\n{code}\n{plain}".encode()).hexdigest()[:16]
