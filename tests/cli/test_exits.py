"""Exit codes: the table of the design, and its order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import exits
from syncops import errors
from syncops.values import Ending

ORDER = [2, 1, 6, 5, 75, 4, 3, 0]


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (Ending.DONE, 0),
        (Ending.DIFFERENCES, 3),
        (Ending.LEFTOVERS, 4),
        (Ending.GUARDED, 5),
        (Ending.REFUSED, 6),
        (Ending.TEMPORARY, 75),
    ],
)
def test_every_ending_has_its_code(ending: Ending, code: int) -> None:
    assert exits.of_ending(ending) == code


def test_no_ending_is_forgotten() -> None:
    assert {exits.of_ending(ending) for ending in Ending} <= set(exits.TABLE)


class OperationalError(Exception):
    __module__ = "django.db.utils"


class Deeper(OperationalError):
    pass


class Namesake(Exception):
    __qualname__ = "OperationalError"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InputRefused("E", "x"), 6),
        (errors.GuardRail("R", "x"), 5),
        (errors.Unavailable(), 75),
        (errors.LaneHeld(), 75),
        (errors.Unreachable(), 75),
        (errors.Throttled(), 75),
        (errors.UsageError(), 2),
        (errors.ConfigurationError(), 2),
        (errors.Unauthorized(), 2),
        (errors.InsideTransaction(), 1),
        (OperationalError("down"), 75),
        (Deeper("down"), 75),
        (OperationalError("no such table: x"), 2),
        (Namesake("not Django's"), 1),
        (KeyError("x"), 1),
        (KeyboardInterrupt(), 130),
        (exits.Terminated(), 143),
        (exits.ClosedPipe(), 141),
        (SystemExit(), 0),
        (SystemExit("a text"), 1),
    ],
)
def test_every_error_has_its_code(error: BaseException, code: int) -> None:
    assert exits.of_error(error) == code


@given(st.lists(st.sampled_from(ORDER), min_size=1))
def test_the_worst_code_wins_whatever_the_order(codes: list[int]) -> None:
    assert exits.worst(codes) == min(codes, key=ORDER.index)


def test_nothing_at_all_is_done() -> None:
    assert exits.worst([]) == 0


def test_a_number_from_nowhere_is_not_swallowed() -> None:
    with pytest.raises(ValueError, match="7"):
        exits.worst([0, 7])


def test_the_precedence_knows_every_code_of_the_table() -> None:
    assert sorted(exits.PRECEDENCE) == sorted(exits.TABLE)
