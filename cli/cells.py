"""One value as text: in a document for programs, in a cell for people.

The rule: money never meets a float or an exponent, a time is always UTC, and nothing that came from outside
can move a cursor or start a formula.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any

from cli.screen import visible


def instant(moment: datetime) -> str:
    """`moment` in UTC as ISO 8601 with a Z. Raises ValueError where it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment!r}")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_SCALARS: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (Enum, lambda value: value.value),
    (Decimal, lambda value: f"{value:f}"),
    (datetime, instant),
    (date, date.isoformat),
    (timedelta, timedelta.total_seconds),
    (PurePath, str),
    (Mapping, dict),
    (set, sorted),
    (frozenset, sorted),
)


def _scalar(value: object) -> object:
    """`value` as JSON knows it, for the types that JSON does not know."""
    for kind, convert in _SCALARS:
        if isinstance(value, kind):
            return convert(value)
    raise TypeError(f"{type(value).__name__} has no place in a document")


#: JSON allows these unescaped; a terminal obeys them, and a lone surrogate cannot be encoded.
_JSON_CONTROLS = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def document(value: object, *, ascii_only: bool = False, indent: int | None = None) -> str:
    """`value` as JSON, with a newline at its end. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, default=_scalar, ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    return _JSON_CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def cell(value: object) -> str:
    """`value` as the text of one cell: nothing for None, yes and no, money without an exponent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return json.dumps(value, default=_scalar, ensure_ascii=False)
    if isinstance(value, (set, frozenset)):
        return ", ".join(sorted(cell(item) for item in value))
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, datetime):
        return instant(value.replace(microsecond=0))
    plain = isinstance(value, (str, int, float)) and not isinstance(value, Enum)
    return str(value if plain else _scalar(value))


_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def harmless(text: str) -> str:
    """`text` as a cell that a spreadsheet shows and does not execute.

    The leading characters are OWASP's (https://owasp.org/www-community/attacks/CSV_Injection). A plain
    negative number is left alone: it is no formula, and a quote in front would make it text.
    """
    if text.startswith(("=", "+", "-", "@", "\t", "\r")) and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    return "\n".join(visible(line) for line in text.replace("\r\n", "\n").split("\n"))
