"""`syncops sandbox`: a marketplace to try things on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.verbs import verb
from cli.view import View

if TYPE_CHECKING:
    from cli.session import Session

app = typer.Typer()


@verb(app, "sandbox", schema="syncops.sandbox/1", django=False)
def sandbox(
    session: Session,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8765,
    file: Annotated[
        Path | None, typer.Option("--file", help="Keep its state here; without it, it forgets.")
    ] = None,
    batch_limit: Annotated[int, typer.Option("--batch-limit", min=1, help="Items a call may carry.")] = 100,
    strict: Annotated[
        list[str] | None,
        typer.Option("--strict", metavar="STORE", help="Refuses unknown skus; may be repeated."),
    ] = None,
) -> View:
    """Run the sandbox marketplace until Ctrl-C; its shop page is for people. The token is $SYNCOPS_SANDBOX_TOKEN."""
    from syncops.operations import sandbox as operation

    known = operation.TOKEN in os.environ
    running = operation.start(port=port, file=file, batch_limit=batch_limit, strict=strict or ())
    try:
        session.say(
            f"The sandbox marketplace answers at {running.url} (the shop page: open it in a browser)."
        )
        if not known:
            session.say(f"Its token, for this time only: {running.token}")
        session.say("Stop it with Ctrl-C.")
        running.wait()
    finally:
        running.stop()
    return View(payload={"url": running.url}, columns=("url",), rows=[(running.url,)], ending=running.ending)
