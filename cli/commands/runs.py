"""`syncops runs …`: what operators and cron did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.verbs import Limit, verb
from cli.view import View

if TYPE_CHECKING:
    from cli.session import Session
    from syncops.operations.runs import RunRecord

app = typer.Typer(name="runs", help="What operators and cron did.", no_args_is_help=True)

FIELDS = ("run", "operation", "store", "operator", "reason", "started", "finished", "exit_code")


@verb(app, "list", schema="syncops.runs/1")
def list_runs(
    session: Session,
    operation: Annotated[str | None, typer.Option("--operation", help="Only these, such as import.")] = None,
    limit: Limit = None,
) -> View:
    """List the newest runs (20, or --limit)."""
    from syncops.operations import runs

    listed = runs.run_list(operation=operation, limit=limit or 20)
    return View(
        payload={"runs": [_record(each) for each in listed.runs]},
        columns=FIELDS,
        rows=[tuple(getattr(each, name) for name in FIELDS) for each in listed.runs],
        title="Runs",
        ending=listed.ending,
        next=["Look at one: syncops runs show RUN"] if listed.runs else (),
    )


@verb(app, "show", schema="syncops.runs/1")
def show_run(
    session: Session, run: Annotated[int, typer.Argument(metavar="RUN", help="Its number.")]
) -> View:
    """Show one run, with what it was asked and what it counted."""
    from syncops.operations import runs

    found = runs.show(run)
    record = _record(found)
    return View(
        payload={"runs": [record]},
        columns=("field", "value"),
        rows=[(name, value) for name, value in record.items() if value not in (None, "", {})],
    )


def _record(each: RunRecord) -> dict[str, object]:
    plain = {name: getattr(each, name) for name in FIELDS}
    return {**plain, "arguments": dict(each.arguments), "counts": dict(each.counts)}
