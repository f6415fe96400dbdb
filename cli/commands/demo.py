"""`syncops demo`: from nothing to a synced price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.verbs import verb
from cli.view import View

if TYPE_CHECKING:
    from cli.session import Session

app = typer.Typer()


@verb(app, "demo", schema="syncops.demo/1", django=False)
def demo(
    session: Session,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the marketplace running.")] = False,
) -> View:
    """Play it through: a database, a marketplace, a price list, a changed price, and what the shop shows."""
    from syncops.operations import demo as operation

    done = operation.run(keep=keep, say=session.say)
    payload = {
        "imported": done.imported,
        "sku": done.sku,
        "name": done.name,
        "currency": done.currency,
        "first_price": done.first_price,
        "second_price": done.second_price,
        "seconds_to_second": done.seconds_to_second,
        "shop": done.shop if done.kept else None,
        "sandbox_pid": done.sandbox_pid,
    }
    following = ["Try next: syncops demo --keep, then open the shop page", "Your own models: docs/models.md"]
    if done.kept:
        following = [
            f"Open the shop page: {done.shop}",
            f'Talk to it: export SYNCOPS_HOME="{done.folder}" DATABASE_URL="sqlite:///{done.folder}/demo.sqlite3"'
            f' SYNCOPS_DEMO_TOKEN="$(cat {done.folder}/token)"',
            "Then: syncops status; syncops flush --watch; or the admin: manage.py runserver",
            f"Stop it: kill {done.sandbox_pid}",
        ]
    return View(
        payload=payload,
        columns=("sku", "name", "first_price", "second_price", "currency", "seconds_to_second"),
        rows=[
            (done.sku, done.name, done.first_price, done.second_price, done.currency, done.seconds_to_second)
        ],
        title="What the marketplace shows",
        ending=done.ending,
        next=following,
    )
