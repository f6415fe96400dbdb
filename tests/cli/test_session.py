"""Screens judged one by one, progress, questions: with injected streams, clock and environment."""

from __future__ import annotations

import io
import sys

import pytest

from cli.screen import Screen
from cli.session import Session
from cli.view import Format
from syncops.errors import UsageError


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


PIPES = [
    {},
    {"FORCE_COLOR": "1"},
    {"GITHUB_ACTIONS": "true"},
    {"CI": "true", "PY_COLORS": "1", "CLICOLOR_FORCE": "1", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"},
]


@pytest.mark.parametrize("environ", PIPES)
def test_T05_a_pipe_has_no_colour_whatever_the_environment_says(environ: dict[str, str]) -> None:
    screen = Screen(io.StringIO(), {"TERM": "xterm-256color", **environ})
    assert (screen.terminal, screen.colour, screen.animated) == (False, False, False)


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False),
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
    ],
)
def test_T05_colour_on_a_terminal(environ: dict[str, str], colour: bool) -> None:
    assert Screen(Tty(), environ).colour is colour
    assert Screen(Tty(), environ, no_color=True).colour is False


def test_T05_stdout_and_stderr_are_judged_separately() -> None:
    session = Session(stdout=io.StringIO(), stderr=Tty(), environ={"TERM": "xterm"})
    assert (session.out.colour, session.err.colour) == (False, True)
    assert session.format is Format.PLAIN
    session = Session(stdout=Tty(), stderr=io.StringIO(), environ={"TERM": "xterm"})
    assert (session.out.colour, session.err.colour) == (True, False)
    assert session.format is Format.TABLE


def test_T06_without_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    err, clock = io.StringIO(), Clock()
    session = Session(stdout=Tty(), stderr=err, environ={"TERM": "xterm"}, clock=clock)
    with session.progress("sending", total=30) as progress:
        for _ in range(30):
            clock.now += 1
            progress.advance()
    assert err.getvalue() == "sending: 10 of 30\nsending: 20 of 30\nsending: 30 of 30\n"


def test_T06_a_total_that_nobody_knows() -> None:
    err, clock = io.StringIO(), Clock()
    with Session(stderr=err, clock=clock).progress("reading") as progress:
        progress.advance(4)
        clock.now += 11
        progress.advance(4)
    assert err.getvalue() == "reading: 8\n"


def test_T06_quiet_and_dumb_terminals() -> None:
    err, clock = Tty(), Clock()
    for session in (
        Session(stderr=err, environ={"TERM": "xterm"}, quiet=True, clock=clock),
        Session(stderr=err, environ={"TERM": "dumb"}, clock=clock),
    ):
        with session.progress("sending", total=1) as progress:
            progress.advance()
    assert err.getvalue() == ""


def test_T06_a_bar_on_a_terminal_leaves_room_for_talk(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = io.StringIO(), Tty()
    session = Session(stdout=out, stderr=err, environ={"TERM": "xterm"})
    with session.progress("sending", total=2) as progress:
        progress.advance()
        session.say("one [bold]done[/bold]")
        sys.stdout.write("data of somebody else")
        progress.advance()
    shown = err.getvalue()
    assert "one [bold]done[/bold]" in shown
    assert "2/2" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor comes back
    assert out.getvalue() == ""
    assert capsys.readouterr().out == "data of somebody else"


@pytest.mark.parametrize(
    ("answer", "yes"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False), ("yup\n", False)],
)
def test_T07_a_question_goes_to_stderr_even_when_quiet(answer: str, yes: bool) -> None:
    out, err = io.StringIO(), io.StringIO()
    session = Session(stdin=Tty(answer), stdout=out, stderr=err, quiet=True)
    assert session.confirm("Send 3 prices?") is yes
    assert (out.getvalue(), err.getvalue()) == ("", "Send 3 prices? [y/N] ")


def test_T07_nobody_is_asked_where_nobody_sits() -> None:
    err = io.StringIO()
    session = Session(stdin=io.StringIO("y\n"), stdout=Tty(), stderr=err)
    assert not session.can_ask
    with pytest.raises(UsageError, match="no terminal") as caught:
        session.confirm("Send 3 prices?")
    assert "--yes" in caught.value.hint
    assert err.getvalue() == ""
