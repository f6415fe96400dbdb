"""An HTTP server that answers with exactly the bytes it was given, for all that a decent server never does.

The rule: `with` leaves no thread and no socket behind, whatever state the clients are in.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a request (its head and its body) is answered with: some pieces, with a pause between two of them.
Script = Callable[[bytes], Iterable[bytes]]


def http_answer(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A complete HTTP/1.1 answer that ends its connection. A header that is given replaces the usual one."""
    lines = {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode("latin-1") + body


class ScriptedServer:
    """Answers every call alike, one call a connection.

    `answer` is the bytes of the answer, or a function from the request to the pieces of it, which may go on
    for ever; `pause` is the time between two pieces in seconds; `tls` makes it speak HTTPS.
    """

    def __init__(
        self, answer: bytes | Script, *, pause: float = 0.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._script: Script = answer if callable(answer) else lambda _: (answer,)
        self._pause = pause
        self._tls = tls
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        #: Every request that was read, head and body.
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> ScriptedServer:
        self._listening = threading.Thread(target=self._accept)
        self._listening.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listening.join()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed by __exit__
                return
            if self._tls is not None:
                # The handshake waits for the thread of its own: a client may never make it.
                connection = self._tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            with self._lock:
                self._connections.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        # A client that hangs up, or that does not trust the certificate, is what many tests are about.
        with suppress(OSError):
            try:
                if isinstance(connection, ssl.SSLSocket):
                    connection.do_handshake()
                self._answer(connection)
            finally:
                with self._lock:
                    self._connections.discard(connection)
                connection.close()

    def _answer(self, connection: socket.socket) -> None:
        request = _read_request(connection)
        self.requests.append(request)
        for number, piece in enumerate(self._script(request)):
            if number and self._stopping.wait(self._pause):
                return
            connection.sendall(piece)


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionResetError("the client hung up")
    return data
