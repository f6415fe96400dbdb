"""A site of its own for each test: real processes, a real database, a real broker, the sandbox marketplace.

The rule: nothing sleeps to let something happen; `eventually` looks until it has, and says what it saw last.
Every process is stopped by its own id when the test ends.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kombu
import psycopg
import pytest
import redis
from psycopg import sql

from project.marketplace.server import Marketplace

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests"

#: Reads a line of JSON (Python source), runs it, answers with a line of JSON (an error or null).
WEB = """
import json, sys, traceback
import django
django.setup()
from django.db import connection, transaction
from project.catalog.models import PriceRecord, Product
from syncops.models import Change, Lane, Store
names = dict(globals())
for line in sys.stdin:
    try:
        exec(json.loads(line), names)
        print(json.dumps(None), flush=True)
    except BaseException:
        print(json.dumps(traceback.format_exc()), flush=True)
"""


def eventually(seen: Callable[[], Any], expected: Any, within: float = 30.0) -> None:
    """Return once `seen()` equals `expected`; fail with what was seen after `within` seconds."""
    deadline = time.monotonic() + within
    while (now := seen()) != expected:
        if time.monotonic() > deadline:
            pytest.fail(f"after {within:g} s it is {now!r}, not {expected!r}")
        time.sleep(0.02)


def delete_queue(url: str, queue: str) -> None:
    """Delete a queue and, on Redis, whatever kombu noted about it in keys that others use too."""
    with kombu.Connection(url) as connection, connection.channel() as channel:
        channel.queue_delete(queue)
    if not url.startswith("redis"):
        return
    with closing(redis.Redis.from_url(url, decode_responses=True)) as client:
        client.delete(*client.scan_iter(f"*{queue}*"), "")
        for key in client.scan_iter("_kombu.binding*"):
            if client.type(key) == "set":
                client.srem(key, "", *(each for each in client.smembers(key) if queue in each))
            elif client.type(key) == "zset":
                client.zrem(key, "", *(each for each in client.zrange(key, 0, -1) if queue in each))
        for tag, message in client.hgetall("unacked").items():
            if queue in message:
                client.hdel("unacked", tag)
                client.zrem("unacked_index", tag)


class Broker:
    """A queue of our own on a broker that others use too."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.queue = f"syncops-test-{uuid.uuid4().hex[:12]}"

    def hints(self) -> int:
        """Messages that wait in the queue."""
        if self.url.startswith("redis"):
            with closing(redis.Redis.from_url(self.url)) as client:
                return int(client.llen(self.queue))
        with kombu.Connection(self.url) as connection, connection.channel() as channel:
            return int(channel.queue_declare(self.queue, passive=True).message_count)

    def purge(self) -> None:
        """Throw away what waits."""
        with kombu.Connection(self.url) as connection, connection.channel() as channel:
            channel.queue_purge(self.queue)

    def delete(self) -> None:
        """Leave nothing of ours behind."""
        delete_queue(self.url, self.queue)


class Program:
    """A process of the site, with its output in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path, **options: Any) -> None:
        self.log = log
        with log.open("wb") as output:
            options = {"stdout": output, "stderr": output, "stdin": subprocess.DEVNULL} | options
            # A session of its own, so that a test may signal the whole group.
            self.popen = subprocess.Popen(command, env=env, cwd=ROOT, start_new_session=True, **options)

    def said(self, words: str, times: int = 1) -> bool:
        """Whether the log says so, at least so often."""
        if self.popen.poll() is not None and words not in self.log.read_text():
            pytest.fail(f"{self.popen.args} ended with {self.popen.returncode}:\n{self.log.read_text()}")
        return self.log.read_text().count(words) >= times

    def kill(self) -> None:
        """SIGKILL, for the process and the children of its pool."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(10)

    def stop(self) -> None:
        """However it takes it, it is gone afterwards."""
        self.kill()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                pipe.close()


class Web(Program):
    """A process like a web server's: it writes to the database, and knows nothing of delivery."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        super().__init__(
            [sys.executable, "-c", WEB], env, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, source: str) -> str | None:
        """Run some lines. Returns the traceback if they raised."""
        self.begin(source)
        return self._answer()

    def begin(self, source: str) -> None:
        """Have some lines run, without waiting for their end."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps(source) + "\n")
        self.popen.stdin.flush()

    def _answer(self) -> str | None:
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            pytest.fail(f"the web process ended:\n{self.log.read_text()}")
        answer: str | None = json.loads(line)
        return answer


