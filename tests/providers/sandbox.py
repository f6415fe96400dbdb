"""The sandbox marketplace as the contract arranges it, and what no decent server does by scripted ones."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from decimal import Decimal
from email.utils import formatdate
from itertools import chain, repeat
from time import time
from typing import TYPE_CHECKING

from project.marketplace.server import Marketplace
from syncops.testing import Fake, Fault, ScriptedServer, http_answer
from syncops.values import RemoteItem, wire

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

TOKEN = "t0ken-nobody-may-read"
STORE = "eu"


class Sandbox(Fake):
    """A marketplace of its own for one test; `url` is where the provider has to go."""

    def __init__(self) -> None:
        self.market = Marketplace(token=TOKEN)
        self._open = ExitStack()
        self.url = ""

    def __enter__(self) -> Sandbox:
        self._open.enter_context(self.market)
        self.url = self.market.url
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def shown(self) -> dict[str, RemoteItem]:
        return {
            sku: RemoteItem(sku, Decimal(str(each["price"])), each["currency"], each["name"])
            for sku, each in self.market.listings(STORE).items()
        }

    def show(self, *items: RemoteItem) -> None:
        for item in items:
            assert item.price is not None
            assert item.currency is not None
            self.market.set_listing(
                STORE, item.sku, price=wire(item.price, item.currency), currency=item.currency, name=item.name
            )

    def hide(self, *skus: str) -> None:
        for sku in skus:
            assert self.market.delete_listing(STORE, sku)

    def arm(
        self, fault: Fault, *, skus: Collection[str] = (), price: Decimal | None = None, seconds: int = 0
    ) -> None:
        chosen = list(skus)
        match fault:
            case Fault.REORDERED:
                self.market.fault("reorder")
            case Fault.REFUSED:
                self.market.fault("partial", skus=chosen, status="rejected", code="unknown_sku")
            case Fault.BUSY:
                self.market.fault("partial", skus=chosen, status="retry", code="locked")
            case Fault.OMITTED:
                self.market.fault("missing", skus=chosen)
            case Fault.COERCED:
                self.market.fault("coerce", skus=chosen, price=str(price))
            case Fault.GARBAGE:
                self.market.fault("garbage")
            case Fault.LOST:
                self.market.fault("lost_answer")
            case Fault.THROTTLED | Fault.THROTTLED_UNTIL:
                self.market.fault("throttle", retry_after=seconds, date=fault is Fault.THROTTLED_UNTIL)
            case Fault.UNAUTHORIZED:
                self.market.fault("unauthorized")
            case Fault.BROKEN:
                self.market.fault("error", status=503)
            case Fault.MISSING:
                self.url = f"{self.market.url}/nowhere"
            case Fault.UNREACHABLE:
                self.url = nobody()
            case Fault.INDISCREET:
                self._answer_with(http_answer(401, f'{{"error": "{TOKEN} is not known"}}'.encode()))
            case Fault.REDIRECTED:
                self._answer_with(
                    http_answer(307, headers={"Location": f"{self.market.url}/stores/eu/prices"})
                )
            case Fault.DRIPPING:
                server = ScriptedServer(drip, pause=0.02)
                self.url = self._open.enter_context(server).url

    def _answer_with(self, answer: bytes) -> None:
        self.url = self._open.enter_context(ScriptedServer(answer)).url


def nobody() -> str:
    """An address where nothing listens: a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def drip(_: bytes) -> Iterator[bytes]:
    """An answer of a million bytes, each by itself."""
    head = http_answer(headers={"Content-Length": "1000000"})
    return chain([head], repeat(b" ", 1_000_000))


def in_an_hour() -> str:
    """An HTTP date."""
    return formatdate(time() + 3600, usegmt=True)
