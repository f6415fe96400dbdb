"""Real pseudo terminals, signals and pipes, kept in step by what the program says."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

Start = Callable[..., Any]


def test_T03_T05_a_terminal_gets_a_table_in_colour(terminal: Start) -> None:
    shown = terminal("probe")
    result = shown.finish()
    assert result.code == 0
    assert "\x1b[1m" in shown.seen
    assert "─" in shown.seen
    assert "\x1b[31m" not in shown.seen  # the hostile name paints nothing
    assert "\\x1b[31mred" in shown.seen


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["--no-color"], {}),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}),
        ([], {"TERM": "dumb"}),
        ([], {"SYNCOPS_NO_COLOR": "1"}),
    ],
)
def test_T05_a_terminal_without_colour_gets_a_table_all_the_same(
    terminal: Start, words: list[str], environ: dict[str, str]
) -> None:
    shown = terminal("probe", *words, **environ)
    shown.finish()
    assert "\x1b" not in shown.seen
    assert "─" in shown.seen


def test_T05_only_the_stream_that_is_a_terminal_has_colour(terminal: Start) -> None:
    environ = {"GITHUB_ACTIONS": "true", "CI": "true", "FORCE_COLOR": "1"}
    piped_out = terminal("work", terminals="in err", **environ)
    result = piped_out.finish()
    assert "\x1b[" in piped_out.seen
    assert result.out == "field\tvalue\ndone\t3\n"
    piped_err = terminal("probe", terminals="in out", **environ)
    result = piped_err.finish()
    assert "\x1b[1m" in piped_err.seen
    assert "\x1b" not in result.err
    assert "noted" in result.err


@pytest.mark.parametrize(
    "words", [["probe"], ["probe", "--format", "table"], ["--help"], ["work"], ["fail", "bug"]]
)
def test_T05_no_escape_in_pipes(site: Any, words: list[str]) -> None:
    env = {
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "FORCE_COLOR": "1",
        "PY_COLORS": "1",
        "TERM": "xterm-256color",
    }
    result = site.run("console", *words, env=env)
    assert result.out + result.err
    assert "\x1b" not in result.out + result.err


def test_T06_bars_on_a_terminal_and_not_when_quiet(terminal: Start) -> None:
    loud, quiet = terminal("work", terminals="err"), terminal("work", "-q", terminals="err")
    assert loud.finish().out == quiet.finish().out
    assert "3/3" in loud.seen
    assert quiet.seen == ""


def test_T07_a_question_is_answered_on_a_terminal(terminal: Start) -> None:
    asked = terminal("ask", "--json", terminals="in err")
    asked.read_until("Really? [y/N] ")
    asked.type("y\n")
    result = asked.finish()
    assert json.loads(result.out)["answer"] is True


def test_T07_and_refused_without_one(terminal: Start) -> None:
    asked = terminal("ask", "--json", terminals="out err")
    result = asked.finish()
    assert result.code == 2
    assert "Really? [y/N]" not in asked.seen
    assert "--yes" in asked.seen


def test_T08_ctrl_c_on_a_terminal(terminal: Start) -> None:
    waiting = terminal("wait")
    waiting.read_until("ready")
    waiting.type("\x03")
    result = waiting.finish()
    assert result.code == 130
    assert "Traceback" not in waiting.seen
    assert "state saved" in waiting.seen


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


@pytest.mark.parametrize("door", ["console", "manage"])
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")]
)
def test_T08_signals_unwind_in_silence(
    site: Any, door: str, number: signal.Signals, code: int, word: str
) -> None:
    program = site.start(door, "wait", "--format", "json")
    assert line_of(program.stderr) == "ready\n"
    program.send_signal(number)
    out, err = program.communicate(timeout=60)
    assert program.returncode == code
    assert err == "state saved\n"
    content = json.loads(out)
    assert (content["ok"], content["error"]["code"], content["exit_code"]) == (False, word, code)


@pytest.mark.parametrize("door", ["console", "manage"])
def test_T08_a_closed_pipe_is_silent(site: Any, door: str) -> None:
    program = site.start(door, "flood")
    assert line_of(program.stdout) == "n\n"
    assert program.stdout is not None
    program.stdout.close()
    assert program.stderr is not None
    assert program.stderr.read() == ""
    assert program.wait(timeout=60) == 141
    program.stderr.close()


@pytest.mark.parametrize("words", [["--help"], ["probe", "-q"], ["--version"], ["fail", "usage", "--json"]])
@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_T08_a_pipe_that_was_never_open(site: Any, words: list[str], env: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = site.start("console", *words, stdout=writing, env=env)
    os.close(writing)
    _, err = program.communicate(timeout=60)
    assert program.returncode == 141
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_T08_stderr_may_close_too(site: Any) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = site.start("console", "probe", stderr=writing)
    os.close(writing)
    program.communicate(timeout=60)
    assert program.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_T08_a_full_disk_is_not_a_success(site: Any) -> None:
    with Path("/dev/full").open("w") as full:
        program = site.start("console", "probe", stdout=full.fileno())
        _, err = program.communicate(timeout=60)
    assert program.returncode == 1
    assert "No space left" in err
    assert "Exception ignored" not in err
