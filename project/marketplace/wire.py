"""Bytes and sockets: reading under a deadline, writing an answer, ending a connection the rude way.

The rule: no read waits longer than its deadline in total, however slowly the other side drips.
"""

from __future__ import annotations

import io
import socket
import struct
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import WriteableBuffer

    from project.marketplace.protocol import Answer

_ALWAYS: Mapping[str, str] = {
    "Server": "sandbox-marketplace",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class PatientReader(io.RawIOBase):
    """The incoming side of a socket; raises TimeoutError once the seconds that were allowed are over."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """All reads from now on together may take this long."""
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the other side took too long")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


def write_answer(answer: Answer, request_id: str, *, bodiless: bool = False) -> bytes:
    """The answer as it goes over the wire (HTTP/1.1)."""
    headers = {
        "Date": formatdate(usegmt=True),
        **_ALWAYS,
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        "X-Request-Id": request_id,
        **answer.headers,
    }
    if answer.close:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
    return head if bodiless else head + answer.body


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN: SO_LINGER with a time of 0 (socket(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
