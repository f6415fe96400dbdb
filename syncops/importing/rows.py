"""What the stages of an import hand to each other about one row.

The rule: text that came out of a file leaves this module only after `escape`, so that nothing in a file can
move a cursor, hide a character or colour a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

#: How much of a cell is ever quoted.
EXCERPT = 200
#: What people cannot see at the ends of a cell: white space of any kind, zero-width and direction marks.
UNSEEN = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def escape(text: str) -> str:
    """`text` with every character that is not printable written out: `\\x1b`, `\\u202e`, `\\n`.

    Escaping twice changes nothing: the backslash itself is left alone.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def excerpt(text: str, limit: int = EXCERPT) -> str:
    """The beginning of `text`, escaped, in at most `limit` characters; an escape is never cut in two."""
    if len(text) <= limit and text.isprintable():
        return text
    shown = [_visible(character) for character in text[: limit + 1]]
    length = sum(map(len, shown))
    if length <= limit and len(shown) == len(text):
        return "".join(shown)
    while length > limit - 1:
        length -= len(shown.pop())
    return "".join(shown) + "…"


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row, or one cell of it, is refused.

    `line` is the physical line on which the record began; `column` the name in the header, or "" for the
    whole row; `raw` the cell, at most 200 characters.
    """

    code: str
    line: int
    column: str
    raw: str
    message: str
    suggestion: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "raw", excerpt(self.raw))
        for name in ("column", "message", "suggestion"):
            object.__setattr__(self, name, escape(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a cell is refused, before anyone says where it stands.

    (Not `values.Reason`, which says why a Change was marked.) `proves` is what the shape of a refused price
    still says about the decimal sign of its column.
    """

    code: str
    message: str
    suggestion: str = ""
    proves: str | None = field(default=None, compare=False)

    def at(self, line: int, column: str, raw: str) -> RowError:
        """The same, with its place."""
        return RowError(self.code, line, column, raw, self.message, self.suggestion)


class Note(NamedTuple):
    """Something that was put right in a cell, and is told."""

    code: str
    message: str


class Record(NamedTuple):
    """One record of a table: the physical line on which it began, its cells, and why it is refused, if it is.

    Without an error there are as many cells as columns. A line break inside a cell is always `\\n`.
    """

    line: int
    cells: list[str]
    error: RowError | None = None
