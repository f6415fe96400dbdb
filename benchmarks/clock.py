"""The clock: processor time of this program and of its database backend, and wall time beside it.

The rule: the variants of a comparison are measured in turn within one round, in an order that alternates, and
a ratio is taken within a round. Whatever else the machine does then falls on both sides.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from django.db import connection


@dataclass(slots=True)
class Sample:
    """What one piece of work took, in seconds: processor of both sides together, and wall."""

    cpu: float = 0.0
    wall: float = 0.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of processor time, and the same of wall time."""

    cpu: float
    wall: float

    def __str__(self) -> str:
        return f"{self.cpu:.2f} [{self.wall:.2f}]"


def server_seconds() -> float:
    """Processor time that the backend of this connection has used; 0 where there is none, as with SQLite.

    `schedstat` counts nanoseconds, `stat` ticks of 10 ms; a kernel may have been built without the first.
    """
    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    folder = Path("/proc") / str(connection.connection.info.backend_pid)
    try:
        return int((folder / "schedstat").read_text().split()[0]) / 1e9
    except OSError:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def measured() -> Iterator[Sample]:
    """Measure a block; the sample is complete when the block ends."""
    sample = Sample()
    server, client, wall = server_seconds(), time.process_time(), time.perf_counter()
    yield sample
    sample.wall = time.perf_counter() - wall
    sample.cpu = time.process_time() - client + server_seconds() - server


def rounds(
    count: int, works: Mapping[str, Callable[[], Sample]], *, warm: int = 1, collect: bool = True
) -> dict[str, list[Sample]]:
    """`count` samples of each work, round by round, every second round in reverse; `warm` more go before.

    `collect` has Python look for cycles before each sample; it takes longer than a sample of a millisecond.
    """
    names = list(works)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for turn in range(-warm, count):
        for name in names if turn % 2 else reversed(names):
            if collect:
                gc.collect()
            sample = works[name]()
            if turn >= 0:
                samples[name].append(sample)
    return samples


def ratio(over: list[Sample], under: list[Sample], *, scale: float = 1.0) -> Ratio:
    """The median of the ratios of paired samples, times `scale`."""
    pairs = list(zip(over, under, strict=True))
    return Ratio(
        scale * median(a.cpu / b.cpu for a, b in pairs), scale * median(a.wall / b.wall for a, b in pairs)
    )
