"""The marketplace as an object: start it, look into it, make it fail, stop it.

The rule: `stop` leaves no thread, no socket and no open file behind.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import sys
import threading
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.marketplace.calls import NO_CALLS, CallLog
from project.marketplace.desk import Desk
from project.marketplace.faults import make_rule
from project.marketplace.handler import Handler
from project.marketplace.ledger import Ledger, Shown
from project.marketplace.storage import Storage
from project.marketplace.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType

logger = logging.getLogger("marketplace")


class Server(ThreadingHTTPServer):
    """The listening socket and its connections, one thread each."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], desk: Desk, traffic: Traffic) -> None:
        self.desk = desk
        self.traffic = traffic
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._connections: set[socket.socket] = set()
        self._connecting = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for a name of this host, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connecting:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connecting:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.error("a connection failed", exc_info=sys.exc_info())

    def hang_up(self) -> None:
        """End every connection; their threads come to an end by themselves."""
        with self._connecting:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Marketplace:
    """A sandbox marketplace on a port of its own, and the view from inside it.

    `file` None keeps all in memory; `strict` names stores that refuse an unknown sku; `keep_items` is how
    many received items stay in the call log (None: all). Raises OSError where the address cannot be had,
    ValueError for a token or a batch limit that cannot be, ForeignFile for a database that is not ours.
    """

    def __init__(
        self,
        *,
        token: str,
        batch_limit: int = 100,
        file: str | Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        strict: Collection[str] = (),
        keep_items: int | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if batch_limit < 1:
            raise ValueError("batch_limit has to be at least 1")
        self.token = token
        self._clock = clock
        self._traffic = Traffic()
        self._storage = Storage(None if file is None else Path(file))
        try:
            self._ledger = Ledger(self._storage)
            self._calls = CallLog(self._storage, keep=keep_items, clock=clock, monotonic=monotonic)
            self._desk = Desk(self._ledger, self._calls, token=token, batch_limit=batch_limit, clock=clock)
            for store in strict:
                self._ledger.add_store(store, strict=True)
            self._server = Server((host, port), self._desk, self._traffic)
        except BaseException:
            self._storage.close()
            raise
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def start(self) -> Marketplace:
        """It answers calls from now on."""
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def stop(self) -> None:
        """Pauses are cut short, connections are closed, threads have ended. Stopping twice is harmless."""
        if self._stopped:
            return
        self._stopped = True
        self._traffic.stop()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._storage.close()

    def __enter__(self) -> Marketplace:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def listings(self, store: str) -> dict[str, dict[str, str | None]]:
        """What the store shows: {sku: {"name", "price", "currency"}}; a name nobody told is None."""
        shown = self._ledger.every(store)
        return {s.sku: {"name": s.name, "price": s.price, "currency": s.currency} for s in shown}

    def set_listing(
        self,
        store: str,
        sku: str,
        *,
        price: str | None = None,
        currency: str | None = None,
        name: str | None = None,
    ) -> None:
        """Change a listing from the marketplace's side; what is not given stays. Nothing is validated.

        Raises ValueError for a new listing without price or currency.
        """
        for known in self._ledger.pick(store, [sku]):
            price, currency = price or known.price, currency or known.currency
        if price is None or currency is None:
            raise ValueError("a new listing needs a price and a currency")
        self._ledger.put(store, Shown(sku, name, price, currency), self._clock())

    def delete_listing(self, store: str, sku: str) -> bool:
        """The marketplace drops a listing; False where there was none."""
        return self._ledger.delete(store, sku)

    def set_strict(self, store: str, strict: bool = True) -> None:
        """Whether the store refuses a sku that it does not know yet."""
        self._ledger.add_store(store, strict=strict)

    def log(self, store: str | None = None, *, since: int = 0) -> list[dict[str, Any]]:
        """The calls after id `since`, oldest first, those in flight included (`ended` None)."""
        return self._calls.read(store, since=since)

    def received(self, store: str, sku: str) -> list[str | None]:
        """Every price that arrived for a sku, in order, whether or not it was applied."""
        return [price for call in self.log(store) for name, price in call["received"] if name == sku]

    def stats(self, store: str) -> dict[str, int]:
        """calls, items (received), max_in_flight (all calls), max_senders (PUTs alone), listings."""
        return self._calls.stats().get(store, dict(NO_CALLS))

    def wait_in_flight(self, store: str, count: int, timeout: float = 10.0) -> None:
        """Return once exactly `count` calls of the store are in flight; TimeoutError after `timeout` s."""
        self._traffic.wait_for(store, "in_flight", count, timeout)

    def wait_held(self, store: str, count: int = 1, timeout: float = 10.0) -> None:
        """Return once faults hold exactly `count` calls of the store; TimeoutError after `timeout` s.

        A call that `lost_answer` holds was applied; one that `slow` holds was not, unless its rule says so.
        """
        self._traffic.wait_for(store, "held", count, timeout)

    def wait_idle(self, store: str, timeout: float = 10.0) -> None:
        """Return once every call of the store has ended, those too whose client gave up; or TimeoutError."""
        self._traffic.wait_for(store, "open", 0, timeout)

    def fault(self, kind: str, **options: Any) -> None:
        """Arm one rule (see faults.py). Raises BadRule."""
        self._desk.arm([make_rule({**options, "kind": kind})])

    def clear_faults(self) -> None:
        """No rule is armed, and calls that a fault is holding go on at once."""
        self._desk.disarm()
        self._traffic.release()
