"""What a database says when somebody else is in the way of a write.

The rule: it is never a bug and nothing was written, so the operator is told to come again; every other fault of
a database goes through as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.utils import IntegrityError, OperationalError

from syncops.errors import Unavailable


@contextmanager
def come_again() -> Iterator[None]:
    """Raise Unavailable for a lock that was not given, a deadlock, or a row that somebody else made first."""
    try:
        yield
    except IntegrityError as error:
        if not _is_double(error):
            raise
        raise Unavailable(
            "Somebody else made a row at the same moment that this import makes", hint="Try again."
        ) from error
    except OperationalError as error:
        if not any(words in str(error) for words in ("lock timeout", "locked", "deadlock")):
            raise
        raise Unavailable("Somebody else holds rows that this import writes", hint="Try again.") from error


def _is_double(error: IntegrityError) -> bool:
    """Whether a unique key was there already (PostgreSQL's SQLSTATE 23505, SQLite's own words)."""
    return getattr(error.__cause__, "sqlstate", "") == "23505" or "UNIQUE constraint failed" in str(error)
