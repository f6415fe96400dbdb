"""What noticing a save costs (C50, C52): watched saves against saves of the twin that nothing watches.

The rule: both sides run the same statements on tables of the same shape, on the same connection.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import cycle, islice
from statistics import median
from typing import Any

from django.db import connection, transaction

from benchmarks import arrangement, clock
from benchmarks.clock import Sample
from benchmarks.report import Figure, Goal, at_most
from benchmarks.twin.models import PriceRecord as Bare
from project.catalog.models import PriceRecord as Watched

#: Saves in one transaction, and the goal on each database (C50).
SHAPES = {
    1000: {"postgresql": 1.10, "sqlite": 1.15},
    10: {"postgresql": 1.20, "sqlite": 1.20},
    1: {"postgresql": 1.40, "sqlite": 1.40},
}
#: Saves that are measured at the beginning and at the end of the long transaction (C52), and in how many parts.
WINDOW = 1000
PARTS = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: rounds of each shape (a round is one transaction a side), and the long transaction."""

    rounds: dict[str, int]
    long: int


def figures(size: Size) -> Iterator[Figure]:
    """Every figure about capture."""
    for app in ("catalog", "twin"):
        arrangement.fill(app, max(SHAPES))
    for each, goals in SHAPES.items():
        yield from _shape(size, each, goals[connection.vendor])
    yield _growth(size)


def _shape(size: Size, each: int, goal: float) -> Iterator[Figure]:
    works = {
        name: partial(_saves, cycle(list(model.objects.order_by("pk")[: max(SHAPES)])), each)
        for name, model in (("bare", Bare), ("watched", Watched))
    }
    arrangement.tidy()
    count = size.rounds[str(each)]
    taken = clock.rounds(count, works, warm=1 + count // 10, collect=each == max(SHAPES))
    ratio = clock.ratio(taken["watched"], taken["bare"])
    saves = "1 save" if each == 1 else f"{each:,} saves"
    yield Figure(f"{saves} in a transaction, watched / bare (C50)", str(ratio), ratio.cpu, at_most(goal))
    extra = _statements(Watched, each) - _statements(Bare, each)
    yield Figure(f"{saves} in a transaction, extra statements (C05, C50)", str(extra), extra, at_most(1))


def _saves(rows: Iterator[Any], each: int) -> Sample:
    """One transaction that saves the next `each` rows."""
    with clock.measured() as sample, transaction.atomic():
        for row in islice(rows, each):
            _save(row)
    return sample


def _save(row: Any) -> None:
    row.amount = row.amount % 900 + Decimal("1.25")
    row.save()


def _statements(model: type[Any], each: int) -> int:
    rows = list(model.objects.order_by("pk")[:each])
    seen = 0

    def count(execute: Any, *call: Any) -> Any:
        nonlocal seen
        seen += 1
        return execute(*call)

    with connection.execute_wrapper(count), transaction.atomic():
        for row in rows:
            _save(row)
    return seen


class _Undo(Exception):
    """Takes a transaction back."""


def _growth(size: Size) -> Figure:
    """The last saves of a long transaction against its first, each row saved once.

    The two are a minute apart, in which a machine may change its pace: each part is held against as many bare
    saves beside it.
    """
    # Rows that were saved before have room in their pages, and PostgreSQL saves them faster: they only warm up.
    used = max(SHAPES)
    window = min(WINDOW, size.long // 3)
    arrangement.fill("catalog", used + size.long)
    arrangement.fill("twin", used + 2 * window)
    try:
        with transaction.atomic():
            _pace(0, 0, min(window, used))
            raise _Undo
    except _Undo:
        arrangement.tidy()
    gc.collect()
    with transaction.atomic():
        first = _pace(used, used, window)
        for start in range(window, size.long - window, window):
            for row in _rows(Watched, used + start, min(window, size.long - window - start)):
                _save(row)
        last = _pace(used + size.long - window, used + window, window)
    arrangement.tidy()
    value = last / first
    what = f"the last {window:,} saves of {size.long:,} in a transaction / the first (C52)"
    return Figure(what, f"{value:.2f}", value, Goal(0.80, 1.20))


def _rows(model: type[Any], start: int, count: int) -> list[Any]:
    return list(model.objects.order_by("pk").filter(pk__gt=start)[:count])


def _pace(watched: int, bare: int, count: int) -> float:
    """Processor time of `count` watched saves over that of as many bare ones, taken in turn: the median."""
    pairs = list(zip(_rows(Watched, watched, count), _rows(Bare, bare, count), strict=True))
    step = max(1, count // PARTS)
    ratios = []
    for at in range(0, count, step):
        taken = []
        for side in range(2):
            with clock.measured() as sample:
                for pair in pairs[at : at + step]:
                    _save(pair[side])
            taken.append(sample.cpu)
        ratios.append(taken[0] / taken[1])
    return median(ratios)
