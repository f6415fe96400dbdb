"""`syncops help TOPIC`: what belongs to no verb, such as the table of exit codes.

The rule: a topic is shown from the definition that the program itself obeys, never from a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import TABLE
from cli.verbs import verb
from cli.view import View
from syncops.errors import UsageError

if TYPE_CHECKING:
    from cli.session import Session

app = typer.Typer()


def _exit_codes() -> View:
    return View(
        payload={"exit_codes": [{"code": code, "meaning": meaning} for code, meaning in TABLE.items()]},
        columns=("code", "meaning"),
        rows=tuple(TABLE.items()),
        title="Exit codes",
    )


TOPICS = {"exit-codes": ("what the exit code of a command means", _exit_codes)}


@verb(app, "help", schema="syncops.help/1", django=False)
def help_topic(
    session: Session, topic: Annotated[str | None, typer.Argument(help="exit-codes")] = None
) -> View:
    """Explain a topic; without one, list the topics."""
    if topic is None:
        topics = [{"topic": name, "about": about} for name, (about, _) in TOPICS.items()]
        rows = [(item["topic"], item["about"]) for item in topics]
        return View(
            payload={"topics": topics}, columns=("topic", "about"), rows=rows, next=("Verbs: syncops --help",)
        )
    if topic not in TOPICS:
        raise UsageError(f"There is no topic {topic!r}.", hint="syncops help")
    _, view = TOPICS[topic]
    return view()
