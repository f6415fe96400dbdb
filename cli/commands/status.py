"""`syncops status`: one screen that says whether the stores keep up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.verbs import Stores, verb
from cli.view import View

if TYPE_CHECKING:
    from cli.session import Session
    from syncops.operations.status import StoreStatus

app = typer.Typer()

COLUMNS = (
    "store",
    "sync",
    "waiting",
    "oldest_waiting_seconds",
    "retrying",
    "parked",
    "unconfirmed",
    "drift",
    "lane",
    "last_delivery",
)


#: The same in a table, where width is dear.
HEADINGS = ("store", "sync", "wait", "oldest s", "retry", "park", "unconf", "drift", "lane", "last sent")


@verb(app, "status", schema="syncops.status/1")
def status(
    session: Session,
    store: Stores = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 3 if a store is behind its objective of 5 minutes.")
    ] = False,
) -> View:
    """Show how the stores keep up: what waits, what failed, where each lane stands."""
    from syncops.operations import status as operation

    found = operation.status(store or (), judge=exit_code)
    return View(
        payload={
            "stores": [_payload(each) for each in found.stores],
            "broker": {"state": found.broker},
        },
        columns=COLUMNS,
        rows=[_row(each) for each in found.stores],
        headings=HEADINGS,
        title="Stores",
        ending=found.ending,
        notes=() if found.broker != "none" else ("No broker: deliver with syncops flush, or --watch.",),
        next=_next(found.stores),
    )


def _payload(each: StoreStatus) -> dict[str, object]:
    plain = {name: getattr(each, name) for name in COLUMNS if name not in {"lane", "last_delivery"}}
    lane = {"state": each.lane.state, "until": each.lane.until, "holder": each.lane.holder or None}
    return {
        **plain,
        "lane": {**lane, "reason": each.lane.reason or None},
        "last_delivery": each.last_delivery,
    }


def _row(each: StoreStatus) -> tuple[object, ...]:
    oldest = None if each.oldest_waiting_seconds is None else round(each.oldest_waiting_seconds)
    lane = f"{each.lane.state}: {each.lane.reason}" if each.lane.reason else each.lane.state
    if each.lane.until:
        lane = f"{lane} until {each.lane.until:%H:%M:%S}"
    counts = (each.retrying, each.parked, each.unconfirmed, each.drift)
    return (each.store, "on" if each.sync else "off", each.waiting, oldest, *counts, lane, each.last_delivery)


def _next(stores: tuple[StoreStatus, ...]) -> list[str]:
    found = []
    for each in stores:
        if each.lane.state == "paused":
            found.append(f"{each.store} is paused: syncops stores resume {each.store}")
        elif each.lane.state == "open":
            found.append(f"{each.store} rests; go on at once: syncops stores resume {each.store}")
        elif each.waiting and each.lane.state == "idle":
            found.append(f"{each.waiting} wait in {each.store}: syncops flush --store {each.store}")
    return found or ([] if stores else ["There is no store yet: syncops stores add SLUG --provider http …"])
