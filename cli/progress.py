"""How far a long operation is: a bar where things can move, a line every ten seconds where they cannot.

The rule: progress is talk. It goes to stderr, `-q` silences it, and no data ever depends on it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.screen import Screen

#: Seconds between two lines of progress on a stream where no bar can be drawn.
INTERVAL = 10.0


class Progress(Protocol):
    """What a verb tells its progress to."""

    def advance(self, count: int = 1) -> None:
        """`count` more are done."""


class Silent:
    """Progress that nobody wants to see."""

    def advance(self, count: int = 1) -> None:
        """Say nothing."""


class Lines:
    """A line of progress, at most one per INTERVAL of `clock`'s seconds."""

    def __init__(
        self, screen: Screen, description: str, total: int | None, clock: Callable[[], float]
    ) -> None:
        self._screen, self._description, self._total, self._clock = screen, description, total, clock
        self._done, self._said = 0, clock()

    def advance(self, count: int = 1) -> None:
        """Count, and say so if the last line is long enough ago."""
        self._done += count
        now = self._clock()
        if now - self._said >= INTERVAL:
            self._said = now
            of = "" if self._total is None else f" of {self._total}"
            self._screen.line(f"{self._description}: {self._done}{of}")


@contextmanager
def bar(screen: Screen, description: str, total: int | None) -> Iterator[Progress]:
    """A moving bar on a terminal, gone when the block ends; other lines on `screen` are lifted above it."""
    from rich import progress as rich_progress

    drawing = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        console=screen.console,
        transient=True,
        redirect_stdout=False,  # Rich would send what is written to stdout to this console, which is stderr
        redirect_stderr=False,
    )
    task = drawing.add_task(description, total=total)

    class Bar:
        def advance(self, count: int = 1) -> None:
            drawing.advance(task, count)

    with drawing:
        screen.live = True
        try:
            yield Bar()
        finally:
            screen.live = False
