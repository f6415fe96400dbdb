"""The SQLite file of the marketplace: one connection, one lock, short transactions.

The rule: every statement runs under the lock, and a file that is not ours is never written to.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: "Smkt" in the header of the file (PRAGMA application_id), so that a foreign database is recognised.
APPLICATION_ID = 0x536D6B74

_SCHEMA = """
CREATE TABLE IF NOT EXISTS store (
    store TEXT PRIMARY KEY,
    strict INTEGER NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 0,
    items INTEGER NOT NULL DEFAULT 0,
    max_in_flight INTEGER NOT NULL DEFAULT 0,
    max_senders INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listing (
    store TEXT NOT NULL,
    sku TEXT NOT NULL,
    name TEXT,
    price TEXT NOT NULL,
    currency TEXT NOT NULL,
    updated_at REAL NOT NULL,
    old_price TEXT,
    old_currency TEXT,
    changed_at REAL,
    PRIMARY KEY (store, sku)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS call (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    store TEXT NOT NULL,
    method TEXT NOT NULL,
    request_id TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    senders INTEGER NOT NULL,
    started REAL NOT NULL,
    started_monotonic REAL NOT NULL,
    ended REAL,
    ended_monotonic REAL,
    status INTEGER,
    fault TEXT,
    items INTEGER NOT NULL DEFAULT 0,
    applied INTEGER NOT NULL DEFAULT 0,
    received TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS call_store ON call (store, id);
"""


class ForeignFile(ValueError):
    """The file is a database of somebody else."""


class Storage:
    """The open database; `file` None keeps all in memory. Raises ForeignFile for a database not made here."""

    def __init__(self, file: Path | None) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            ":memory:" if file is None else file, isolation_level=None, check_same_thread=False, timeout=10
        )
        try:
            self._adopt(file)
        except BaseException:
            self._connection.close()
            raise

    def _adopt(self, file: Path | None) -> None:
        try:
            (identity,) = self._connection.execute("PRAGMA application_id").fetchone()
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            raise ForeignFile(f"{file} cannot be read as a sandbox marketplace: {error}") from error
        if identity != APPLICATION_ID and (identity or tables):
            raise ForeignFile(f"{file} is a database, but not one of a sandbox marketplace")
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        # In WAL, NORMAL costs no fsync a call, and a killed server loses nothing that it answered.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end of the block, rolled back by any exception."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def read(
        self, statement: str, values: Sequence[object] | dict[str, object] = ()
    ) -> list[tuple[object, ...]]:
        """All rows of one SELECT."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()
