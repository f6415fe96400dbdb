"""`syncops flush`: deliver what is marked."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from cli.verbs import DryRun, Limit, Stores, verb
from cli.view import Format, View
from syncops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cli.progress import Progress
    from cli.session import Session
    from syncops.delivery import Delivery, Means, Preview
    from syncops.operations.flush import Flushed

app = typer.Typer()

COLUMNS = (
    "store",
    "refs",
    "calls",
    "delivered",
    "unchanged",
    "gone",
    "retrying",
    "parked",
    "unknown",
    "waiting",
)


#: The same in a table, where width is dear.
HEADINGS = ("store", "refs", "calls", "sent", "same", "gone", "retry", "park", "unkn", "wait", "why not")


@verb(app, "flush", schema="syncops.flush/1")
def flush(
    session: Session,
    store: Stores = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Send what is marked though it is confirmed.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Go on until nothing waits or is tried again.")
    ] = False,
) -> View:
    """Deliver what is marked, store by store. A dry run writes nothing and calls nothing."""
    from syncops.operations import flush as operation

    if watch and dry_run:
        raise UsageError("--watch has nothing to go on with in a --dry-run")
    if dry_run:
        return previewed(operation.dry_run(store or (), limit=limit, force=force), session.format)
    with ExitStack() as stack:
        done = operation.run(
            store or (),
            limit=limit,
            force=force,
            wait=wait,
            forever=watch,
            means=progressing(session, stack),
        )
    return delivered(done)


def progressing(session: Session, stack: ExitStack) -> Callable[[str], Means]:
    """For each store what its turn needs, with a bar of its own while it lasts."""
    from syncops.delivery import Means

    bars: dict[str, Progress] = {}
    seen: dict[str, int] = {}

    def means(slug: str) -> Means:
        def advance(turn: Delivery) -> None:
            if slug not in bars:
                bars[slug] = stack.enter_context(session.progress(f"delivering to {slug}"))
            count = turn.delivered + turn.unchanged + turn.gone
            bars[slug].advance(max(0, count - seen.get(slug, 0)))
            seen[slug] = count

        seen.pop(slug, None)
        return Means(progress=advance)

    return means


def delivered(done: Flushed) -> View:
    """What a flush did."""
    return View(
        payload={"run": done.run, "dry_run": False, "stores": [store_payload(each) for each in done.stores]},
        columns=(*COLUMNS, "skipped_because"),
        headings=HEADINGS,
        rows=[tuple(store_payload(each).values()) for each in done.stores],
        title="Flushed",
        ending=done.ending,
        notes=() if done.stores else ("Nothing waits.",),
        next=left(done.stores),
        run=done.run,
    )


def store_payload(each: Delivery) -> dict[str, object]:
    """One store of a flush, in the fields of the schema."""
    counts = {name: getattr(each, name) for name in COLUMNS}
    return {**counts, "skipped_because": each.skipped_because or None}


def flush_again(stores: Iterable[str]) -> str:
    """The command that flushes these stores."""
    return " ".join(["syncops flush", *(f"--store {store}" for store in stores)])


def left(stores: tuple[Delivery, ...]) -> list[str]:
    """The next useful command for what is left."""
    found = []
    for each in stores:
        if each.skipped_because:
            found.append(
                f"{each.store} was skipped: {each.skipped_because}. See: syncops status --store {each.store}"
            )
        if each.parked:
            found.append(f"{each.parked} parked in {each.store}: see the admin's list of failures")
        if each.retrying or each.unknown:
            found.append(
                f"{each.retrying + each.unknown} of {each.store} are tried again later:"
                f" syncops flush --store {each.store} --wait"
            )
        if each.waiting and not each.skipped_because:
            found.append(f"{each.waiting} still wait in {each.store}: syncops flush --store {each.store}")
    return found


def previewed(planned: Flushed, shown: Format) -> View:
    """What a flush would do: a line a store, or every item where the format is one object a line."""
    from syncops.values import money

    items = [
        (
            plan.store,
            number,
            step.sku,
            step.name,
            None if step.old is None else money(step.old, step.currency),
            money(step.new, step.currency),
            step.currency,
        )
        for plan in planned.previews
        for number, batch in enumerate(plan.batches, 1)
        for step in batch
    ]
    again = flush_again(plan.store for plan in planned.previews if plan.batches)
    rows: list[tuple[object, ...]] = list(items)
    columns: tuple[str, ...] = ("store", "batch", "sku", "name", "old", "new", "currency")
    if shown is Format.TABLE and len(items) > 40:
        rows, columns = [_summary(plan) for plan in planned.previews], SUMMARY
    return View(
        payload={
            "run": None,
            "dry_run": True,
            "stores": [{**_preview_payload(plan), "batches": _batches(plan)} for plan in planned.previews],
        },
        columns=columns,
        rows=rows,
        title="What a flush would do",
        ending=planned.ending,
        notes=[_told(plan) for plan in planned.previews],
        next=[f"Do it: {again}"] if items else (),
    )


SUMMARY = (
    "store",
    "refs",
    "send",
    "calls",
    "unchanged",
    "gone",
    "later",
    "estimated_seconds",
    "skipped_because",
)


def _summary(plan: Preview) -> tuple[object, ...]:
    fates = plan.fates
    later = fates.get("unconfirmed", 0) + fates.get("read back", 0)
    return (
        plan.store,
        plan.refs,
        fates.get("send", 0),
        len(plan.batches),
        fates.get("unchanged", 0),
        fates.get("gone", 0),
        later,
        plan.estimated_seconds,
        plan.skipped_because,
    )


def _preview_payload(plan: Preview) -> dict[str, object]:
    return {
        "store": plan.store,
        "refs": plan.refs,
        "calls": len(plan.batches),
        "delivered": 0,
        "unchanged": plan.fates.get("unchanged", 0),
        "gone": plan.fates.get("gone", 0),
        "retrying": 0,
        "parked": 0,
        "unknown": 0,
        "waiting": plan.refs,
        "skipped_because": plan.skipped_because or None,
        "reasons": plan.reasons,
        "fates": plan.fates,
        "estimated_seconds": plan.estimated_seconds,
    }


def _batches(plan: Preview) -> list[dict[str, object]]:
    from syncops.values import money

    return [
        {
            "items": [
                {
                    "sku": step.sku,
                    "old": None if step.old is None else money(step.old, step.currency),
                    "new": money(step.new, step.currency),
                    "currency": step.currency,
                    "name": step.name,
                }
                for step in batch
            ]
        }
        for batch in plan.batches
    ]


def _told(plan: Preview) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(plan.reasons.items())) or "nothing"
    fates = ", ".join(f"{count} {fate}" for fate, count in sorted(plan.fates.items())) or "nothing to do"
    skipped = f"; now {plan.skipped_because}" if plan.skipped_because else ""
    calls = f"{len(plan.batches)} calls, about {plan.estimated_seconds:g} s"
    return f"{plan.store}: waiting: {reasons}; would be: {fates}; {calls}{skipped}"
