"""How the contract of providers arranges what a marketplace does.

The rule: four methods, so that any fake has them soon: what it shows, put something on its shelves, take
something off, and make its next answer go wrong in one of a closed list of ways.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from decimal import Decimal

    from syncops.values import RemoteItem


class Fault(Enum):
    """What goes wrong with the next call, and with that one only. The value says it in words."""

    REORDERED = "the items of the answer come in another order"
    REFUSED = "the items `skus` are refused for good, the others are taken"
    BUSY = "the items `skus` are to be tried again, the others are taken"
    OMITTED = "the items `skus` are missing from the answer"
    COERCED = "the items `skus` are taken, and shown and answered with `price` instead"
    GARBAGE = "the answer is a success whose body nobody can make sense of"
    LOST = "the call is applied, and its answer never comes"
    THROTTLED = "fewer calls are asked for: the next one in `seconds` seconds"
    THROTTLED_UNTIL = "fewer calls are asked for: the next one at a time that is `seconds` seconds away"
    UNAUTHORIZED = "the credentials are not accepted"
    INDISCREET = "the credentials are not accepted, and the answer's text repeats them"
    MISSING = "there is nothing at that address"
    BROKEN = "the marketplace fails by itself"
    UNREACHABLE = "nobody listens at that address"
    DRIPPING = "the answer comes a byte at a time, and would take hours"
    REDIRECTED = "the answer sends the client to another host"


class Fake(ABC):
    """The marketplace on the other side of the provider, as the contract sees and arranges it.

    The contract makes a provider after it has armed a fault, so a fake may also arm one by telling
    `make_provider` another address, such as that of a `ScriptedServer`.
    """

    #: What it can be made to do. Whatever is left out is skipped, with its name in the reason.
    faults: ClassVar[Collection[Fault]] = frozenset(Fault)

    @abstractmethod
    def shown(self) -> Mapping[str, RemoteItem]:
        """What the marketplace shows now, by sku."""

    @abstractmethod
    def show(self, *items: RemoteItem) -> None:
        """Put listings on the marketplace behind the provider's back; each has a price, currency and name."""

    @abstractmethod
    def hide(self, *skus: str) -> None:
        """Take listings off the marketplace behind the provider's back."""

    @abstractmethod
    def arm(
        self, fault: Fault, *, skus: Collection[str] = (), price: Decimal | None = None, seconds: int = 0
    ) -> None:
        """Make the next call, of whatever kind, go wrong. The parameters are those its Fault speaks of."""
