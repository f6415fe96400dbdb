"""`runs`: what operators and cron did, and how it ended.

The rule: a Run is written by the operation it speaks of; the exit status is added by whoever knows it.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from syncops.errors import UsageError
from syncops.models import Run
from syncops.values import Ending


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One Run."""

    run: int
    operation: str
    store: str
    operator: str
    reason: str
    arguments: Mapping[str, Any]
    started: datetime
    finished: datetime | None
    exit_code: int | None
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunsListed:
    """Some Runs, newest first."""

    runs: tuple[RunRecord, ...]
    ending: Ending = Ending.DONE


def run_list(*, operation: str | None = None, limit: int = 20, using: str = "default") -> RunsListed:
    """The newest Runs."""
    rows = Run.objects.using(using).order_by("-id")
    if operation is not None:
        rows = rows.filter(operation=operation)
    return RunsListed(tuple(_record(row) for row in rows[:limit]))


def show(number: int, *, using: str = "default") -> RunRecord:
    """One Run. Raises UsageError where there is none of that number."""
    row = Run.objects.using(using).filter(pk=number).first()
    if row is None:
        raise UsageError(f"There is no run {number}", hint="syncops runs list")
    return _record(row)


def start(
    operation: str,
    *,
    store: str = "",
    reason: str = "",
    arguments: Mapping[str, Any] | None = None,
    using: str,
) -> Run:
    """Note that an operation begins."""
    run = Run(
        operation=operation, store=store, operator=operator(), reason=reason, arguments=dict(arguments or {})
    )
    run.save(using=using)
    return run


def finish(run: Run, counts: Mapping[str, Any], *, using: str) -> None:
    """Note that an operation ended, with what it counted."""
    run.counts = dict(counts)
    Run.objects.using(using).filter(pk=run.pk).update(finished=Now(), counts=run.counts)


def record_exit(number: int, exit_code: int, *, using: str = "default") -> None:
    """Note with which status the command line ended."""
    Run.objects.using(using).filter(pk=number).update(exit_code=exit_code)


def operator() -> str:
    """Who runs this: $SYNCOPS_OPERATOR, or user@host."""
    if named := os.environ.get("SYNCOPS_OPERATOR"):
        return named[:200]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:200]


def _record(row: Run) -> RunRecord:
    return RunRecord(
        row.pk,
        row.operation,
        row.store,
        row.operator,
        row.reason,
        row.arguments,
        row.started,
        row.finished,
        row.exit_code,
        row.counts,
    )
