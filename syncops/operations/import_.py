"""`import`: a price list into the database, with its refs.

The rule: everything is read, compared and judged before the first write; then all of it is written in one
transaction, or none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from django.db import transaction

from syncops import conf, sources
from syncops.capture import batch
from syncops.delivery import Means
from syncops.errors import UsageError
from syncops.importing.apply import Applied, Writer
from syncops.importing.contention import come_again
from syncops.importing.dialect import Dialect
from syncops.importing.plan import UNKNOWN_SHARE, Plan
from syncops.importing.reader import Table, open_table
from syncops.importing.rejects import write_rejects
from syncops.importing.report import RAILS, FileFacts, Imported, Options, Rail, count_rows, prove
from syncops.importing.rows import RowError, excerpt
from syncops.importing.rowstream import Limits, RowStream
from syncops.importing.staging import Staging
from syncops.importing.target import Target
from syncops.models import Run
from syncops.operations import flush, runs
from syncops.operations.stores import select

#: Errors and changes that a report shows; the rejects file and `--format ndjson` have all of them.
SHOWN = 20


class Import:
    """One import, stage after stage."""

    def __init__(self, name: str, options: Options, using: str, progress: Callable[[str, int], None]) -> None:
        self.name = name
        self.options = options
        self.using = using
        self.progress = progress
        self.source = _source(options.source)
        self.target = Target.of(self.source)
        self.store = options.store
        if self.store is not None:
            self.store = _store(self.store, using)
        elif options.unknown == "create":
            raise UsageError("--unknown create needs to know the store", hint="--store SLUG")
        if options.unknown == "create" and not self.source.creates:
            self.source.create((), None, using)
        if strange := sorted(set(options.overrides) - set(RAILS)):
            raise UsageError(
                f"There is no guard rail {', '.join(strange)}", hint=f"There are: {', '.join(RAILS)}"
            )
        self.plan = Plan(self.target, self.store, using)
        self.seconds: dict[str, float] = {}

    def run(self, stream: str | BinaryIO) -> Imported:
        """Read, compare, judge, write, report."""
        options = self.options
        required = ("sku", "price")
        with ExitStack() as stack:
            table = stack.enter_context(
                open_table(
                    stream,
                    encoding=options.encoding,
                    delimiter=options.delimiter,
                    mapping=options.mapping,
                    required=required,
                )
            )
            staging = stack.enter_context(Staging(self.using))
            rows, dialect = self._stage(table, staging)
            began = time.perf_counter()
            self.plan.confirm(rows.signs)
            self.plan.collapse(options.dup)
            self.plan.compare()
            self.plan.refuse(unknown=options.unknown)
            changed, created = self.plan.counts()
            codes = staging.codes()
            self.seconds["plan"] = time.perf_counter() - began
            counts = count_rows(rows.read, codes, changed, created)
            refused = any(code.startswith("E_") for code in codes) and options.on_error == "abort"
            rails = self._rails(counts, codes)
            guarded = any(rail.overridden_because is None for rail in rails)
            prove(counts)
            rejects = None
            if options.rejects is not None and any(code.startswith("E_") for code in codes):
                # Before the first write: a file that cannot be written must not be found out afterwards.
                write_rejects(
                    options.rejects, table.header, table.delimiter, staging.rejects(self._columns(table))
                )
                rejects = options.rejects
            applied, run = Applied(), None
            if not (options.dry_run or refused or guarded) and changed + created:
                began = time.perf_counter()
                applied, run, counts = self._apply(table, counts)
                self.seconds["apply"] = time.perf_counter() - began
            # What was stale is no longer among them.
            changes = tuple(self.plan.changes(limit=None if options.all_changes else SHOWN))
            errors = self._errors(table, staging)
            notes = self._notes(table, rows, codes, counts, run)
        status: Any = "applied" if run is not None else "unchanged"
        if options.dry_run:
            status = "dry run"
        if refused or guarded:
            status = "refused" if refused else "guarded"
        facts = FileFacts(
            self.name,
            table.digest,
            table.bytes,
            table.encoding,
            table.delimiter,
            dialect.settle(),
            table.header_line,
        )
        shown = {code: count for code, count in codes.items() if code}
        return Imported(
            status,
            facts,
            counts,
            applied.marked,
            errors,
            shown,
            changes,
            rails,
            notes,
            {name: round(value, 3) for name, value in self.seconds.items()},
            run.pk if run else None,
            rejects,
        )

    def _stage(self, table: Table, staging: Staging) -> tuple[RowStream, Dialect]:
        began = time.perf_counter()
        dialect = Dialect(self.options.decimal)
        rows = RowStream(
            table,
            dialect,
            self._limits(),
            self.options.currency,
            keep_raw=self.options.rejects is not None,
            progress=lambda count: self.progress("reading", count),
        )
        staging.fill(rows)
        dialect.settle()
        self.seconds["read"] = time.perf_counter() - began
        return rows, dialect

    def _limits(self) -> Limits:
        def longest(path: Any) -> int | None:
            found = sources.follow(self.source.model, path)[-1] if isinstance(path, str) else None
            return getattr(found, "max_length", None)

        price = self.target.price
        names = longest(self.source.name) if self.options.unknown == "create" else None
        return Limits(longest(self.source.sku) or 255, names, price.max_digits, price.decimal_places)

    def _rails(self, counts: Mapping[str, int], codes: Mapping[str, int]) -> tuple[Rail, ...]:
        """More than 5 % unknown: it is the wrong file, or the wrong store."""
        unknown = counts["unknown"]
        known = counts["changed"] + counts["unchanged"]
        if not unknown or unknown <= UNKNOWN_SHARE * (known + unknown):
            return ()
        message = f"{unknown} of {known + unknown} skus are unknown: is this the file of that store?"
        return (Rail("G_UNKNOWN", message, self.options.overrides.get("G_UNKNOWN")),)

    def _apply(self, table: Table, counts: dict[str, int]) -> tuple[Applied, Run, dict[str, int]]:
        """Prices, PriceEdits, Changes and the Run in one transaction."""
        overrides = ", ".join(f"{code}: {why}" for code, why in self.options.overrides.items())
        with come_again(), transaction.atomic(using=self.using):
            run = runs.start(
                "import",
                store=self.store or "",
                reason=overrides,
                arguments={"file": self.name, "sha256": table.digest, "source": self.source.label},
                using=self.using,
            )
            applied = Writer(self.plan, run).write(create=self.options.unknown == "create")
            written = {
                **counts,
                "changed": applied.changed,
                "created": applied.created,
                "stale": applied.stale,
            }
            prove(written)
            runs.finish(run, written, using=self.using)
        if applied.marked:
            batch.announce(applied.marked.keys(), self.using)
        return applied, run, written

    def _errors(self, table: Table, staging: Staging) -> tuple[RowError, ...]:
        columns = self._columns(table)
        errors = []
        for error in staging.errors(columns, limit=SHOWN):
            if error.code == "E_UNKNOWN_SKU" and (near := self.plan.suggestion(error.raw)):
                suggestion = f"did you mean {near}?"
                error = RowError(error.code, error.line, error.column, error.raw, error.message, suggestion)  # noqa: PLW2901
            errors.append(error)
        return tuple(errors)

    def _columns(self, table: Table) -> dict[str, str]:
        return {name: table.header[place] for name, place in table.columns.items()}

    def _notes(
        self,
        table: Table,
        rows: RowStream,
        codes: Mapping[str, int],
        counts: Mapping[str, int],
        run: Run | None,
    ) -> tuple[str, ...]:
        notes = list(table.notes)
        if table.ignored:
            notes.append(f"columns that are not used: {', '.join(map(excerpt, table.ignored))}")
        if table.blank_lines:
            notes.append(f"{table.blank_lines} blank lines passed over")
        notes += [f"{count} rows with {code}" for code, count in rows.notes.items()]
        if codes.get("W_DUP"):
            notes.append(f"{codes['W_DUP']} rows repeat a sku and were left out (W_DUP)")
        if not self.target.set_based:
            notes.append(
                f"{self.target.model._meta.label} has a save() of its own: prices are saved one by one"
            )
        if run is None and not counts["changed"] and not counts["created"] and not counts["rejected"]:
            before = Run.objects.using(self.using).filter(
                operation="import",
                store=self.store or "",
                arguments__sha256=table.digest,
                arguments__source=self.source.label,
            )
            if (last := before.order_by("-id").values_list("pk", flat=True).first()) is not None:
                notes.append(f"nothing to do: run {last} applied this very file")
        return tuple(notes)


def run(
    path: str,
    options: Options,
    *,
    stream: BinaryIO | None = None,
    progress: Callable[[str, int], None] = lambda _stage, _rows: None,
    means: Callable[[str], Means] = lambda _: Means(),
    using: str = "default",
) -> Imported:
    """Import a price list; `-` reads `stream`. Delivers what it marked where no broker does it.

    Raises InputRefused for a file that is no price list, UsageError for what cannot be asked for, Unavailable
    where rows are locked.
    """
    if path == "-" and stream is None:
        raise UsageError("There is nothing to read on standard input")
    if options.rejects is not None and _same_file(path, options.rejects):
        raise UsageError("--rejects names the very file that is to be read", hint="Name another one.")
    name = "-" if path == "-" else Path(path).name
    done = Import(name, options, using, progress).run(stream if path == "-" and stream else path)
    if not (done.marked and options.deliver) or conf.broker_url():
        return done
    sent = flush.run(sorted(done.marked), using=using, means=means, part_of=done.run)
    return replace(done, delivered=sent)


def _store(slug: str, using: str) -> str:
    """The one store that is meant. A pattern is not enough: a price list is never for whichever comes first."""
    found = select([slug], using=using)
    if [each.slug for each in found] != [slug]:
        raise UsageError(
            f"{slug!r} is a pattern, and a price list is for one store",
            hint=f"--store {'|'.join(each.slug for each in found)}",
        )
    return slug


def _same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False


def _source(label: str | None) -> sources.Source:
    """The Source that is named, or the only one there is."""
    if label is not None:
        return sources.get(label)
    known = sources.all()
    if len(known) == 1:
        return known[0]
    if not known:
        raise UsageError("No source is registered", hint="Write a sync.py: docs/models.md")
    raise UsageError(
        "There are several sources, and an import is for one",
        hint=f"--source {'|'.join(s.label for s in known)}",
    )
