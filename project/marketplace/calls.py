"""The call log: what arrived at the marketplace, in which order, and how much of it at once.

The rule: a call is in the log before it is answered, with the items as they were received.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from project.marketplace.protocol import Item
    from project.marketplace.storage import Storage
    from project.marketplace.traffic import Flight

_COLUMNS = (
    "id",
    "store",
    "method",
    "request_id",
    "in_flight",
    "senders",
    "started",
    "started_monotonic",
    "ended",
    "ended_monotonic",
    "status",
    "fault",
    "items",
    "applied",
    "received",
)
_SELECT = (
    "SELECT id, store, method, request_id, in_flight, senders, started, started_monotonic, ended,"
    " ended_monotonic, status, fault, items, applied, received FROM call"
    " WHERE id > ? AND (? IS NULL OR store = ?) ORDER BY id LIMIT ?"
)
_STATS = (
    "SELECT store, calls, items, max_in_flight, max_senders,"
    " (SELECT count(*) FROM listing WHERE listing.store = store.store) FROM store ORDER BY store"
)
_WEIGHT = "SELECT coalesce(sum(max(items, 1)), 0) FROM call"
NO_CALLS = {"calls": 0, "items": 0, "max_in_flight": 0, "max_senders": 0, "listings": 0}


class CallLog:
    """The calls in `storage`. `keep` is how many items may stay (None: all); the oldest go first."""

    def __init__(
        self,
        storage: Storage,
        *,
        keep: int | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._keep = keep
        self._clock = clock
        self._monotonic = monotonic
        self._kept = cast("int", storage.read(_WEIGHT)[0][0])

    def open(self, flight: Flight, method: str, request_id: str, *, admitted: bool) -> int:
        """The call is logged as started; its id. An admitted call creates its store if need be."""
        with self._storage.writing() as connection:
            if admitted:
                connection.execute("INSERT OR IGNORE INTO store (store) VALUES (?)", (flight.store,))
            connection.execute(
                "UPDATE store SET calls = calls + 1, max_in_flight = max(max_in_flight, ?),"
                " max_senders = max(max_senders, ?) WHERE store = ?",
                (flight.in_flight, flight.senders, flight.store),
            )
            cursor = connection.execute(
                "INSERT INTO call (store, method, request_id, in_flight, senders, started, started_monotonic)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    flight.store,
                    method,
                    request_id,
                    flight.in_flight,
                    flight.senders,
                    self._clock(),
                    self._monotonic(),
                ),
            )
            return cast("int", cursor.lastrowid)

    def note(self, call: int, store: str, items: Sequence[Item]) -> None:
        """The call brought these items; a price that was not text is logged as null."""
        received = json.dumps([(item.sku, item.price) for item in items], separators=(",", ":"))
        with self._storage.writing() as connection:
            connection.execute(
                "UPDATE call SET items = ?, received = ? WHERE id = ?", (len(items), received, call)
            )
            connection.execute("UPDATE store SET items = items + ? WHERE store = ?", (len(items), store))

    def blame(self, call: int, fault: str) -> None:
        """The call met this kind of fault."""
        with self._storage.writing() as connection:
            connection.execute("UPDATE call SET fault = ? WHERE id = ?", (fault, call))

    def close(self, call: int, status: int | None) -> None:
        """The call ended with this HTTP status, or without any answer (None)."""
        with self._storage.writing() as connection:
            connection.execute(
                "UPDATE call SET ended = ?, ended_monotonic = ?, status = ? WHERE id = ?",
                (self._clock(), self._monotonic(), status, call),
            )
            if self._keep is not None:
                self._forget(connection, call, self._keep)

    def _forget(self, connection: sqlite3.Connection, call: int, keep: int) -> None:
        # A call without items costs a row too, so it counts as one item.
        (items,) = connection.execute("SELECT max(items, 1) FROM call WHERE id = ?", (call,)).fetchone()
        self._kept += items
        if self._kept > keep:
            # A tenth more than needed, so that the walk over the log is paid once in many calls.
            connection.execute(
                "DELETE FROM call WHERE ended IS NOT NULL AND id <> ? AND id <= (SELECT max(id) FROM ("
                "SELECT id, sum(max(items, 1)) OVER (ORDER BY id DESC) AS newer FROM call) WHERE newer > ?)",
                (call, keep * 9 // 10),
            )
            (self._kept,) = connection.execute(_WEIGHT).fetchone()

    def read(self, store: str | None = None, *, since: int = 0, limit: int = -1) -> list[dict[str, Any]]:
        """The calls after id `since`, oldest first; `received` is [[sku, price], …], times are UTC ISO."""
        calls = []
        for row in self._storage.read(_SELECT, (since, store, store, limit)):
            call: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
            call["received"] = json.loads(call["received"])
            call["started"] = _iso(call["started"])
            call["ended"] = None if call["ended"] is None else _iso(call["ended"])
            calls.append(call)
        return calls

    def stats(self) -> dict[str, dict[str, int]]:
        """Calls, items received, most calls and most PUTs in flight at once, and listings, per store."""
        rows = cast("list[tuple[Any, ...]]", self._storage.read(_STATS))
        return {store: dict(zip(NO_CALLS, numbers, strict=True)) for store, *numbers in rows}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")
