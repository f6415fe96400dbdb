"""Which calls are being answered at this moment, and the pauses that faults put them into.

The rule: a call counts until its answer is about to leave or its client has hung up, so a client that gave up
and calls again counts as one, and a client that read its answer is never counted twice.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopping(Exception):
    """The marketplace is being stopped; the call is dropped."""


State = Literal["in_flight", "held", "open"]


@dataclass(eq=False, slots=True)
class Flight:
    """One call; the two numbers are those of its store at its start, itself included."""

    store: str
    sending: bool
    connection: socket.socket
    in_flight: int = 0
    #: PUTs alone.
    senders: int = 0
    #: True once the body was read: from here on silence can be told from a client that hung up.
    heard: bool = False
    #: True while a fault keeps the call waiting.
    held: bool = False


def hung_up(connection: socket.socket) -> bool:
    """Whether the other side closed the connection. Only for a connection that nobody else reads from."""
    waiting = select.poll()
    try:
        waiting.register(connection, select.POLLIN)
        return bool(waiting.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):  # ValueError: closed on our side
        return True


class Traffic:
    """The calls of all stores that have not ended."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        #: Calls whose client is still there, and all calls that the marketplace still works on.
        self._flights: set[Flight] = set()
        self._open: set[Flight] = set()
        self._release = threading.Event()
        self._stopping = False

    def begin(self, store: str, connection: socket.socket, *, sending: bool) -> Flight:
        """A call starts."""
        flight = Flight(store, sending, connection)
        with self._changed:
            present = self._present(store)
            flight.in_flight = 1 + len(present)
            flight.senders = sending + sum(other.sending for other in present)
            self._flights.add(flight)
            self._open.add(flight)
            self._changed.notify_all()
        return flight

    def heard(self, flight: Flight) -> None:
        """The whole request was read."""
        with self._changed:
            flight.heard = True

    def end(self, flight: Flight) -> None:
        """The call is over."""
        with self._changed:
            self._flights.discard(flight)
            self._open.discard(flight)
            self._changed.notify_all()

    def wait_for(self, store: str, state: State, count: int, timeout: float) -> None:
        """Return once exactly `count` calls of the store are in that state; TimeoutError after `timeout` s.

        `open` counts the calls, too, whose client has hung up.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while (now := self._count(store, state)) != count:
                if (left := deadline - time.monotonic()) <= 0:
                    raise TimeoutError(f"{now} calls of {store!r} are {state}, not {count}")
                # A client that hangs up notifies nobody, hence the short turns.
                self._changed.wait(min(0.05, left))

    def _count(self, store: str, state: State) -> int:
        if state == "in_flight":
            return len(self._present(store))
        return sum(flight.store == store and (flight.held or state == "open") for flight in self._open)

    def _present(self, store: str) -> list[Flight]:
        for flight in [f for f in self._flights if f.heard and f.store == store and hung_up(f.connection)]:
            self._flights.discard(flight)
        return [flight for flight in self._flights if flight.store == store]

    def pause(self, flight: Flight, seconds: float) -> None:
        """Wait, whether or not the client stays; `release` cuts it short. Raises Stopping."""
        with self._holding(flight) as release:
            release.wait(seconds)

    def hold(self, flight: Flight, seconds: float) -> None:
        """Wait as `pause` does, but no longer than the client does."""
        deadline = time.monotonic() + seconds
        with self._holding(flight) as release:
            while (left := deadline - time.monotonic()) > 0 and not hung_up(flight.connection):
                if release.wait(min(0.05, left)):
                    break

    @contextmanager
    def _holding(self, flight: Flight) -> Iterator[threading.Event]:
        with self._changed:
            flight.held = True
            release = self._release
            self._changed.notify_all()
        try:
            yield release
        finally:
            with self._changed:
                flight.held = False
                self._changed.notify_all()
        if self._stopping:
            raise Stopping

    def release(self) -> None:
        """Every call that is in a pause goes on; later ones pause again."""
        with self._changed:
            if not self._stopping:
                former, self._release = self._release, threading.Event()
                former.set()

    def stop(self) -> None:
        """Every pause, now and later, ends at once."""
        with self._changed:
            self._stopping = True
            self._release.set()
