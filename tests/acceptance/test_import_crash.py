"""An import that is killed: nothing of it is there, or all of it, and delivery goes on as if nothing had been.

The rule: the process is killed by SIGKILL and nothing is cleaned up by hand; five times at a seeded time, five
times just before a seeded statement of its writing transaction.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from project.marketplace.server import Marketplace
from tests.acceptance import price_lists
from tests.acceptance.conftest import ROOT, Site, eventually

COUNT = 20_000

#: A process with Django in it, and no connection to any database. For each line it forks one that imports, tells
#: its process id, and in the end its exit status and how many statements came from the beginning of the writing
#: transaction on. `deadly` is the number of the statement before which the importing process kills itself.
_NURSERY = """
import json, os, signal, sys
import django
django.setup()
from django.db import connection
from cli.main import run
for line in sys.stdin:
    words, deadly = json.loads(line)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        seen = 0
        def watch(execute, sql, params, many, context):
            global seen
            if seen or sql.startswith('INSERT INTO "syncops_run"'):
                seen += 1
                if seen == deadly:
                    os.kill(os.getpid(), signal.SIGKILL)
            return execute(sql, params, many, context)
        os.dup2(2, 1)
        with connection.execute_wrapper(watch):
            code = run(words)
        os.write(writing, str(seen).encode())
        os._exit(code)
    os.close(writing)
    print(pid, flush=True)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([status, os.read(reading, 100).decode()]), flush=True)
    os.close(reading)
"""


@pytest.fixture
def market() -> Iterator[Marketplace]:
    with price_lists.big_market() as marketplace:
        yield marketplace


class Crashes:
    """Imports list after list into one site; `turn` is the list that is in force."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.turn = 0
        self.asked = 0
        self.runs: set[int] = set()
        self.log = site.folder / "nursery.log"
        with self.log.open("wb") as log:
            self.nursery = subprocess.Popen(
                [sys.executable, "-c", _NURSERY],
                env=site.env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def __enter__(self) -> Crashes:
        return self

    def __exit__(self, *_: object) -> None:
        self.nursery.kill()
        self.nursery.communicate()

    def words(self) -> list[str]:
        """The command that imports another list than the one in force."""
        self.asked += 1
        file = price_lists.write_list(self.site.folder / f"{self.asked}.csv", COUNT, self.asked)
        return ["import", str(file), "--store", "eu", "--no-deliver"]

    def begin(self, deadly: int = 0) -> int:
        """Start an import. Returns the process id."""
        assert self.nursery.stdin is not None
        self.nursery.stdin.write(json.dumps([self.words(), deadly]) + "\n")
        self.nursery.stdin.flush()
        return int(self._line())

    def end(self) -> tuple[int, int]:
        """The exit code of the import, and how many statements there were (0 where it was killed)."""
        code, statements = json.loads(self._line())
        return code, int(statements or 0)

    def by_time(self, seconds: float) -> None:
        """Import, and kill after so many seconds."""
        pid, timer = self.begin(), threading.Event()
        timer.wait(seconds)
        # Until its end is read it is not reaped by anyone but the nursery, which may have done so just now.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert self.end()[0] in {0, -signal.SIGKILL}

    def by_statement(self, number: int) -> None:
        """Import, and have it killed before a statement of its transaction."""
        self.begin(number)
        assert self.end()[0] == -signal.SIGKILL

    def undisturbed(self) -> tuple[float, int]:
        """Import: how many seconds it takes, and how many statements there are."""
        began = time.monotonic()
        self.begin()
        code, statements = self.end()
        assert code == 0
        return time.monotonic() - began, statements

    def look(self) -> bool:
        """Whether the last import is there. Prices, edits, Changes and Runs have to agree, whatever they say."""
        self._wait_for_the_server()
        prices = price_lists.in_database(self.site)
        applied = prices == price_lists.prices(COUNT, self.asked)
        if not applied:
            assert prices == price_lists.prices(COUNT, self.turn), "half a price list"
        runs = {row[0] for row in self.site.rows("SELECT id FROM syncops_run WHERE operation = 'import'")}
        assert len(runs - self.runs) == int(applied)
        self.runs = runs
        self.turn = self.asked if applied else self.turn
        for table in ("syncops_priceedit", "syncops_change"):
            of_run = f"SELECT run_id, count(*) FROM {table} WHERE run_id IS NOT NULL GROUP BY run_id"
            assert dict(self.site.rows(of_run)) == dict.fromkeys(runs, COUNT), table
        finished = "SELECT count(*) FROM syncops_run WHERE operation = 'import' AND finished IS NULL"
        assert self.site.rows(finished) == [(0,)]
        return applied

    def _line(self) -> str:
        assert self.nursery.stdout is not None
        line = self.nursery.stdout.readline()
        assert line, self.log.read_text()
        return line

    def _wait_for_the_server(self) -> None:
        """PostgreSQL finishes the statement of a client that is gone; then it notices."""
        if self.site.database_url.startswith("postgres"):
            others = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            eventually(lambda: self.site.rows(others), [(0,)])


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_I40_a_killed_import_leaves_nothing_or_everything(site: Callable[..., Site], database: str) -> None:
    here = site(database, None)
    price_lists.add_store(here)
    chance = random.Random(f"I40 {database}")
    with Crashes(here) as crashes:
        crash(crashes, chance)

    flushed = price_lists.command(here, "flush", "--json")
    assert flushed.returncode == 0, flushed.stderr
    assert price_lists.on_marketplace(here) == price_lists.in_database(here)
    assert price_lists.in_database(here) == price_lists.prices(COUNT, crashes.turn)
    assert here.changes() == 0


def crash(crashes: Crashes, chance: random.Random) -> None:
    """Ten kills, and a look after each."""
    first = [*crashes.words(), "--unknown", "create"]
    assert price_lists.command(crashes.site, *first).returncode == 0
    assert crashes.look()

    crashes.undisturbed()  # the first one loads what every other one has then
    assert crashes.look()
    whole, last = crashes.undisturbed()
    assert crashes.look()

    for _ in range(5):
        crashes.by_time(chance.uniform(0, whole))
        crashes.look()
    crashes.by_statement(1)
    assert not crashes.look()
    # The last statements are those of whoever reads the result after the commit.
    for number in (*chance.sample(range(2, last), 3), last):
        crashes.by_statement(number)
        crashes.look()
