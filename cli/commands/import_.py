"""`syncops import`: a price list into the database."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.commands.flush import flush_again, left, progressing, store_payload
from cli.verbs import DryRun, verb
from cli.view import Format, View
from syncops.errors import GuardRail, InputRefused, SyncopsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cli.session import Session
    from syncops.importing.plan import PriceChange
    from syncops.importing.report import Imported

app = typer.Typer()

Errors = Literal["abort", "skip"]
Decimals = Literal["auto", ".", ","]
Unknown = Literal["reject", "ignore", "create"]
Duplicates = Literal["reject", "last"]


@verb(app, "import", schema="syncops.import/1")
def import_prices(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A CSV file, or - for standard input.")],
    store: Annotated[
        str | None, typer.Option("--store", envvar="SYNCOPS_IMPORT_STORE", help="Whose price list it is.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Which catalogue, where there are several.")
    ] = None,
    dry_run: DryRun = False,
    on_error: Annotated[
        Errors, typer.Option("--on-error", help="What one bad row means for the file.")
    ] = "abort",
    rejects: Annotated[
        str | None, typer.Option("--rejects", metavar="PATH", help="Where refused rows go.")
    ] = None,
    decimal: Annotated[Decimals, typer.Option("--decimal", help="The decimal sign.")] = "auto",
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Where it is not UTF-8 or marked.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="Where the header is not enough.")
    ] = None,
    currency: Annotated[str | None, typer.Option("--currency", metavar="CUR", help="For every row.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="HEADER=FIELD", help="What a column is; may be repeated."),
    ] = None,
    unknown: Annotated[Unknown, typer.Option("--unknown", help="What to do with unknown skus.")] = "reject",
    dup: Annotated[
        Duplicates, typer.Option("--dup", help="Which of two different prices counts.")
    ] = "reject",
    override: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="CODE=REASON", help="Pass a guard rail; the reason is kept."),
    ] = None,
    no_deliver: Annotated[bool, typer.Option("--no-deliver", help="Only mark; deliver later.")] = False,
) -> View:
    """Read a price list, compare it with the database, and write what differs: all of it or nothing."""
    from syncops.importing.report import Options
    from syncops.operations import import_ as operation

    options = Options(
        store=store,
        source=source,
        dry_run=dry_run,
        on_error=on_error,
        rejects=rejects,
        decimal=decimal,
        encoding=encoding,
        delimiter=delimiter,
        currency=currency.upper() if currency else None,
        mapping=_pairs("--map", map_),
        unknown=unknown,
        dup=dup,
        overrides=_pairs("--override", override),
        deliver=not no_deliver,
        # A list of every change is as long as the file; only who asks for rows gets them.
        all_changes=session.format in {Format.NDJSON, Format.CSV},
    )
    with ExitStack() as stack:
        done = operation.run(
            file,
            options,
            stream=sys.stdin.buffer if file == "-" else None,
            progress=_reading(session, stack),
            means=progressing(session, stack),
        )
    again = f"syncops import {file}{f' --store {store}' if store else ''}"
    return _view(done, again, dry_run=dry_run)


def _reading(session: Session, stack: ExitStack) -> Callable[[str, int], None]:
    """A bar for the rows that are read, begun with the first block."""
    bars: list[tuple[object, list[int]]] = []

    def advance(stage: str, rows: int) -> None:
        if not bars:
            bars.append((stack.enter_context(session.progress(f"{stage} rows")), [0]))
        bar, seen = bars[0]
        bar.advance(rows - seen[0])  # type: ignore[attr-defined]
        seen[0] = rows

    return advance


def _pairs(flag: str, words: list[str] | None) -> Mapping[str, str]:
    found = {}
    for word in words or ():
        name, equals, value = word.rpartition("=") if flag == "--map" else word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{flag} {word!r} lacks a side of its =")
        found[name] = value
    return found


def _view(done: Imported, again: str, *, dry_run: bool) -> View:
    changes = [_change(each) for each in done.changes]
    endings = [done.ending, *([done.delivered.ending] if done.delivered else [])]
    stores = done.delivered.stores if done.delivered else ()
    payload: dict[str, object] = {
        "run": done.run,
        "status": done.status,
        "dry_run": dry_run,
        "file": {
            "name": done.file.name,
            "sha256": done.file.sha256,
            "bytes": done.file.bytes,
            "encoding": done.file.encoding,
            "delimiter": done.file.delimiter,
            "decimal": done.file.decimal,
            "header_line": done.file.header_line,
        },
        "rows": dict(done.rows),
        "refs": {"marked": sum(done.marked.values()), "stores": dict(done.marked)},
        "rails": [
            {"code": rail.code, "message": rail.message, "overridden_because": rail.overridden_because}
            for rail in done.rails
        ],
        "errors": [
            {
                "code": error.code,
                "line": error.line,
                "column": error.column,
                "raw": error.raw,
                "message": error.message,
                "suggestion": error.suggestion,
            }
            for error in done.errors
        ],
        "codes": dict(done.codes),
        "changes": changes,
        "seconds": dict(done.seconds),
        "rejects": done.rejects,
        "delivered": {each.store: store_payload(each) for each in stores},
    }
    following = _next(done, again, dry_run=dry_run)
    return View(
        payload={**payload, "next": following},
        columns=("line", "sku", "old", "new", "currency"),
        rows=[tuple(each.values()) for each in changes],
        title="Would change" if dry_run or done.ending.value in {"refused", "guarded"} else "Changed",
        ending=endings,
        error=_why_not(done),
        notes=[*done.notes, *_told(done)],
        next=following,
        run=done.run,
    )


def _change(each: PriceChange) -> dict[str, object]:
    from syncops.values import money

    return {
        "line": each.line,
        "sku": each.sku,
        "old": None if each.old is None else money(each.old, each.currency),
        "new": money(each.new, each.currency),
        "currency": each.currency,
    }


def _told(done: Imported) -> list[str]:
    """The report for people: what was wrong, by code and place, and the sum of it."""
    told = []
    for code in dict.fromkeys(error.code for error in done.errors):
        told.append(f"{code}: {_rows(done.codes.get(code, 0))}")
        for error in (each for each in done.errors if each.code == code):
            suggestion = f" ({error.suggestion})" if error.suggestion else ""
            told.append(
                f"  line {error.line}, {error.column or 'row'} {error.raw!r}: {error.message}{suggestion}"
            )
    told += [
        f"{rail.code}: {rail.message}"
        + (f" Overridden: {rail.overridden_because}" if rail.overridden_because else "")
        for rail in done.rails
    ]
    rows = done.rows
    counted = ", ".join(
        f"{rows[name]} {name}" for name in rows if name != "valid" and (rows[name] or name == "read")
    )
    told.append(f"{done.status}: {counted}; refs marked: {sum(done.marked.values())}")
    if done.delivered is not None:
        sent = sum(each.delivered for each in done.delivered.stores)
        told.append(f"delivered: {sent} of {sum(done.marked.values())} refs")
    return told


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _why_not(done: Imported) -> SyncopsError | None:
    """Why nothing was written, where a report comes with it."""
    if done.status == "refused":
        bad = {code: count for code, count in done.codes.items() if code.startswith("E_")}
        return InputRefused(
            max(bad, key=bad.__getitem__), f"{_rows(sum(bad.values()))} refused; nothing was written"
        )
    if done.status == "guarded":
        rail = next(rail for rail in done.rails if rail.overridden_because is None)
        return GuardRail(rail.code, f"{rail.message} Nothing was written")
    return None


def _next(done: Imported, again: str, *, dry_run: bool) -> list[str]:
    if done.status == "refused":
        refused = [f"Leave the bad rows out: {again} --on-error skip"]
        if done.codes.get("E_UNKNOWN_SKU"):
            refused.append(
                "Unknown skus: --unknown create makes the products, --unknown ignore passes them over"
            )
        return refused
    if done.status == "guarded":
        code = next(rail.code for rail in done.rails if rail.overridden_because is None)
        return [f"If it is right all the same: {again} --override {code}='why'"]
    if dry_run:
        return ["Nothing was written. Do it: the same command without --dry-run"] if done.changes else []
    found = []
    if done.rejects:
        found = [f"The refused rows are in {done.rejects}; corrected, that file imports as it is"]
    if done.delivered is not None:
        return [*found, *left(done.delivered.stores)]
    return [*found, f"Deliver it: {flush_again(done.marked)}"] if done.marked else found
