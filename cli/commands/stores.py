"""`syncops stores …`: the accounts on the marketplaces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cli.verbs import Stores, verb
from cli.view import View
from syncops.errors import UsageError

if TYPE_CHECKING:
    from cli.session import Session
    from syncops.operations.stores import StoreRecord

app = typer.Typer(name="stores", help="The accounts on the marketplaces.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(metavar="STORE", help="The slug of the store.")]
OptionPairs = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="For the provider; may be repeated. No secrets."),
]
Title = Annotated[str | None, typer.Option("--title", help="What people call it.")]


@verb(app, "list", schema="syncops.stores/1")
def list_stores(session: Session, store: Stores = None) -> View:
    """List the stores."""
    from syncops.operations import stores

    listed = stores.store_list(store or ())
    add = () if listed.stores else ("Add one: syncops stores add SLUG --provider http --option base_url=…",)
    return View(
        payload={"stores": [_record(each) for each in listed.stores]},
        columns=("store", "title", "provider", "sync", "lane", "options"),
        rows=[_row(each) for each in listed.stores],
        title="Stores",
        ending=listed.ending,
        next=add,
    )


@verb(app, "show", schema="syncops.stores/1")
def show_store(session: Session, slug: Slug) -> View:
    """Show one store."""
    from syncops.operations import stores

    return _one(stores.show(slug))


@verb(app, "add", schema="syncops.stores/1")
def add_store(
    session: Session,
    slug: Slug,
    provider: Annotated[str, typer.Option("--provider", help="An alias of SYNCOPS['PROVIDERS'].")],
    title: Title = None,
    option: OptionPairs = None,
    off: Annotated[bool, typer.Option("--off", help="Do not sync it yet.")] = False,
) -> View:
    """Add a store. Its secrets come from the environment: SYNCOPS_<SLUG>_TOKEN."""
    from syncops.operations import stores

    made = stores.add(slug, provider=provider, title=title or "", options=_pairs(option), sync=not off)
    return _one(made, f"Is it reachable? syncops stores check {slug}")


@verb(app, "set", schema="syncops.stores/1")
def set_store(
    session: Session,
    slug: Slug,
    sync: Annotated[str | None, typer.Option("--sync", metavar="on|off", help="Sync product prices.")] = None,
    title: Title = None,
    option: OptionPairs = None,
) -> View:
    """Change a store. `--option KEY=` takes an option away."""
    from syncops.operations import stores

    if sync not in {None, "on", "off"}:
        raise UsageError(f"--sync is on or off, not {sync!r}")
    was_on = stores.show(slug).sync
    wanted = None if sync is None else sync == "on"
    changed = stores.change(slug, sync=wanted, title=title, options=_pairs(option))
    marked = f"The whole store is marked: syncops flush --store {slug}"
    return _one(changed, *([marked] if changed.sync and not was_on else []))


@verb(app, "pause", schema="syncops.stores/1")
def pause_store(
    session: Session, slug: Slug, reason: Annotated[str, typer.Option("--reason", help="Why.")]
) -> View:
    """Stop the lane of a store; what is marked goes on waiting."""
    from syncops.operations import stores

    return _one(stores.pause(slug, reason=reason), f"Go on: syncops stores resume {slug}")


@verb(app, "resume", schema="syncops.stores/1")
def resume_store(session: Session, slug: Slug) -> View:
    """Let the lane of a store go on."""
    from syncops.operations import stores

    return _one(stores.resume(slug), f"Deliver now: syncops flush --store {slug}")


@verb(app, "check", schema="syncops.stores/1")
def check_store(session: Session, slug: Slug) -> View:
    """Ask the marketplace whether address and credentials are right."""
    from syncops.operations import stores

    found = stores.check(slug)
    return View(
        payload={"store": found.store, "fine": found.fine, "message": found.message},
        columns=("store", "fine", "message"),
        rows=[(found.store, found.fine, found.message)],
        ending=found.ending,
    )


def _pairs(options: list[str] | None) -> dict[str, object]:
    """`KEY=VALUE` words as options; a value that is a JSON number or truth value is one."""
    found: dict[str, object] = {}
    for word in options or ():
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--option {word!r} is not KEY=VALUE")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found[name] = value if isinstance(value, int | float | bool) else text
    return found


def _one(record: StoreRecord, *following: str) -> View:
    return View(
        payload={"stores": [_record(record)]},
        columns=("store", "title", "provider", "sync", "lane", "options"),
        rows=[_row(record)],
        next=following,
    )


def _record(record: StoreRecord) -> dict[str, object]:
    return {
        "store": record.store,
        "title": record.title,
        "provider": record.provider,
        "sync": record.sync,
        "options": dict(record.options),
        "lane": record.lane,
        "lane_reason": record.lane_reason,
    }


def _row(record: StoreRecord) -> tuple[object, ...]:
    lane = f"{record.lane}: {record.lane_reason}" if record.lane_reason else record.lane
    options = " ".join(f"{name}={value}" for name, value in record.options.items())
    return record.store, record.title, record.provider, "on" if record.sync else "off", lane, options
