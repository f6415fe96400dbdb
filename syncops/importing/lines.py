"""A stream of bytes as blocks of physical lines, in bounded memory.

The rule: a line ends at `\\n`, `\\r\\n` or `\\r` and nowhere else (not at U+2028, NEL or a form feed, as
`str.splitlines` has it), so that line 17 here is line 17 in every editor. A line longer than a record may be
is cut just past that limit: whoever reads it sees that it is too long, and nobody has to hold it.
"""

from __future__ import annotations

import codecs
import hashlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from syncops.errors import InputRefused, UsageError
from syncops.importing import encoding, formats

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many bytes are read and decoded at a time.
BLOCK = 256 * 1024
#: How many lines are handed on at a time: their cells then stay in the processor's cache (a fifth faster).
SLICE = 500
#: The most characters that a record may have.
LONGEST = 64 * 1024


class Block(NamedTuple):
    """Physical lines without their ends: the number of the first, and whether a quote occurs in any."""

    first: int
    lines: list[str]
    quoted: bool


class Lines:
    """The physical lines of `stream`, block by block; counts bytes and takes their SHA-256 on the way.

    Raises InputRefused where the bytes are no text (see `formats` and `encoding`) and UsageError where the
    stream cannot be read.
    """

    def __init__(self, stream: BinaryIO, asked: str | None) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.ended = False
        self._head: bytes | None = self._read()
        self.encoding = encoding.choose(self._head, asked)
        formats.refuse_by_bytes(self._head[self.encoding.mark :], wide=self.encoding.wide)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[Block]:
        """The blocks in order; the last one may end in a line without a line break."""
        assert self._head is not None  # noqa: S101 - a second pass over a stream is a mistake of ours
        data, self._head = self._head[self.encoding.mark :], None
        decoder = codecs.getincrementaldecoder(self.encoding.name)("strict")
        held, first, start = "", 1, True
        while True:
            final = not data
            try:
                text = held + decoder.decode(data, final)
            except UnicodeDecodeError as fault:
                raise self._refusal(fault, held, first) from None
            if start:
                formats.refuse_by_text(text)
                start = False
            # Half a \r\n must wait for its other half.
            cut = "\r" if text.endswith("\r") and not final else ""
            if "\r" in text:
                text = _unify(text[: len(text) - len(cut)])
            if "\0" in text:
                formats.refuse_nul(first + text.count("\n", 0, text.index("\0")))
            lines = text.split("\n")
            held = lines.pop()
            if final and held:
                lines.append(held)
            quoted = '"' in text
            for at in range(0, len(lines), SLICE):
                part = lines[at : at + SLICE]
                yield Block(first, part, quoted)
                first += len(part)
            if final:
                return
            held = held[: LONGEST + 1] + cut
            data = self._read()

    def _read(self) -> bytes:
        """Up to a block, less only at the end: a pipe gives what it has at the moment."""
        parts: list[bytes] = []
        wanted = BLOCK
        while wanted and not self.ended:
            try:
                part = self._stream.read(wanted)
            except OSError as fault:
                raise UsageError(f"the file cannot be read: {fault.strerror or fault}") from fault
            if part is None:  # a stream that does not block: taking this for the end would cut the file short
                raise UsageError(
                    "the stream gave nothing before its end", hint="give a file, or a pipe that blocks"
                )
            self.ended = not part
            wanted -= len(part)
            parts.append(part)
        data = b"".join(parts)
        self._hash.update(data)
        self.bytes += len(data)
        return data

    def _refusal(self, fault: UnicodeDecodeError, held: str, first: int) -> InputRefused:
        good = fault.object[: fault.start].decode(self.encoding.name)
        return encoding.refusal(
            self.encoding.name,
            fault,
            offset=self.bytes - len(fault.object) + fault.start,
            line=first + _unify(held + good).count("\n"),
        )


def _unify(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
