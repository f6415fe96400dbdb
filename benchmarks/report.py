"""Figures, their goals, and the table they are printed in.

The rule: a figure that misses its goal is printed as such; the benchmarks never fail for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to reach. A `wish` is one that the specification puts beyond its goal."""

    low: float | None = None
    high: float | None = None
    unit: str = ""
    wish: bool = False

    def met(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            text = f"{self.low:.2f} to {self.high:.2f}"
        else:
            text = f"≤ {self.high:.2f}" if self.low is None else f"≥ {self.low:g}"
        return f"{text}{self.unit}{' (beyond)' if self.wish else ''}"


def at_most(value: float, *, unit: str = "", wish: bool = False) -> Goal:
    """A goal that is a ceiling."""
    return Goal(high=value, unit=unit, wish=wish)


def at_least(value: float) -> Goal:
    """A goal that is a floor."""
    return Goal(low=value)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing on one database: as text, and as the number that is held against the goal."""

    what: str
    text: str
    value: float | None = None
    goal: Goal | None = None

    def record(self) -> dict[str, Any]:
        """As JSON, for the program that prints the table."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Figure:
        """From such JSON."""
        goal = record["goal"]
        return cls(record["what"], record["text"], record["value"], None if goal is None else Goal(**goal))

    @property
    def verdict(self) -> str:
        """`yes`, `NO`, or "" where there is no goal."""
        if self.goal is None or self.value is None:
            return ""
        return "yes" if self.goal.met(self.value) else "NO"


def table(found: Mapping[str, list[Figure]]) -> str:
    """`what | database… | goal | met`, one row for each thing that was measured."""
    labels = list(found)
    rows = [["what", *labels, "goal", "met"]]
    longest_first = sorted(found.values(), key=len, reverse=True)
    for what in dict.fromkeys(figure.what for figures in longest_first for figure in figures):
        of = {label: _first(figures, what) for label, figures in found.items()}
        known = {label: figure for label, figure in of.items() if figure is not None}
        rows.append(
            [
                what,
                *(known[label].text if label in known else "–" for label in labels),
                _joined({label: str(figure.goal or "") for label, figure in known.items()}),
                _joined({label: figure.verdict for label, figure in known.items()}),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def _first(figures: Iterable[Figure], what: str) -> Figure | None:
    return next((figure for figure in figures if figure.what == what), None)


def _joined(texts: Mapping[str, str]) -> str:
    """One text where all databases agree, else each with its name."""
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{text} ({label})" for label, text in texts.items() if text)
