"""The words of syncops as frozen values: what passes between floors.

The rule: a value holds no connection, no setting and no behaviour beyond its own arithmetic; money is a
Decimal with an ISO 4217 currency, never a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Literal, NamedTuple

#: Minor-unit exponents that are not 2 (ISO 4217:2015, list one, amendment 176).
EXPONENTS: Mapping[str, int] = {
    code: places
    for places, codes in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for code in codes.split()
}


def exponent(currency: str) -> int:
    """How many decimals an amount of `currency` may have (ISO 4217; 2 for a code it does not list)."""
    return EXPONENTS.get(currency, 2)


def fits(amount: Decimal, currency: str) -> bool:
    """Whether `amount` can be written in `currency` without rounding."""
    step = Decimal(1).scaleb(-exponent(currency))
    return amount.is_finite() and amount == amount.quantize(step)


def wire(amount: Decimal, currency: str) -> str:
    """`amount` as the plain text that goes over a wire: "12.50" EUR, "1250" JPY, "1.250" KWD.

    Raises ValueError where the currency has fewer decimals than the amount needs: syncops never rounds.
    """
    if not fits(amount, currency):
        raise ValueError(f"{amount} has more decimals than {currency} allows")
    return f"{amount.quantize(Decimal(1).scaleb(-exponent(currency))):f}"


def money(amount: Decimal, currency: str) -> str:
    """`amount` as text for people and documents: at the currency's own decimals where it fits them."""
    return wire(amount, currency) if fits(amount, currency) else f"{amount.normalize():f}"


class Ref(NamedTuple):
    """Who changed, never what it costs: a source's label and the product's primary key as text."""

    source: str
    key: str


class Reason(StrEnum):
    """Why a Change was marked."""

    CHANGE = "change"
    IMPORT = "import"
    REPLAY = "replay"
    DRIFT = "drift"
    RESYNC = "resync"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a marketplace is to show: the desired state, as the database has it now."""

    sku: str
    name: str
    price: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What a marketplace said about one item of a call. `price` and `currency` are its echo, if it gave one."""

    sku: str
    status: Literal["ok", "rejected", "retry"]
    code: str = ""
    message: str = ""
    price: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """What a marketplace said about its limits: calls left, calls allowed, and seconds to the next one."""

    remaining: float | None = None
    limit: float | None = None
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A call that was answered. A sku that is missing from `results` has an unknown outcome."""

    results: tuple[ItemResult, ...]
    throttle: Throttle = Throttle()
    status: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that the marketplace works on by itself: ask for `handle` again after `poll_after` seconds."""

    handle: str
    poll_after: float
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """One listing as the marketplace shows it. What it does not tell is None."""

    sku: str
    price: Decimal | None = None
    currency: str | None = None
    name: str | None = None
    remote_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a marketplace's listings, and the cursor of the next (None at the end)."""

    items: tuple[RemoteItem, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a provider will not send a listing at all: found before any call."""

    code: str
    message: str


class Ending(Enum):
    """How an operation ended. The command line turns it into an exit status, and nothing else does."""

    DONE = "done"
    DIFFERENCES = "differences"
    LEFTOVERS = "leftovers"
    GUARDED = "guarded"
    REFUSED = "refused"
    TEMPORARY = "temporary"
    MISCONFIGURED = "misconfigured"
