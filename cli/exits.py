"""Exit codes: what a shell, cron or a build learns from a command.

The rule: no other module knows a number. Endings and errors come in, codes go out, and where several are
true at once `worst` picks by one fixed order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from syncops import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncops.values import Ending

DONE = 0
UNEXPECTED = 1
USAGE = 2
DIFFERENCES = 3
LEFTOVERS = 4
GUARDED = 5
REFUSED = 6
TEMPORARY = 75
INTERRUPTED = 130
CLOSED_PIPE = 141
TERMINATED = 143

#: What `syncops help exit-codes` prints.
TABLE: Mapping[int, str] = {
    DONE: "done; in sync; nothing to do",
    UNEXPECTED: "unexpected failure (a bug), invariant violated",
    USAGE: "usage or configuration",
    DIFFERENCES: "differences found, or a verdict command found a problem",
    LEFTOVERS: "finished with leftovers: rows rejected, items failed",
    GUARDED: "refused by a guard rail; nothing written",
    REFUSED: "input refused; nothing written",
    TEMPORARY: "temporary: lane or lock held, database, broker or marketplace unavailable, "
    "coverage incomplete",
    INTERRUPTED: "interrupted (Ctrl-C)",
    CLOSED_PIPE: "closed pipe",
    TERMINATED: "terminated (SIGTERM; state saved)",
}

#: The first of these that is among the codes wins.
PRECEDENCE = (
    TERMINATED,
    INTERRUPTED,
    CLOSED_PIPE,
    USAGE,
    UNEXPECTED,
    REFUSED,
    GUARDED,
    TEMPORARY,
    LEFTOVERS,
    DIFFERENCES,
    DONE,
)

#: By the value of an Ending: importing the values costs a tenth of what `--help` may take.
_ENDINGS: Mapping[str, int] = {
    "done": DONE,
    "differences": DIFFERENCES,
    "leftovers": LEFTOVERS,
    "guarded": GUARDED,
    "refused": REFUSED,
    "temporary": TEMPORARY,
    "misconfigured": USAGE,
}

_ERRORS: tuple[tuple[type[BaseException], int], ...] = (
    (KeyboardInterrupt, INTERRUPTED),
    (errors.UsageError, USAGE),
    (errors.ConfigurationError, USAGE),
    (typer.TyperException, USAGE),
    (errors.InputRefused, REFUSED),
    (errors.GuardRail, GUARDED),
    (errors.Unavailable, TEMPORARY),
    (errors.LeaseLost, TEMPORARY),
    (errors.Unreachable, TEMPORARY),
    (errors.OutcomeUnknown, TEMPORARY),
    (errors.ServerFault, TEMPORARY),
    (errors.Throttled, TEMPORARY),
    (errors.Conflict, TEMPORARY),
    (errors.Unauthorized, USAGE),
    (errors.EndpointMissing, USAGE),
)

#: Errors of libraries that `--help` does not import, so they are known by name.
OPERATIONAL = frozenset({"django.db.utils.OperationalError", "kombu.exceptions.OperationalError"})
_DATABASE = frozenset({"django.db.utils.OperationalError", "django.db.utils.ProgrammingError"})
#: What SQLite, and what PostgreSQL, says about a table that no migration has made yet.
_NO_TABLE = ("no such table", "no such column", "does not exist")


class ClosedPipe(SystemExit):
    """Whoever read our output has gone: stop, and say nothing."""

    def __init__(self) -> None:
        super().__init__(CLOSED_PIPE)


class Terminated(SystemExit):
    """SIGTERM arrived: unwind, so that what is open is given back."""

    def __init__(self) -> None:
        super().__init__(TERMINATED)


def is_a(error: BaseException, names: frozenset[str]) -> bool:
    """Whether the class of `error`, or one of its bases, has one of these dotted names."""
    return any(f"{kind.__module__}.{kind.__qualname__}" in names for kind in type(error).__mro__)


def lacks_migrations(error: BaseException) -> bool:
    """Whether the database answered that a table of ours is not there: waiting would not help."""
    return is_a(error, _DATABASE) and any(words in str(error) for words in _NO_TABLE)


def of_ending(ending: Ending) -> int:
    """The code for the way in which an operation ended."""
    return _ENDINGS[ending.value]


def of_error(error: BaseException) -> int:
    """The code for an exception that ended a command; 1 for one that nobody expected."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else DONE if error.code is None else UNEXPECTED
    if lacks_migrations(error):
        return USAGE
    if is_a(error, OPERATIONAL):
        return TEMPORARY
    return next((code for kind, code in _ERRORS if isinstance(error, kind)), UNEXPECTED)


def worst(codes: Iterable[int]) -> int:
    """The one code to end with, 2 > 1 > 6 > 5 > 75 > 4 > 3 > 0; of no codes at all, 0.

    Raises ValueError for a number that is not in TABLE: it would otherwise vanish silently.
    """
    found = set(codes)
    if unknown := found.difference(PRECEDENCE):
        raise ValueError(f"not exit codes: {sorted(unknown)}")
    return next((code for code in PRECEDENCE if code in found), DONE)
