"""Throwaway verbs, so that the frame can be proven before, and apart from, the real ones."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from cli import exits
from cli.main import app as syncops
from cli.verbs import DryRun, Limit, Stores, Yes, verb
from cli.view import View
from syncops import errors
from syncops.values import Ending

if TYPE_CHECKING:
    from cli.session import Session

app = typer.Typer()
group = typer.Typer(name="probes", no_args_is_help=True, help="A group.")

#: A name that would paint a terminal red, move its cursor, and start a formula.
HOSTILE = "=\x1b[31mred\x1b[0m\r\x9b2J\ttab\u202e"


@verb(app, "probe", schema="syncops.probe/1", django=False)
def probe(
    session: Session,
    ending: Annotated[list[Ending] | None, typer.Option("--ending")] = None,
    stores: Stores = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    limit: Limit = None,
    deep: Annotated[bool, typer.Option("--deep-look/--shallow")] = False,
    bare_option: int = 3,
) -> View:
    """Show what it was told."""
    told = {
        "stores": stores or [],
        "dry_run": dry_run,
        "yes": yes,
        "limit": limit,
        "deep": deep,
        "bare": bare_option,
    }
    session.say("said")
    session.detail("detailed")
    return View(
        payload={"price": Decimal("12.50"), "told": told, "items": [{"name": HOSTILE}]},
        columns=("sku", "name", "price"),
        rows=(("A-1", HOSTILE, Decimal("12.50")), ("B-2", "x" * 300, None)),
        title="Probe",
        ending=tuple(ending) if ending else Ending.DONE,
        notes=("noted",),
        next=("2 parked: syncops failures list --store eu",),
    )


class OperationalError(Exception):
    """Looks like Django's, from where the frame stands."""


OperationalError.__module__ = "django.db.utils"

RAISED = {
    "usage": errors.UsageError("That cannot be asked for.", hint="Ask for something else."),
    "configuration": errors.ConfigurationError("Settings are wrong."),
    "refused": errors.InputRefused("E04", "The file is empty.", hint="Export it again."),
    "guarded": errors.GuardRail("R01", "Half of all prices would change."),
    "held": errors.LaneHeld("Another holder has the lane.\nIt began\x1b[31m at noon."),
    "database": OperationalError("could not connect to server"),
    "unmigrated": OperationalError("no such table: syncops_store"),
    "bug": KeyError("price"),
    "parameter": typer.BadParameter("not a date"),
    "exit": typer.Exit(exits.DIFFERENCES),
    "socket": BrokenPipeError(32, "a socket, not our output"),
}


@verb(app, "fail", schema="syncops.fail/1", django=False)
def fail(session: Session, kind: str) -> View:
    """Raise."""
    raise RAISED[kind]


@verb(app, "refuse", schema="syncops.refuse/1", django=False)
def refuse(session: Session) -> View:
    """Show rows and say why nothing was written."""
    error = errors.InputRefused("E10", "2 rows cannot be read.", hint="See the rows.")
    return View(payload={"rows": [1, 2]}, columns=("row",), rows=((1,), (2,)), error=error)


@verb(app, "wait", schema="syncops.wait/1", django=False)
def wait(session: Session) -> View:
    """Wait to be stopped."""
    try:
        session.say("ready")
        threading.Event().wait(60)
    finally:
        session.err.line("state saved")
    return View()


@verb(app, "flood", schema="syncops.flood/1", django=False)
def flood(session: Session) -> View:
    """More rows than a pipe holds."""
    return View(columns=("n",), rows=[(f"{n:0100}",) for n in range(20_000)])


@verb(app, "ask", schema="syncops.ask/1", django=False)
def ask(session: Session) -> View:
    """Ask."""
    return View(payload={"answer": session.confirm("Really?")})


@verb(app, "work", schema="syncops.work/1", django=False)
def work(session: Session) -> View:
    """Take its time."""
    with session.progress("working", total=3) as progress:
        for step in range(3):
            progress.advance()
            session.say(f"step {step}")
    return View(payload={"done": 3})


@verb(app, "boot", schema="syncops.boot/1")
def boot(session: Session) -> View:
    """Say which settings Django runs with."""
    from django.apps import apps
    from django.conf import settings

    return View(payload={"settings": settings.SETTINGS_MODULE, "ready": apps.ready, "name": settings.NAME})


@verb(app, "flush", schema="syncops.flush/1", django=False)
def flush(session: Session, dry_run: DryRun = False) -> View:
    """Stand in for the real verb."""
    return View(payload={"dry_run": dry_run})


@verb(group, "list", schema="syncops.probes/1", django=False)
def list_probes(session: Session, state: Annotated[str, typer.Option("--state")] = "all") -> View:
    """List."""
    return View(payload={"state": state})


def register() -> None:
    """Add these verbs to the command line."""
    syncops.add_typer(app)
    syncops.add_typer(group)
