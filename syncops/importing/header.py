"""Which line of a file is its header, what separates its cells, and which column is which field.

The rule: the delimiter is the only one under which a line holds every required field. Two that fit, two lines
that fit, or two columns for one field are refused; nothing here is decided by likelihood.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncops.errors import InputRefused, UsageError
from syncops.importing.columns import ALIASES, field_of, fold, nearest, read_mapping
from syncops.importing.lines import LONGEST
from syncops.importing.rows import UNSEEN, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: The delimiters that are tried, and what they are called.
DELIMITERS: Mapping[str, str] = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
#: How many lines may stand before the header.
PREAMBLE = 20
#: How many physical lines a record may have.
TALLEST = 50

_SEP = re.compile(r'"?sep=([^\w"\s]|\t)"?[,;\t|]*', re.I)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a table. `line` is physical, `used` the number of physical lines up to its end."""

    delimiter: str
    names: list[str]
    line: int
    used: int
    columns: Mapping[str, int]
    ignored: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A line read with a delimiter, and the columns of each field in it."""

    line: int
    used: int
    delimiter: str
    names: list[str]
    found: Mapping[str, list[int]]

    def holds(self, fields: Iterable[str]) -> bool:
        return all(field in self.found for field in fields)


def find_header(
    lines: Sequence[str],
    *,
    delimiter: str | None = None,
    mapping: Mapping[str, str] | None = None,
    required: Sequence[str] = ("sku", "price"),
) -> Header:
    """The header among the first lines of a file.

    `mapping` is header → field, the operator's word; it wins over every alias of that field. Raises
    InputRefused (`F_EMPTY`, `F_HEADER`), or UsageError for a delimiter or a field that cannot be.
    """
    mapped = read_mapping(mapping or {})
    if delimiter is not None:
        delimiter = _read_delimiter(delimiter)
    start = next((at for at, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise InputRefused("F_EMPTY", "the file is empty")
    notes: list[str] = []
    if separator := _SEP.fullmatch(lines[start].strip(" ")):
        delimiter = delimiter or separator[1]
        notes.append(f"line {start + 1} says that {_name(separator[1])} separates the cells")
        start = next((at for at in range(start + 1, len(lines)) if lines[at].strip()), None)
        if start is None:
            raise InputRefused("F_EMPTY", "the file has nothing after its sep= line")

    wanted = tuple(dict.fromkeys((*required, *mapped.values())))
    tried = (delimiter,) if delimiter else tuple(DELIMITERS)
    candidates = list(_candidates(lines, start, tried, mapped))
    fitting = [candidate for candidate in candidates if candidate.holds(wanted)]
    first = [candidate for candidate in fitting if candidate.line == start + 1]
    chosen = _only(first or fitting) if fitting else None
    if chosen is None:
        raise _missing(candidates, lines[start], start + 1, wanted, mapped)
    _refuse_doubled(chosen)
    if skipped := chosen.line - start - 1:
        notes.append(f"{skipped} line{'s' * (skipped > 1)} before the header on line {chosen.line} skipped")
    taken = {columns[0] for columns in chosen.found.values()}
    return Header(
        delimiter=chosen.delimiter,
        names=chosen.names,
        line=chosen.line,
        used=chosen.used,
        columns={field: columns[0] for field, columns in chosen.found.items()},
        ignored=tuple(name for at, name in enumerate(chosen.names) if at not in taken),
        notes=tuple(notes),
    )


def _read_delimiter(delimiter: str) -> str:
    named = {"\\t": "\t", **{name: sign for sign, name in DELIMITERS.items()}}
    sign = named.get(delimiter.lower(), delimiter)
    if len(sign) != 1 or sign.isalnum() or sign in '"\r\n\0 ':
        raise UsageError(f"{excerpt(delimiter)!r} cannot separate cells", hint="for example , ; | or tab")
    return sign


def _name(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, repr(delimiter))


def _candidates(
    lines: Sequence[str], start: int, delimiters: Iterable[str], mapped: Mapping[str, str]
) -> Iterator[_Candidate]:
    for at in range(start, min(start + PREAMBLE + 1, len(lines))):
        if not lines[at].strip():
            continue
        seen: list[list[str]] = []
        for delimiter in delimiters:
            record = _record(lines, at, delimiter)
            if record is None:
                continue
            names, used = record
            if names in seen:  # a single column looks the same under every delimiter
                continue
            seen.append(names)
            found: dict[str, list[int]] = {}
            for column, name in enumerate(names):
                if field := field_of(fold(name), mapped):
                    found.setdefault(field, []).append(column)
            yield _Candidate(at + 1, used, delimiter, names, found)


def _record(lines: Sequence[str], at: int, delimiter: str) -> tuple[list[str], int] | None:
    """The names on line `at`, without empty ones at its end, and the next line; None for no record."""
    if len(lines[at]) > LONGEST:
        return None
    reader = csv.reader((line + "\n" for line in lines[at : at + TALLEST]), delimiter=delimiter, strict=True)
    try:
        names = next(reader)
    except csv.Error:
        return None
    while names and not names[-1].strip(UNSEEN):
        names.pop()
    return names, at + reader.line_num


def _only(fitting: Sequence[_Candidate]) -> _Candidate:
    if len(fitting) == 1:
        return fitting[0]
    one, other = fitting[:2]
    if one.line == other.line:
        raise InputRefused(
            "F_HEADER",
            f"line {one.line} is a header with {_name(one.delimiter)} and with {_name(other.delimiter)}",
            hint="say which: --delimiter",
        )
    raise InputRefused(
        "F_HEADER",
        f"line {one.line} and line {other.line} both look like the header",
        hint="leave one header in the file, as its first line",
    )


def _refuse_doubled(chosen: _Candidate) -> None:
    for field, columns in chosen.found.items():
        if len(columns) > 1:
            names = " and ".join(f"'{excerpt(chosen.names[at], 60)}' (column {at + 1})" for at in columns)
            raise InputRefused(
                "F_HEADER",
                f"the header on line {chosen.line} has more than one column for {field}: {names}",
                hint=f"say which one, with --map 'HEADER={field}', or remove one",
            )


def _missing(
    candidates: Sequence[_Candidate], text: str, line: int, wanted: Sequence[str], mapped: Mapping[str, str]
) -> InputRefused:
    best = max(
        candidates, key=lambda c: (len(c.found.keys() & set(wanted)), len(c.names), -c.line), default=None
    )
    if best is None or (len(best.names) == 1 and not best.found):
        return InputRefused(
            "F_HEADER",
            f"no delimiter makes line {line} a header with {' and '.join(wanted)}: {excerpt(text)}",
            hint="the first line has to name the columns, for example sku,price,currency",
        )
    missing = [field for field in wanted if field not in best.found]
    message = (
        f"line {best.line} has no column for {' and '.join(missing)}; "
        f"its columns are: {excerpt(', '.join(best.names))}"
    )
    hints = []
    for field in missing:
        names = [name for name, to in mapped.items() if to == field] or list(ALIASES.get(field, (field,)))
        near = nearest(best.names, names)
        hints += [f"--map '{excerpt(name, 60)}={field}'" for name in near]
        message += f"; nearest to {field}: {', '.join(excerpt(name, 60) for name in near)}" if near else ""
    return InputRefused(
        "F_HEADER", message, hint=" or ".join(hints) or "say with --map HEADER=FIELD which column is it"
    )
