"""`demo`: from nothing to a synced price.

The rule: it is the real thing on a database and a marketplace of its own: the real importer, the real HTTP
path, a plain `save()`. Nothing of the caller's settings or database is touched, because the play runs in a
process with an environment of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from syncops.errors import SyncopsError
from syncops.operations import sandbox
from syncops.values import Ending

#: The store of the demo, and the product whose price is changed.
STORE = "demo"
SKU = "85123A"

_PLAY = "import django; django.setup(); from syncops.operations import demo; demo.play()"


@dataclass(frozen=True, slots=True)
class Demonstrated:
    """What the demo did and what the marketplace showed."""

    imported: int
    sku: str
    name: str
    currency: str
    first_price: str
    second_price: str
    seconds_to_second: float
    shop: str
    kept: bool
    folder: str
    sandbox_pid: int | None

    @property
    def ending(self) -> Ending:
        return Ending.DONE


def run(
    *, keep: bool = False, folder: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Demonstrated:
    """Play the demo in `folder` (default: $SYNCOPS_HOME/demo or .syncops/demo), which is emptied first.

    Leaves nothing running unless `keep`. Raises SyncopsError where a step fails.
    """
    folder = folder or Path(os.environ.get("SYNCOPS_HOME") or ".syncops").resolve() / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say("1. Starting the sandbox marketplace, a small HTTP server of its own.")
    market = sandbox.start(file=folder / "marketplace.sqlite3", alone=keep)
    kept = False
    try:
        environment = _environment(folder, market)
        facts: dict[str, Any] = {}
        for told in _steps(environment):
            facts |= told
            if "say" in told:
                say(told["say"])
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(market.token)
        kept = keep
        return Demonstrated(
            facts["imported"],
            SKU,
            facts["name"],
            facts["currency"],
            facts["first_price"],
            facts["second_price"],
            facts["seconds"],
            f"{market.url}/shop/{STORE}",
            keep,
            str(folder),
            market.pid if keep else None,
        )
    finally:
        if kept:
            market.leave()
        else:
            market.stop()


def _environment(folder: Path, market: sandbox.Sandbox) -> dict[str, str]:
    """Only what the play needs: none of the caller's SYNCOPS_ variables, and the database in `folder`."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("SYNCOPS_", "DJANGO_"))
    }
    return {
        **plain,
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}",
        "SYNCOPS_HOME": str(folder),
        "SYNCOPS_DEMO_URL": market.url,
        "SYNCOPS_DEMO_TOKEN": market.token,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), plain.get("PYTHONPATH", "")]),
    }


def _steps(environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What the play tells, as it tells it."""
    with subprocess.Popen(  # noqa: S603 - our own program, and no shell
        [sys.executable, "-c", _PLAY],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        for line in program.stdout or ():
            yield json.loads(line)
        why = program.stderr.read() if program.stderr else ""
    if program.returncode:
        raise SyncopsError(f"The demo failed: {why.strip()}", hint="Please report it with this text.")


def play() -> None:
    """The play itself, in a process whose Django is set up for it. Tells each step as a line of JSON."""
    import time

    from django.apps import apps
    from django.core.management import call_command

    from syncops.importing.report import Options
    from syncops.operations import flush, import_, stores

    def tell(**facts: Any) -> None:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()

    tell(say="2. Making an embedded database (SQLite).")
    call_command("migrate", verbosity=0, interactive=False)
    tell(
        say=f"3. syncops stores add {STORE} --provider http --option base_url={os.environ['SYNCOPS_DEMO_URL']}"
    )
    stores.add(
        STORE, provider="http", title="Demo shop", options={"base_url": os.environ["SYNCOPS_DEMO_URL"]}
    )
    prices = Path(apps.get_app_config("catalog").path).parent / "data" / "online-retail-prices.csv"
    tell(say=f"4. syncops import {prices.name} --store {STORE} --unknown create")
    done = import_.run(str(prices), Options(store=STORE, unknown="create"))
    if done.delivered is None or any(each.waiting or each.parked for each in done.delivered.stores):
        raise SyncopsError(f"Not everything was delivered: {done.delivered}")
    shown = _shown()
    tell(
        imported=done.rows["created"],
        name=shown["name"],
        currency=shown["currency"],
        first_price=shown["price"],
        say=f"   The marketplace shows {SKU} {shown['name']} at {shown['price']} {shown['currency']}.",
    )
    price = apps.get_model("catalog", "PriceRecord").objects.get(product__sku=SKU)
    price.amount = price.amount + Decimal("0.40")
    tell(say=f"5. price.amount = {price.amount:.2f}; price.save()   # plain Django, no sync call")
    began = time.monotonic()
    price.save()
    flush.run([STORE])
    shown = _shown()
    tell(
        second_price=shown["price"],
        seconds=round(time.monotonic() - began, 3),
        say=f"   The marketplace shows {SKU} at {shown['price']} {shown['currency']}.",
    )


def _shown() -> dict[str, str]:
    """What the marketplace shows now, asked over HTTP."""
    from syncops.models import Store
    from syncops.providers import registry

    store = Store.objects.get(pk=STORE)
    with registry.make(store.provider, STORE, store.options) as provider:
        item = provider.fetch([SKU], 10)[SKU]
    return {"price": str(item.price), "currency": item.currency or "", "name": item.name or ""}
