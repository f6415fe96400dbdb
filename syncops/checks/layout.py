"""Whether Django keeps its commit hooks as `capture.batch` needs them.

The rule: the proof is made on a connection of its own that never connects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper


def check_layout(**_: object) -> list[CheckMessage]:
    """Whether Django keeps its commit hooks as capture.batch needs them, on a connection made for this alone."""
    return list(_check_layout(connections.create_connection(DEFAULT_DB_ALIAS)))


def _check_layout(connection: BaseDatabaseWrapper) -> Iterable[CheckMessage]:
    state: Any = connection
    hint = "Capture cannot work with this Django: use a version that requirements.txt allows."

    def hook() -> None:
        """Registered, and never called."""

    try:
        # Nothing below may reach the database: neither asking for autocommit nor rolling a savepoint back.
        state.get_autocommit = lambda: False
        state._savepoint_rollback = lambda sid: None
        state.in_atomic_block = True
        kept, dropped = ("outer",), ("outer", "inner")
        for sids in (kept, dropped):
            state.savepoint_ids = list(sids)
            connection.on_commit(hook, robust=True)
        laid_out = state.run_on_commit == [({*kept}, hook, True), ({*dropped}, hook, True)]
        connection.savepoint_rollback("inner")
        undone = state.run_on_commit == [({*kept}, hook, True)]
        wrapped = callable(state.commit) and "commit" not in state.__dict__
    except Exception as error:
        text = f"Django's transactions are laid out differently: {type(error).__name__}: {error}."
        yield checks.Error(text, hint=hint, id="syncops.E017")
        return
    for fine, what in (
        (laid_out, "connection.run_on_commit does not hold (savepoint ids, function, robust)"),
        (undone, "rolling a savepoint back does not drop its entries of connection.run_on_commit"),
        (wrapped, "connection.commit is not a method of the connection's class"),
    ):
        if not fine:
            yield checks.Error(
                f"Django's transactions are laid out differently: {what}.", hint=hint, id="syncops.E017"
            )
