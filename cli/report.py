"""A command that failed, told twice: a line and a hint for people, an object for programs.

The rule: what somebody can act on has no traceback (unless `--debug`), and what nobody expected always has
one. With json or ndjson, stdout parses whatever happened.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from cli import exits
from cli.cells import document
from cli.discovery import BrokenSettingsError
from syncops.errors import SyncopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.screen import Screen

#: The schema of a failure that no verb can be blamed for.
UNKNOWN_SCHEMA = "syncops.error/1"
_BUG = "This is a bug in syncops, or in a provider or Source: please report it with the traceback."
_MIGRATE = (
    "A table is missing: run `python manage.py migrate`, or `python -m django migrate` with these settings."
)
_AGAIN = "The database or the broker does not answer: try again later, or run `syncops doctor`."


@dataclass(frozen=True, slots=True)
class Report:
    """How an exception is told. `trace` is the exception whose traceback has to be shown, `silent` says that
    people need no line about it: they caused it themselves."""

    error: BaseException
    code: str
    message: str
    hint: str
    exit_code: int
    trace: BaseException | None = None
    silent: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Report:
        """The report on `error`, whatever it is."""
        number, line = exits.of_error(error), " ".join(str(error).split())
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            word = "Terminated" if number == exits.TERMINATED else "Interrupted"
            return cls(error, word, f"{word}.", "", number, silent=True)
        if isinstance(error, SyncopsError):
            trace = error.__cause__ if isinstance(error, BrokenSettingsError) else None
            return cls(error, error.code, line, error.hint, number, trace=trace)
        if isinstance(error, typer.TyperException):
            return cls(error, "UsageError", " ".join(error.format_message().split()), _usage(error), number)
        if number != exits.UNEXPECTED:
            code, hint = (
                ("Unavailable", _AGAIN) if number == exits.TEMPORARY else ("ConfigurationError", _MIGRATE)
            )
            return cls(error, code, line, hint, number)
        name = type(error).__name__
        return cls(error, name, f"{name}: {line}" if line else name, _BUG, number, trace=error)

    def content(self, schema: str) -> Mapping[str, object]:
        """The document that goes to stdout."""
        error = {"code": self.code, "message": self.message, "hint": self.hint}
        return {"schema": schema or UNKNOWN_SCHEMA, "ok": False, "error": error, "exit_code": self.exit_code}


def _usage(error: typer.TyperException) -> str:
    context, option = getattr(error, "ctx", None), getattr(error, "option_name", None)
    if context is None:
        return "syncops --help"
    if context.parent is None and option:
        return f"Options go after the verb: {context.command_path} VERB {option}"
    return f"{context.command_path} --help"


def publish(report: Report, err: Screen, *, debug: bool) -> None:
    """Tell people: on stderr, in one line and a hint, after the traceback where there has to be one."""
    if report.silent:
        return
    trace = report.trace or (report.error if debug else None)
    if trace is not None:
        err.line("".join(traceback.format_exception(trace)).rstrip("\n"))
    err.line(f"error: {report.message}")
    if report.hint:
        err.line(f"hint: {report.hint}")


def document_failure(report: Report, out: Screen, *, schema: str, indent: int | None) -> None:
    """Tell programs: one object on stdout."""
    out.write(document(report.content(schema), ascii_only=not out.unicode, indent=indent))
    out.flush()
