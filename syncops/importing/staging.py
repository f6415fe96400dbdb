"""The staging table: every row of the file, in a temporary table of the connection.

The rule: nothing is sized by the number of rows in Python. An accepted row and a refused one are both a row
here, so that the report and the rejects file are read from one place, in the order of the file.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from django.db import connections

from syncops.importing.rows import RowError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

STAGING = "syncops_staging"
DIFF = "syncops_diff"

#: The statistics target of PostgreSQL for a temporary table's columns: its default reads 30,000 rows of each.
SAMPLED = 10

#: Rows that are handed to the database at once.
BLOCK = 5000


#: A row of the staging table: a Staged, or the plain tuple of its fields.
StagedRow = tuple[int, str, str | None, str, str, int, str, str, str]


class Staged(NamedTuple):
    """One row of the file. A refused one has a `code` and its errors as JSON.

    `places` is the number of decimals that the price needs; `raw` the cells as JSON, where rejects are kept.
    """

    line: int
    sku: str
    price: str | None
    currency: str
    name: str
    places: int
    code: str = ""
    errors: str = ""
    raw: str = ""


@runtime_checkable
class InBlocks(Protocol):
    """Rows that come in blocks."""

    def blocks(self) -> Iterable[Sequence[StagedRow]]: ...


class Staging:
    """The staging table of one import on one connection."""

    def __init__(self, using: str) -> None:
        self.connection = connections[using]

    def __enter__(self) -> Staging:
        self.drop()
        types = ("bigint", "numeric", "smallint") if self._postgresql else ("integer", "decimal", "integer")
        whole, number, small = types
        # SQLite finds a sku by this key; without it, it builds an index of its own for each join (3.6 × slower
        # at a million rows). PostgreSQL joins by hash and would only pay for one.
        key = "" if self._postgresql else ", PRIMARY KEY (sku, line)) WITHOUT ROWID"
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMPORARY TABLE {STAGING} (line {whole} NOT NULL, sku text NOT NULL, price {number},"
                f" currency text NOT NULL, name text NOT NULL, places {small} NOT NULL, code text NOT NULL,"
                f" errors text NOT NULL, raw text NOT NULL{key or ')'}"
            )
        return self

    def __exit__(self, *_: object) -> None:
        # A connection that was lost took its temporary tables with it.
        if self.connection.connection is not None and self.connection.is_usable():
            self.drop()

    def drop(self) -> None:
        """Drop the temporary tables."""
        with self.connection.cursor() as cursor:
            for table in (DIFF, STAGING):
                cursor.execute(f"DROP TABLE IF EXISTS {'pg_temp' if self._postgresql else 'temp'}.{table}")

    def fill(self, rows: Iterable[StagedRow]) -> None:
        """Take in the rows of a file, in the blocks that they come in where they do."""
        blocks = rows.blocks() if isinstance(rows, InBlocks) else _blocks(rows)
        with _without_collector():
            if self._postgresql:
                self._copy(blocks)
            else:
                self._insert(blocks)

    def _copy(self, blocks: Iterable[Sequence[StagedRow]]) -> None:
        with self.connection.cursor() as cursor:
            with cursor.copy(f"COPY {STAGING} FROM STDIN") as copy:
                for block in blocks:
                    copy.write(_copy_block(block))
            cursor.execute(
                f"ALTER TABLE {STAGING} ALTER COLUMN sku SET STATISTICS {SAMPLED},"
                f" ALTER COLUMN code SET STATISTICS {SAMPLED}, ALTER COLUMN sku SET (n_distinct = -1)"
            )
            cursor.execute(f"ANALYZE {STAGING} (sku, code)")

    def _insert(self, blocks: Iterable[Sequence[StagedRow]]) -> None:
        places = ", ".join(["%s"] * len(Staged._fields))
        with _temporary_transaction(self.connection), self.connection.cursor() as cursor:
            for block in blocks:
                cursor.executemany(f"INSERT INTO {STAGING} VALUES ({places})", block)

    def errors(self, columns: dict[str, str], *, limit: int | None = None) -> Iterator[RowError]:
        """The refused rows with their reasons, in the order of the file."""
        bound = "" if limit is None else f" LIMIT {int(limit)}"
        for line, sku, price, currency, code, errors in self._read(
            f"SELECT line, sku, price, currency, code, errors FROM {STAGING}"
            f" WHERE code LIKE 'E\\_%' ESCAPE '\\' ORDER BY line{bound}"
        ):
            if errors:
                yield from (RowError(**each) for each in json.loads(errors))
            else:
                yield found_error(code, line, sku, price, currency, columns)

    def rejects(self, columns: dict[str, str]) -> Iterator[tuple[list[str], int, list[RowError]]]:
        """The refused rows as the file had them, each with its line and its reasons."""
        for line, sku, price, currency, code, errors, raw in self._read(
            f"SELECT line, sku, price, currency, code, errors, raw FROM {STAGING}"
            " WHERE code LIKE 'E\\_%' ESCAPE '\\' ORDER BY line"
        ):
            reasons = (
                [RowError(**each) for each in json.loads(errors)]
                if errors
                else [found_error(code, line, sku, price, currency, columns)]
            )
            yield json.loads(raw), line, reasons

    def codes(self) -> dict[str, int]:
        """How many rows have each code; "" are those that are still to be applied or unchanged."""
        return dict(self._read(f"SELECT code, count(*) FROM {STAGING} GROUP BY code"))

    def _read(self, sql: str) -> Iterator[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(BLOCK):
                yield from rows

    @property
    def _postgresql(self) -> bool:
        return self.connection.vendor == "postgresql"


def refused(line: int, errors: Sequence[RowError], cells: Sequence[str] | None) -> Staged:
    """A row that is refused for what stands in it."""
    reasons = json.dumps([asdict(each) for each in errors])
    raw = "" if cells is None else json.dumps(list(cells))
    return Staged(line, "", None, "", "", 0, errors[0].code, reasons, raw)


def found_error(
    code: str, line: int, sku: str, price: object, currency: str, columns: dict[str, str]
) -> RowError:
    """What is said of a row that only the database could refuse."""
    messages = {
        "E_UNKNOWN_SKU": ("sku", sku, "There is no product with this sku."),
        "E_DUP": ("sku", sku, "The sku stands in the file more than once, with different prices."),
        "E_NO_PRICE": ("sku", sku, "The product has no price, and nothing that a price could hang on."),
        "E_CURRENCY": (
            "currency" if "currency" in columns else "price",
            currency if "currency" in columns else str(price),
            "The product's currency is another one, or none is named anywhere.",
        ),
        "E_DECIMALS": (
            "price",
            str(price),
            "The product's currency has fewer decimals; syncops never rounds.",
        ),
    }
    field, raw, message = messages[code]
    return RowError(code, line, columns.get(field, field), raw, message)


@contextmanager
def _temporary_transaction(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """One transaction that locks no more than the temporary tables.

    Django's `atomic` would take SQLite's write lock for as long as the file is read; a SAVEPOINT begins a
    deferred transaction and locks only what it touches.
    """
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT syncops_staging")
        try:
            yield
        except BaseException:
            cursor.execute("ROLLBACK TO syncops_staging")
            raise
        finally:
            cursor.execute("RELEASE syncops_staging")


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the collector of cycles: rows have none, and its looking for them is half of what reading costs."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _blocks(rows: Iterable[StagedRow]) -> Iterator[list[StagedRow]]:
    given = iter(rows)
    while block := list(islice(given, BLOCK)):
        yield block


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_block(block: Sequence[StagedRow]) -> str:
    """The rows as COPY reads them. Nearly no block needs an escape, and that is seen when it is written."""
    text = "".join(
        [
            f"{line}\t{sku}\t{price}\t{currency}\t{name}\t{places}\t{code}\t{errors}\t{raw}\n"
            for line, sku, price, currency, name, places, code, errors, raw in block
        ]
    )
    tabs = len(block) * (len(Staged._fields) - 1)
    odd = "\\" in text or "\r" in text or "\tNone\t" in text
    if odd or text.count("\t") != tabs or text.count("\n") != len(block):
        return "".join(map(_copy_line, block))
    return text


def _copy_line(row: StagedRow) -> str:
    return "\t".join("\\N" if cell is None else str(cell).translate(_ESCAPES) for cell in row) + "\n"
