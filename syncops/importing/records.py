"""Physical lines to records: strict CSV that loses no more than the record that is broken.

The rule: a quote that is never closed costs the one record in which it stands. It is an error at the line
where that record began, and reading resumes at the next physical line. A block in which every line is a
record is read at once; only where one is not are records read one by one.
"""

from __future__ import annotations

import csv
from functools import partial
from itertools import count, repeat
from typing import TYPE_CHECKING

from syncops.importing.header import TALLEST
from syncops.importing.lines import LONGEST, Block
from syncops.importing.rows import Record, RowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Record(line, cells, error) of such a tuple, without a Python call for each.
_make = partial(tuple.__new__, Record)


class _Runaway(Exception):
    """A record is longer than a record may be."""


class _Feed:
    """Gives lines to a csv reader one by one and stops it where a record runs away.

    `began` is the index of the line on which the present record began; the reader's owner moves it on.
    """

    def __init__(self, lines: list[str], began: int) -> None:
        self._lines = lines
        self.began = began
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        size = 0
        for at in range(self.began, len(self._lines)):
            line = self._lines[at]
            size = len(line) if at == self.began else size + 1 + len(line)
            if size > LONGEST or at - self.began >= TALLEST:
                raise _Runaway
            yield line + "\n"
        self.exhausted = True


class Records:
    """Makes records of blocks that come in order. `blank` is the number of blank lines so far."""

    def __init__(self, delimiter: str, width: int) -> None:
        self.blank = 0
        self._delimiter = delimiter
        self._width = width
        self._kept: list[str] = []

    def read(self, block: Block, *, last: bool) -> Iterable[Record]:
        """The records of `block`. What it leaves open goes on in the next one, unless it is the `last`."""
        rows = self._at_once(block)
        if rows is None:
            first = block.first - len(self._kept)
            lines, self._kept = self._kept + block.lines, []
            return list(self._one_by_one(first, lines, last=last))
        if self._width > 1 and set(map(len, rows)) == {self._width}:
            return map(_make, zip(count(block.first), rows, repeat(None)))
        checked = (self._check(line, cells) for line, cells in enumerate(rows, block.first))
        return [record for record in checked if record is not None]

    def _at_once(self, block: Block) -> list[list[str]] | None:
        """The cells of each line, where every line is a record of its own; else None."""
        lines = block.lines
        if self._kept or max(map(len, lines), default=0) > LONGEST:
            return None
        if not block.quoted:
            # Without a quote this is what csv.reader does, in half the time; a test holds the two together.
            return [line.split(self._delimiter) for line in lines]
        try:
            rows = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        # A record takes one line or more: as many records as lines means one line each.
        return rows if len(rows) == len(lines) else None

    def _one_by_one(self, first: int, lines: list[str], *, last: bool) -> Iterator[Record]:
        at = 0
        while at < len(lines):
            feed = _Feed(lines, at)
            reader = csv.reader(feed, delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    record = self._check(first + feed.began, cells)
                    feed.began = at + reader.line_num
                    if record is not None:
                        yield record
                return
            except _Runaway:
                message = f"the record does not end within {TALLEST} lines or {LONGEST // 1024} KiB"
            except csv.Error as fault:
                if feed.exhausted and not last:
                    self._kept = lines[feed.began :]
                    return
                message = "a quote is never closed" if feed.exhausted else f"the quotes do not fit: {fault}"
            broken = lines[feed.began]
            yield Record(first + feed.began, [broken], _quote_error(first + feed.began, broken, message))
            at = feed.began + 1

    def _check(self, line: int, cells: list[str]) -> Record | None:
        """The record, with `E_COLUMNS` where its cells are not as many as the columns; None for a blank line.

        Empty cells past the last column are what spreadsheets leave behind, and are dropped.
        """
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            self.blank += 1
            return None
        if len(cells) > self._width and not any(map(str.strip, cells[self._width :])):
            cells = cells[: self._width]
        if len(cells) == self._width:
            return Record(line, cells)
        error = RowError(
            "E_COLUMNS",
            line,
            "",
            self._delimiter.join(cells),
            f"{len(cells)} cell{'s' * (len(cells) != 1)} where the header has {self._width}",
            f"a cell that contains {self._delimiter!r} has to be in quotes"
            if len(cells) > self._width
            else "",
        )
        return Record(line, cells, error)


def _quote_error(line: int, raw: str, message: str) -> RowError:
    return RowError(
        "E_QUOTE",
        line,
        "",
        raw,
        message,
        'put the whole cell in quotes and write a quote inside it twice: "5"" pipe"',
    )
