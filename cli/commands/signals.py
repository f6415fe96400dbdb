"""`syncops signals …`: who listens to what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.verbs import verb
from cli.view import View

if TYPE_CHECKING:
    from cli.session import Session

app = typer.Typer(name="signals", help="Who listens to what.", no_args_is_help=True)

FIELDS = (
    "signal",
    "order",
    "sender",
    "receiver",
    "file",
    "line",
    "dispatch_uid",
    "weak",
    "dead",
    "async",
    "owner",
)


@verb(app, "list", schema="syncops.signals/1")
def list_signals(
    session: Session,
    signal: Annotated[
        str | None, typer.Option("--signal", help="Only this signal, such as post_save.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only what hears this model.")] = None,
    label: Annotated[str | None, typer.Option("--app", metavar="APP", help="Only this application.")] = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="Only receivers of syncops and of the project.")
    ] = False,
) -> View:
    """List every receiver of every signal, in the order in which they run."""
    from syncops.operations import signals

    listed = signals.list_receivers(signal=signal, model=model, app=label, mine=mine)
    records = [each.record() for each in listed.receivers]
    return View(
        payload={
            "receivers": records,
            "triggers": [
                {"table": each.table, "name": each.name, "state": each.state} for each in listed.triggers
            ],
        },
        columns=FIELDS,
        rows=[tuple(each[name] for name in FIELDS) for each in records],
        title="Signal receivers",
        ending=listed.ending,
    )
