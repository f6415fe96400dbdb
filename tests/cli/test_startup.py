"""What the command line does not import until it has to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("django", "celery", "kombu", "httpx", "psycopg", "rich")

_SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from cli.main import run
code = run(sys.argv[1:])
import json
print(json.dumps([code, sorted(set(sys.modules) & set({HEAVY!r}))]), file=sys.stderr)
"""


def loaded(*words: str, **environ: str) -> tuple[int, list[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *words],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    code, heavy = json.loads(done.stderr.splitlines()[-1])
    return code, heavy, done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["help", "--help"],
        ["help", "exit-codes"],
        ["help", "exit-codes", "--json"],
        ["frob"],
    ],
)
def test_T09_no_django_and_no_rich(words: list[str]) -> None:
    _, heavy, _ = loaded(*words)
    assert heavy == []


def test_T09_completion_imports_no_django() -> None:
    bash = {"COMP_WORDS": "syncops he", "COMP_CWORD": "1", "_SYNCOPS_COMPLETE": "complete_bash"}
    code, heavy, out = loaded(**bash)
    assert (code, heavy, out) == (0, [], "help\n")
    bash = {"COMP_WORDS": "syncops help --no", "COMP_CWORD": "2", "_SYNCOPS_COMPLETE": "complete_bash"}
    assert loaded(**bash) == (0, [], "--no-color\n")
    for shell in ("zsh", "fish"):
        words = {"_TYPER_COMPLETE_ARGS": "syncops he", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        code, heavy, out = loaded(**words, _SYNCOPS_COMPLETE=f"complete_{shell}")
        assert code == 0
        assert "help" in out
        assert set(heavy) <= {
            "rich"
        }  # Typer itself renders the help of an item with it, where it is installed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_T09_the_completion_script_imports_no_django(shell: str) -> None:
    code, heavy, out = loaded(_SYNCOPS_COMPLETE=f"source_{shell}")
    assert (code, heavy) == (0, [])
    assert "_SYNCOPS_COMPLETE" in out


def test_T09_the_bare_frame_of_a_verb_is_not_built_before_it_is_asked_for() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import typer
from cli.main import app
command = typer.main.get_command(app).commands["help"]
assert command._real is None
assert command.params and command._real is not None
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
