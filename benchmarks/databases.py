"""The databases that are measured on: made for one run, and gone after it.

The rule: nothing that was there before is read or written.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

#: Where a database may be made, and by whom.
POSTGRESQL = os.environ.get("SYNCOPS_BENCH_POSTGRESQL", "postgres://postgres@127.0.0.1:5432/postgres")


class Absent(Exception):
    """The database server does not answer."""


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a new SQLite database."""
    with tempfile.TemporaryDirectory(prefix="syncops-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite3'}"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a new PostgreSQL database. Raises Absent where no server answers."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    name = f"bench_syncops_{os.getpid()}"
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as fault:
        raise Absent(f"no PostgreSQL: {str(fault).strip().splitlines()[0]}") from None
    with server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield urlsplit(POSTGRESQL)._replace(path=f"/{name}").geturl()
        finally:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


DATABASES = {"sqlite": ("SQLite", sqlite), "postgresql": ("PostgreSQL", postgresql)}
