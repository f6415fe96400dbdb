"""One HTTP connection: which address is meant, how much is read, how the answer leaves.

The rule: a call has left the traffic and is closed in the log before the last byte of its answer leaves, so a
client that has read an answer finds it in the log.
"""

from __future__ import annotations

import io
import logging
import re
import secrets
import socket
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from project.marketplace import controls, shop
from project.marketplace.desk import Outcome, unauthorised
from project.marketplace.protocol import BODY_LIMIT, Answer, Refused, malformed, read_store
from project.marketplace.traffic import Flight, Stopping
from project.marketplace.wire import PatientReader, reset, write_answer

if TYPE_CHECKING:
    from project.marketplace.server import Server

logger = logging.getLogger("marketplace")

#: Seconds for the head of a request, the idle time before it included, and for its body.
HEAD_SECONDS = 30.0
BODY_SECONDS = 30.0
#: Seconds that a write may be stuck because the client does not read.
WRITE_SECONDS = 30.0
#: What is read and thrown away after a body that was too large, so that the client gets to read its 413.
DRAIN_BYTES, DRAIN_SECONDS = 64 * 1024 * 1024, 2.0

_PRICES = re.compile(r"/stores/([^/]+)/prices")
_SHOP = re.compile(r"/shop/([^/]+)(/prices\.json)?")


class Gone(Exception):
    """The connection is over, and nothing more is written to it."""


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._reader = PatientReader(self.connection)
        self.rfile = io.BufferedReader(self._reader)
        self._request_id = ""
        self._bodiless = False

    def handle(self) -> None:
        with suppress(Gone, Stopping, ConnectionError, TimeoutError):
            super().handle()

    def handle_one_request(self) -> None:
        self._reader.allow(HEAD_SECONDS)
        self._request_id = secrets.token_hex(8)
        super().handle_one_request()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        try:
            if match := _PRICES.fullmatch(path):
                self._answer_prices(match[1], query)
            else:
                body = self._read_body()
                self._write(self._answer_page(path, query, body))
        except Refused as refusal:
            self._write(refusal.answer)
            if refusal.answer.close:
                self._drain()
        except (Gone, Stopping, ConnectionError, TimeoutError):
            raise
        except Exception:
            logger.exception("%s %s failed", self.command, path)
            self._write(_broken())

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - http.server looks for these names

    def _answer_prices(self, segment: str, query: str) -> None:
        if (store := read_store(segment)) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "not_found", "there is nothing here", close=True)
        desk, traffic = self.server.desk, self.server.traffic
        flight = traffic.begin(store, self.connection, sending=self.command == "PUT")
        pause = partial(traffic.pause, flight)
        call: int | None = None
        status: int | None = None
        try:
            admitted = desk.admits(self.headers.get("Authorization"))
            call = desk.calls.open(flight, self.command, self._request_id, admitted=admitted)
            try:
                body = self._read_body()
                traffic.heard(flight)
                outcome = Outcome(unauthorised())
                if admitted:
                    self._allow_only("GET", "PUT")
                    outcome = desk.answer(
                        call, store=store, method=self.command, query=query, body=body, pause=pause
                    )
            except Refused as refusal:
                outcome = Outcome(refusal.answer)
            except (Gone, Stopping, ConnectionError, TimeoutError):
                raise
            except Exception:
                logger.exception("%s of store %r failed", self.command, store)
                outcome = Outcome(_broken())
            last = self._write_all_but_last(flight, outcome)
            status = outcome.answer.status if outcome.answer else None
        finally:
            try:
                if call is not None:
                    desk.calls.close(call, status)
            finally:
                traffic.end(flight)
        self._finish(outcome, last)

    def _write_all_but_last(self, flight: Flight, outcome: Outcome) -> bytes:
        """Write or wait as the outcome asks, and return the bytes that end the answer."""
        if outcome.answer is None:
            if outcome.manner == "hold":
                self.server.traffic.hold(flight, outcome.seconds)
            return b""
        data = self._encode(outcome.answer)
        if outcome.manner != "drip":
            return data
        for position in range(len(data) - 1):
            self._send(data[position : position + 1])
            self.server.traffic.pause(flight, outcome.seconds)
        return data[-1:]

    def _finish(self, outcome: Outcome, last: bytes) -> None:
        if outcome.manner == "reset":
            self.rfile.close()
            self.wfile.close()
            reset(self.connection)
        if outcome.answer is None:
            raise Gone
        self._send(last)
        if outcome.answer.close:
            self._drain()

    def _answer_page(self, path: str, query: str, body: bytes) -> Answer:
        desk = self.server.desk
        if path.startswith("/_sandbox/"):
            if not desk.admits(self.headers.get("Authorization")):
                return unauthorised()
            if path in controls.METHODS:
                self._allow_only(*controls.METHODS[path])
                return controls.answer(
                    desk, self.server.traffic, method=self.command, path=path, query=query, body=body
                )
        elif path == "/":
            self._allow_only("GET")
            return shop.list_stores(desk.ledger)
        elif match := _SHOP.fullmatch(path):
            store = read_store(match[1])
            if store is not None and desk.ledger.has_store(store):
                self._allow_only("GET")
                show = shop.show_feed if match[2] else shop.show_store
                return show(desk.ledger, store, query, desk.clock())
        raise Refused(HTTPStatus.NOT_FOUND, "not_found", "there is nothing here")

    def _allow_only(self, *methods: str) -> None:
        if self.command not in methods:
            raise Refused(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method",
                f"this address knows {', '.join(methods)}",
                headers={"Allow": ", ".join(methods)},
            )

    def _read_body(self) -> bytes:
        """The body of the request. Raises Refused for a length that is missing, wrong or over the limit."""
        if "Transfer-Encoding" in self.headers:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "length", "send a Content-Length", close=True)
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        text = lengths.pop()
        if lengths or not re.fullmatch(r"[0-9]{1,18}", text):
            refusal = malformed("the Content-Length cannot be read")
            raise Refused(refusal.status, "length", str(refusal), close=True)
        length = int(text)
        if length > BODY_LIMIT:
            message = f"a body has at most {BODY_LIMIT} bytes"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", message, close=True)
        self._reader.allow(BODY_SECONDS)
        body = self.rfile.read(length)
        if len(body) < length:
            raise Gone
        return body

    def _encode(self, answer: Answer) -> bytes:
        self.close_connection = self.close_connection or answer.close
        return write_answer(answer, self._request_id, bodiless=self._bodiless)

    def _send(self, data: bytes) -> None:
        self.connection.settimeout(WRITE_SECONDS)
        self.connection.sendall(data)

    def _write(self, answer: Answer) -> None:
        self._send(self._encode(answer))

    def _drain(self) -> None:
        """Read on for a moment: closing with unread bytes would reset the connection under the answer."""
        self._reader.allow(DRAIN_SECONDS)
        left = DRAIN_BYTES
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (chunk := self.rfile.read1(65_536)):
                left -= len(chunk)
        raise Gone

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that the standard library could not read or does not know."""
        self._bodiless = getattr(self, "command", None) == "HEAD"
        self._write(Refused(code, "bad_request", HTTPStatus(code).phrase, close=True).answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing goes to stderr: the call log has it all."""


def _broken() -> Answer:
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "broken", "the sandbox itself failed", close=True).answer