@dataclass
class Site:
    """One installation: its environment, its processes, and the view into its database."""

    folder: Path
    database_url: str
    market: Marketplace
    broker: Broker | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment of every process of this site, and nothing of the one that runs the tests."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("SYNCOPS_")}
        found = inherited | {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": self.database_url,
            "SYNCOPS_HOME": str(self.folder),
            "SYNCOPS_EU_TOKEN": TOKEN,
            "PYTHONUNBUFFERED": "1",
        }
        if self.broker is not None:
            found |= {"SYNCOPS_BROKER_URL": self.broker.url, "SYNCOPS_QUEUE": self.broker.queue}
        return found | {f"SYNCOPS_{name}": str(value) for name, value in self.numbers.items()}

    def web(self) -> Web:
        program = Web(self.env, self._log("web"))
        self.programs.append(program)
        return program

    def worker(self, pool: str = "solo", concurrency: int = 1, *, beat: bool = False) -> Program:
        """A worker that is ready, with a beat of its own if asked."""
        assert self.broker is not None
        name = f"{self.broker.queue}-{len(self.programs)}@%h"
        options = ["-P", pool, "-c", str(concurrency), "-n", name, "-l", "INFO"]
        quick = ["--without-gossip", "--without-mingle", "--without-heartbeat", *(["-B"] if beat else [])]
        program = self._celery("worker", *options, *quick)
        eventually(lambda: program.said(" ready."), True)
        return program

    def beat(self) -> Program:
        return self._celery("beat", "-l", "INFO")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database holds, as committed."""
        if self.database_url.startswith("sqlite"):
            with closing(
                sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=20)
            ) as database:
                return database.execute(query).fetchall()
        with psycopg.connect(self.database_url) as database:
            return database.execute(query.encode()).fetchall()

    def changes(self) -> int:
        return int(self.rows("SELECT count(*) FROM syncops_change")[0][0])

    def shown(self) -> dict[str, str | None]:
        """The price of each sku on the marketplace."""
        return {sku: listing["price"] for sku, listing in self.market.listings("eu").items()}

    def close(self) -> None:
        for program in self.programs:
            program.stop()
        if self.broker is not None:
            self.broker.delete()

    def _celery(self, *arguments: str) -> Program:
        program = Program(
            [sys.executable, "-m", "celery", "-A", "project", *arguments], self.env, self._log(arguments[0])
        )
        self.programs.append(program)
        return program

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}-{len(self.programs)}.log"


def _migrate(database_url: str, home: Path) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("SYNCOPS_")}
    env = inherited | {"DJANGO_SETTINGS_MODULE": "project.settings", "DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "-v", "0"],
        env=env | {"SYNCOPS_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    file = tmp_path_factory.mktemp("empty") / "db.sqlite3"
    _migrate(f"sqlite:///{file}", file.parent)
    return file


@pytest.fixture(scope="session")
def empty_postgresql(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy."""
    name = f"syncops_empty_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            _migrate(_beside(postgresql, name), tmp_path_factory.mktemp("empty"))
            yield name
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _beside(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.fixture
def market() -> Iterator[Marketplace]:
    with Marketplace(token=TOKEN) as marketplace:
        yield marketplace


@pytest.fixture
def site(
    request: pytest.FixtureRequest, tmp_path: Path, market: Marketplace
) -> Iterator[Callable[..., Site]]:
    """Makes a site: `site("sqlite" or "postgresql", "redis" or "rabbitmq" or None, TIMEOUT=3, …)`."""
    sites: list[Site] = []
    copies: list[str] = []

    def make(database: str = "sqlite", broker: str | None = "redis", **numbers: float) -> Site:
        if database == "sqlite":
            file = tmp_path / "db.sqlite3"
            shutil.copy(request.getfixturevalue("empty_sqlite"), file)
            url = f"sqlite:///{file}"
        else:
            empty, server_url = (
                request.getfixturevalue("empty_postgresql"),
                request.getfixturevalue("postgresql"),
            )
            name = f"syncops_site_{uuid.uuid4().hex[:12]}"
            with psycopg.connect(server_url, autocommit=True) as server:
                server.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                        sql.Identifier(name), sql.Identifier(empty)
                    )
                )
            copies.append(name)
            url = _beside(server_url, name)
        made = Site(tmp_path, url, market, numbers=numbers)
        sites.append(made)
        if broker is not None:
            made.broker = Broker(request.getfixturevalue(f"{broker}_url"))
        return made

    yield make
    for each in sites:
        each.close()
    for name in copies:
        with psycopg.connect(request.getfixturevalue("postgresql"), autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
