"""What an import costs (I60, I61), against the bare statement and against django-import-export.

The rule: every sample changes the same number of rows, because the two price lists are applied in turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from django.db import connection

from benchmarks import arrangement, clock, peers
from benchmarks.clock import Sample
from benchmarks.report import Figure, at_least, at_most
from syncops.operations import import_
from syncops.operations.import_ import Imported, Options

SHARES = (0.30, 0.01)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rows: int
    peer_rows: int
    rounds: int
    peer_rounds: int
    memory: tuple[int, int]


def figures(size: Size, folder: Path) -> Iterator[Figure]:
    """Every figure about imports."""
    for app in ("catalog", "twin"):
        arrangement.fill(app, size.rows)
    for share in SHARES:
        yield from _against_bare(size, folder, share)
    yield from _unchanged(size, folder)
    yield from _against_peer(size, folder)
    yield from _memory(size, folder)


def syncops_import(path: Path, *, dry_run: bool = False) -> Imported:
    """The import as an operator runs it, without delivery."""
    return import_.run(str(path), Options(store=arrangement.STORE, deliver=False, dry_run=dry_run))


class Turns:
    """Applies two price lists in turn, and proves that each time as many rows were written."""

    def __init__(self, lists: tuple[Path, Path], expected: int) -> None:
        self.lists = lists
        self.expected = expected
        self.turn = 0

    def sample(self, work: Callable[[Path], int]) -> Sample:
        """Measure `work` on the list that is next."""
        arrangement.tidy()
        path = self.lists[self.turn % 2]
        with clock.measured() as sample:
            written = work(path)
        if self.turn and written != self.expected:
            raise RuntimeError(f"{written} rows were written where {self.expected} differ")
        self.turn += 1
        return sample


def _applied(path: Path) -> int:
    done = syncops_import(path)
    if sum(done.marked.values()) != done.rows["changed"]:
        raise RuntimeError(f"{done.rows['changed']} prices changed and {done.marked} were marked")
    return done.rows["changed"]


def _against_bare(size: Size, folder: Path, share: float) -> Iterator[Figure]:
    lists = arrangement.write_lists(folder, size.rows, share)
    turns, twins = (Turns(lists, round(size.rows * share)) for _ in range(2))
    plain = partial(peers.bare, app="twin")
    turns.sample(peers.bare)
    twins.sample(plain)
    taken = clock.rounds(
        size.rounds,
        {
            "bare": lambda: turns.sample(peers.bare),
            "syncops": lambda: turns.sample(_applied),
            "plain": lambda: twins.sample(plain),
        },
    )
    ratio = clock.ratio(taken["syncops"], taken["bare"])
    what = (
        f"import, {share:.0%} of {size.rows:,} changed / bare COPY (SQLite: executemany) + UPDATE FROM (I60)"
    )
    goal = at_most(1.60) if share == SHARES[0] else at_most(1.25, wish=True)
    yield Figure(what, str(ratio), ratio.cpu, goal if connection.vendor == "postgresql" else None)
    if connection.vendor == "postgresql":
        ratio = clock.ratio(taken["syncops"], taken["plain"])
        yield Figure(f"  the same / bare on a table without room in its pages, {share:.0%}", str(ratio))
    rate = size.rows / sorted(each.wall for each in taken["syncops"])[len(taken["syncops"]) // 2]
    yield Figure(f"  rows/s of that import on this machine, {share:.0%}", f"{rate:,.0f}")


def _unchanged(size: Size, folder: Path) -> Iterator[Figure]:
    first, _ = arrangement.write_lists(folder, size.rows, SHARES[0])
    peers.bare(first)
    arrangement.tidy()

    def sample(*, dry_run: bool) -> Sample:
        with clock.measured() as taken:
            done = syncops_import(first, dry_run=dry_run)
        if done.rows["changed"]:
            raise RuntimeError("something changed")
        return taken

    taken = clock.rounds(
        size.rounds, {"dry": lambda: sample(dry_run=True), "unchanged": lambda: sample(dry_run=False)}
    )
    ratio = clock.ratio(taken["dry"], taken["unchanged"])
    yield Figure(
        "import, --dry-run / a run in which nothing changed (I61)", str(ratio), ratio.cpu, at_most(1.20)
    )


def _against_peer(size: Size, folder: Path) -> Iterator[Figure]:
    what = "django-import-export, best bulk configuration / import, per row, 30% changed (I60, I61)"
    try:
        peer = peers.import_export()
    except ImportError:
        yield Figure(what, "skipped: django-import-export is not installed")
        return
    lists = arrangement.write_lists(folder, size.rows, SHARES[0])
    heads = tuple(_head(path, size.peer_rows) for path in lists)
    whole = Turns(lists, round(size.rows * SHARES[0]))
    part = Turns((heads[0], heads[1]), _differing(*heads))
    whole.sample(peers.bare)
    part.sample(peer)
    taken = clock.rounds(
        size.peer_rounds, {"peer": lambda: part.sample(peer), "syncops": lambda: whole.sample(_applied)}
    )
    ratio = clock.ratio(taken["peer"], taken["syncops"], scale=size.rows / size.peer_rows)
    yield Figure(what, str(ratio), ratio.cpu, at_least(20))


def _memory(size: Size, folder: Path) -> Iterator[Figure]:
    few, many = size.memory
    arrangement.fill("catalog", many)
    peaks = []
    for rows in size.memory:
        lists = arrangement.write_lists(folder, rows, SHARES[0])
        peers.bare(lists[0])
        arrangement.tidy()
        taken = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", str(lists[1])],
            env=os.environ, check=True, capture_output=True, text=True,
        )  # fmt: skip
        peaks.append(json.loads(taken.stdout)["peak"] / 2**20)
    what = f"import, peak memory of a fresh process, {many:,} rows minus {few:,} rows (I01)"
    value = f"{peaks[1] - peaks[0]:+.1f} MiB ({peaks[0]:.0f} and {peaks[1]:.0f})"
    yield Figure(what, value, peaks[1] - peaks[0], at_most(16, unit=" MiB"))


def _head(path: Path, rows: int) -> Path:
    part = path.with_suffix(f".{rows}.csv")
    with path.open() as file, part.open("w") as head:
        head.writelines(islice(file, rows + 1))
    return part


def _differing(one: Path, other: Path) -> int:
    with one.open() as left, other.open() as right:
        return sum(a != b for a, b in zip(left, right, strict=True))
