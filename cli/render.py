"""How a result looks: table, plain, json, ndjson, csv.

The rule: a renderer decides nothing. A verb hands over a View, and what is in it comes out in the format
that was asked for: the same rows, the same money, the same times.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cli.cells import cell, document, harmless
from cli.screen import visible
from cli.view import Format

if TYPE_CHECKING:
    from cli.screen import Screen
    from cli.view import View
    from syncops.errors import SyncopsError


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([harmless(cell(value)) for value in row] for row in rows)
    return sheet.getvalue()


def _plain(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, *([cell(value) for value in row] for row in rows)]
    return "".join("\t".join(visible(text) for text in line) + "\n" for line in lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str, screen: Screen) -> str:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=Text(visible(title)) if title else None, title_justify="left")
    for position, name in enumerate(columns):
        values = [row[position] for row in rows]
        numeric = any(values) and all(isinstance(v, (int, float, Decimal, type(None))) for v in values)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(_narrow(value))) for value in row))
    with screen.console.capture() as capture:
        screen.console.print(table)
    return capture.get()


def _narrow(value: object) -> str:
    """One cell of a table: a time without its year and seconds, in UTC like all others."""
    return f"{value.astimezone(UTC):%d %b %H:%M}" if isinstance(value, datetime) else cell(value)


def failure(error: SyncopsError) -> Mapping[str, str]:
    """The `error` object of a document: a stable code, one line, and what to do next."""
    return {"code": error.code, "message": str(error), "hint": error.hint}


def _envelope(view: View, content: Mapping[str, object]) -> dict[str, object]:
    head: dict[str, object] = {"schema": view.schema, "ok": view.error is None, **content}
    if view.error is not None:
        head["error"] = failure(view.error)
    return {**head, "exit_code": view.exit_code}


def _ndjson(view: View, *, ascii_only: bool) -> str:
    rows = (
        [dict(zip(view.columns, row, strict=True)) for row in view.rows] if view.columns else [view.payload]
    )
    objects = rows if view.error is None else [*rows, _envelope(view, {})]
    return "".join(document(item, ascii_only=ascii_only) for item in objects)


def _cells(view: View) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """The columns and rows of `view`; without columns, the plain values of its payload, one a line."""
    if not view.columns:
        plain = [(k, v) for k, v in view.payload.items() if not isinstance(v, (Mapping, list, tuple))]
        return (("field", "value"), plain) if plain else ((), ())
    if any(len(row) != len(view.columns) for row in view.rows):
        raise ValueError(f"{view.schema}: a row does not fit the columns {list(view.columns)}")
    return view.columns, view.rows


def render(view: View, wanted: Format, screen: Screen) -> str:
    """The whole text of `view` in `wanted`, composed before a byte of it is written."""
    if wanted is Format.JSON:
        return document(_envelope(view, view.payload), ascii_only=not screen.unicode, indent=2)
    if wanted is Format.NDJSON:
        return _ndjson(view, ascii_only=not screen.unicode)
    columns, rows = _cells(view)
    if not columns:
        return ""
    if wanted is Format.CSV:
        return _csv(columns, rows)
    if wanted is Format.PLAIN:
        return _plain(columns, rows)
    return _table(view.headings or columns, rows, view.title, screen)
