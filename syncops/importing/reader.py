"""A file or a stream as a table of records: the first stage of an import.

The rule: bounded memory and nothing guessed. A block of 256 KiB is all that is held, whether the file has a
hundred rows or a hundred million; what cannot be read without a guess is refused with the place and a way on.
"""

from __future__ import annotations

from itertools import chain
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from syncops.errors import InputRefused, UsageError
from syncops.importing.header import find_header
from syncops.importing.lines import Block, Lines
from syncops.importing.records import Records
from syncops.importing.rejects import is_rejects, restored, restored_record
from syncops.importing.rows import Record, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType


class Table:
    """The records of a file, once through; close it, or use it in a `with`.

    `header` holds the columns' names as the file has them, `columns` field → index, `ignored` the columns
    that are no field, `notes` what the operator is told. `digest` (SHA-256), `bytes` and `blank_lines` are
    known when the records have been read to the end.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        owned: bool,
        encoding: str | None,
        delimiter: str | None,
        mapping: Mapping[str, str] | None,
        required: Sequence[str],
    ) -> None:
        self._stream = stream
        self._owned = owned
        self._finished = False
        try:
            self._lines = lines = Lines(stream, encoding)
            blocks = lines.blocks()
            first = next(blocks, None)
            if first is None:
                raise InputRefused("F_EMPTY", "the file is empty")
            found = find_header(first.lines, delimiter=delimiter, mapping=mapping, required=required)
            self.encoding = lines.encoding.name
            self.delimiter = found.delimiter
            self.header = tuple(found.names)
            self.header_line = found.line
            self.columns = found.columns
            self.ignored = found.ignored
            mark = (f"byte order mark of {self.encoding} skipped",) if lines.encoding.mark else ()
            self.notes = mark + found.notes
            self._parser = Records(found.delimiter, len(found.names))
            self._parser.blank = sum(not line.strip() for line in first.lines[: found.line])
            rest = Block(first.first + found.used, first.lines[found.used :], first.quoted)
            batches = self._batches(rest, blocks)
            begun = next(batches, None)
            if begun is None:
                raise InputRefused("F_EMPTY", f"the file has nothing after its header on line {found.line}")
            self._records: Iterator[Record] = chain(begun, chain.from_iterable(batches))
            if is_rejects(found.names):
                self.header = tuple(map(restored, found.names))
                self._records = map(restored_record, self._records)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Record]:
        # The chain itself, not self: a million calls of __next__ are a tenth of a second.
        return self._records

    def __next__(self) -> Record:
        return next(self._records)

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. A stream that was handed in stays open."""
        if self._owned:
            self._stream.close()

    @property
    def digest(self) -> str:
        """SHA-256 of all bytes, in hex. RuntimeError before the end."""
        self._require_end()
        return self._lines.digest

    @property
    def bytes(self) -> int:
        """How many bytes the file has. RuntimeError before the end."""
        self._require_end()
        return self._lines.bytes

    @property
    def blank_lines(self) -> int:
        """How many blank lines were passed over. RuntimeError before the end."""
        self._require_end()
        return self._parser.blank

    def _require_end(self) -> None:
        if not self._finished:
            raise RuntimeError("known only when the records have been read to the end")

    def _batches(self, block: Block, blocks: Iterator[Block]) -> Iterator[Iterable[Record]]:
        try:
            while True:
                # One block ahead: the parser must know which one is the last.
                following = next(blocks, None)
                if block.lines or following is None:
                    records = self._parser.read(block, last=following is None)
                    if not isinstance(records, list) or records:
                        yield records
                if following is None:
                    break
                block = following
            self._finished = True
        finally:
            self.close()


def open_table(
    source: str | PathLike[str] | BinaryIO,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    mapping: Mapping[str, str] | None = None,
    required: Sequence[str] = ("sku", "price"),
) -> Table:
    """The table in a file, or in a binary stream such as `sys.stdin.buffer`.

    `encoding`, `delimiter` and `mapping` (header → field) are the operator's words and win over what the file
    shows. Raises UsageError for a file that cannot be opened or read, InputRefused (`F_EMPTY`, `F_ENCODING`,
    `F_NOT_TABULAR`, `F_ARCHIVE`, `F_HEADER`) for one that is no price list; bytes that are wrong further down
    raise it while the records are read.
    """
    owned = isinstance(source, str | PathLike)
    stream = _open(source) if isinstance(source, str | PathLike) else source
    return Table(
        stream, owned=owned, encoding=encoding, delimiter=delimiter, mapping=mapping, required=required
    )


def _open(path: str | PathLike[str]) -> BinaryIO:
    name = escape(fspath(path))
    try:
        return Path(path).open("rb", buffering=0)
    except FileNotFoundError:
        raise UsageError(f"there is no file {name}") from None
    except IsADirectoryError:
        raise UsageError(f"{name} is a directory", hint="name the file inside it") from None
    except (OSError, ValueError) as fault:
        raise UsageError(f"{name} cannot be opened: {getattr(fault, 'strerror', None) or fault}") from None
