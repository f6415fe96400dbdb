"""T01–T03, T14, T20–T22, T25, T27: the verbs as a user runs them, through every door.

A real sandbox marketplace, a real database file, real programs. The doors are the console script, manage.py and
call_command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from project.marketplace.server import Marketplace

ROOT = Path(__file__).resolve().parents[2]

CALL = (
    "import io, sys; import django; django.setup(); from django.core.management import call_command\n"
    "out, err, code = io.StringIO(), io.StringIO(), 0\n"
    "try:\n    call_command(*sys.argv[1:], stdout=out, stderr=err)\n"
    "except SystemExit as leaving:\n    code = leaving.code\n"
    "sys.stdout.write(out.getvalue()); sys.stderr.write(err.getvalue()); sys.exit(code)\n"
)
DOORS: dict[str, list[str]] = {
    "console": ["-m", "cli.main"],
    "manage.py": [str(ROOT / "manage.py"), "syncops"],
    "call_command": ["-c", CALL, "syncops"],
}


@dataclass(frozen=True)
class Outcome:
    out: str
    err: str
    code: int

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Shop:
    """A database of its own, and a marketplace that answers."""

    def __init__(self, folder: Path, market: Marketplace) -> None:
        self.folder = folder
        self.market = market
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "SYNCOPS_HOME": str(folder),
            "SYNCOPS_EU_TOKEN": market.token,
            "SYNCOPS_OPERATOR": "ann",
        }

    def run(self, *words: str, door: str = "console", stdin: str = "", **more: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, *DOORS[door], *words],
            cwd=self.folder,
            env=self.environment | more,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.stdout, done.stderr, done.returncode)

    def everywhere(self, *words: str) -> Outcome:
        """The same command through all doors at once; they must agree to the byte."""
        with ThreadPoolExecutor(len(DOORS)) as pool:
            outcomes = list(pool.map(lambda door: self.run(*words, door=door), DOORS))
        assert len({(each.out, each.code) for each in outcomes}) == 1, outcomes
        return outcomes[0]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with Marketplace(token="a-secret-token") as market:
        made = Shop(folder, market)
        migrated = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"],
            env=made.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert migrated.returncode == 0, migrated.stderr
        added = made.run(
            "stores", "add", "eu", "--provider", "http", "--option", f"base_url={market.url}", "--json"
        )
        assert added.code == 0, added.err
        prices = folder / "prices.csv"
        prices.write_text("sku,name,price,currency\nA-1,Mug & Co,12.50,EUR\nA-2,Cup,8.00,EUR\n")
        first = made.run("import", "prices.csv", "--store", "eu", "--unknown", "create", "--json")
        assert first.code == 0, first.err
        yield made


def test_T20_stores_list_has_its_fields_and_no_secret(shop: Shop) -> None:
    found = shop.everywhere("stores", "list", "--format", "json")
    (store,) = found.document["stores"]
    assert found.document["schema"] == "syncops.stores/1"
    assert set(store) >= {"store", "title", "provider", "sync", "options"}
    assert store["options"] == {"base_url": shop.market.url}
    assert "a-secret-token" not in found.out + found.err


def test_a_store_is_checked_against_the_real_marketplace(shop: Shop) -> None:
    assert shop.everywhere("stores", "check", "eu").code == 0
    wrong = shop.run("stores", "check", "eu", "--json", SYNCOPS_EU_TOKEN="wrong")
    assert wrong.code == 3
    assert "401" in wrong.document["message"]
    assert "wrong" not in wrong.out + wrong.err


def test_a_secret_option_is_refused(shop: Shop) -> None:
    refused = shop.everywhere("stores", "set", "eu", "--option", "token=abc", "--json")
    assert refused.code == 2
    assert refused.document["ok"] is False
    assert "SYNCOPS_EU_TOKEN" in refused.document["error"]["hint"]


def test_what_was_imported_is_on_the_marketplace(shop: Shop) -> None:
    shown = shop.market.listings("eu")
    assert shown["A-1"] | {"updated_at": ""} == {
        "name": "Mug & Co",
        "price": "12.50",
        "currency": "EUR",
        "updated_at": "",
    }


def test_T21_status_has_its_fields(shop: Shop) -> None:
    found = shop.everywhere("status", "--format", "json")
    assert found.document["schema"] == "syncops.status/1"
    (store,) = found.document["stores"]
    assert set(store) == {
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
    }
    assert set(store["lane"]) >= {"state", "until", "holder"}
    assert store["lane"]["state"] == "idle"
    assert found.document["exit_code"] == 0


def test_T22_flush_and_its_dry_run(shop: Shop) -> None:
    price = shop.folder / "change.csv"
    price.write_text("sku,price\nA-1,13.00\n")
    marked = shop.run("import", "change.csv", "--store", "eu", "--no-deliver")
    assert marked.code == 0, marked.err
    assert "Deliver it: syncops flush" in marked.err
    before = len(shop.market.log("eu"))
    planned = shop.everywhere("flush", "--dry-run", "--format", "json")
    (store,) = planned.document["stores"]
    assert planned.document["schema"] == "syncops.flush/1"
    assert planned.document["dry_run"] is True
    assert planned.document["run"] is None
    assert store["batches"] == [
        {"items": [{"sku": "A-1", "old": "12.50", "new": "13.00", "currency": "EUR", "name": "Mug & Co"}]}
    ]
    assert store["estimated_seconds"] >= 0
    assert len(shop.market.log("eu")) == before
    done = shop.run("flush", "--json")
    (store,) = done.document["stores"]
    assert set(store) == {
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
        "skipped_because",
    }
    assert (store["calls"], store["delivered"]) == (1, 1)
    assert shop.market.listings("eu")["A-1"]["price"] == "13.00"
    assert shop.everywhere("flush").code == 0


def test_T25_signals_list_shows_ours(shop: Shop) -> None:
    found = shop.everywhere(
        "signals", "list", "--signal", "post_save", "--model", "catalog.PriceRecord", "--json"
    )
    assert found.document["schema"] == "syncops.signals/1"
    assert found.document["triggers"] == []
    ours = [each for each in found.document["receivers"] if each["owner"] == "syncops"]
    assert [each["sender"] for each in ours] == ["catalog.PriceRecord"]
    assert set(ours[0]) == {
        "signal",
        "sender",
        "receiver",
        "file",
        "line",
        "dispatch_uid",
        "weak",
        "dead",
        "async",
        "owner",
        "order",
    }


def test_T27_runs_say_who_and_how_it_ended(shop: Shop) -> None:
    listed = shop.everywhere("runs", "list", "--operation", "import", "--json")
    first = listed.document["runs"][-1]
    assert (first["operation"], first["operator"], first["exit_code"]) == ("import", "ann", 0)
    shown = shop.everywhere("runs", "show", str(first["run"]), "--json")
    assert shown.document["runs"][0]["counts"]["created"] == 2
    assert shop.everywhere("runs", "show", "9999", "--json").code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("flush", "--store", "nope", "--json"),
        ("import", "nothing.csv", "--json"),
        ("stores", "show", "nope", "--json"),
        ("flush", "--watch", "--dry-run", "--json"),
        ("stores", "add", "x", "--provider", "nope", "--json"),
    ],
)
def test_T02_a_failure_is_an_object_on_stdout_and_a_line_on_stderr(
    shop: Shop, words: tuple[str, ...]
) -> None:
    failed = shop.everywhere(*words)
    assert failed.code == 2
    assert failed.document["ok"] is False
    assert failed.document["error"]["message"]
    assert "Traceback" not in failed.err


@pytest.mark.parametrize(
    "words",
    [
        ("stores", "list"),
        ("status",),
        ("flush", "--dry-run"),
        ("runs", "list"),
        ("signals", "list", "--mine"),
        ("help", "exit-codes"),
    ],
)
@pytest.mark.parametrize("shape", ["plain", "table", "csv", "ndjson", "json"])
def test_T03_every_verb_has_every_format(shop: Shop, words: tuple[str, ...], shape: str) -> None:
    shown = shop.run(*words, "--format", shape, GITHUB_ACTIONS="true", CI="true", FORCE_COLOR="1")
    assert shown.code == 0, shown.err
    assert "\x1b" not in shown.out
    if shape == "ndjson":
        for line in shown.out.splitlines():
            json.loads(line)


def test_the_named_management_commands_are_the_same_door(shop: Shop) -> None:
    direct = shop.run("flush", "--dry-run", "--json")
    named = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "syncops_flush", "--dry-run", "--json"],
        env=shop.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (named.stdout, named.returncode) == (direct.out, direct.code)


def test_D05_a_lost_answer_is_told_and_read_back(shop: Shop) -> None:
    shop.market.fault("lost_answer", seconds=2)
    changed = shop.folder / "lost.csv"
    changed.write_text("sku,price\nA-2,8.40\n")
    small = {
        "SYNCOPS_TIMEOUT": "1",
        "SYNCOPS_SETTLE": "0.1",
        "SYNCOPS_RETRY_FLOOR": "0",
        "SYNCOPS_RETRY_BASE": "0.1",
    }
    lost = shop.run("import", "lost.csv", "--store", "eu", "--json", **small)
    assert lost.code == 75
    assert lost.document["delivered"]["eu"]["unknown"] == 1
    healed = shop.run("flush", "--wait", "--json", **small)
    assert healed.code == 0, healed.err
    assert shop.market.received("eu", "A-2").count("8.40") == 1, "it was read back, and not sent twice"


def test_stdin_is_a_file_like_any_other(shop: Shop) -> None:
    done = shop.run("import", "-", "--store", "eu", "--json", stdin="sku;price\nA-1;13,50\n")
    assert done.code == 0, done.err
    assert done.document["file"]["delimiter"] == ";"
    assert done.document["file"]["decimal"] == ","
    assert shop.market.listings("eu")["A-1"]["price"] == "13.50"
