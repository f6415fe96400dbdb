"""`syncops VERB`, `manage.py syncops VERB` and `call_command("syncops", …)` are one command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import BaseCommand

from cli.management.commands.syncops import Command

Doors = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
TWINS = ("import", "reconcile", "signals", "flush", "replay")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["probe", "-h"], 0),
        (["--version"], 0),
        (["probe", "--format", "json", "--ending", "leftovers"], 4),
        (["probe", "-v", "-n", "--no-color", "--format", "csv"], 0),
        (["fail", "held", "--format", "json"], 75),
        (["fail", "bug", "--json"], 1),
        (["probe", "--json", "--frob"], 2),
        (["help", "exit-codes"], 0),
        ([], 2),
    ],
)
def test_T01_every_door_gives_the_same_bytes_and_the_same_code(
    both_doors: Doors, words: list[str], code: int
) -> None:
    result = both_doors(*words)
    assert result.code == code
    if "--json" in words or "json" in words:
        assert json.loads(result.out)["exit_code"] == code


def test_T01_the_variables_work_at_every_door(both_doors: Doors) -> None:
    result = both_doors("probe", env={"SYNCOPS_FORMAT": "json", "SYNCOPS_PROBE_BARE_OPTION": "7"})
    assert json.loads(result.out)["told"]["bare"] == 7


def test_T01_django_is_the_same_behind_every_door(both_doors: Doors) -> None:
    content = json.loads(both_doors("boot", "--json").out)
    assert content == {
        "schema": "syncops.boot/1",
        "ok": True,
        "settings": "site_settings",
        "ready": True,
        "name": "site",
        "exit_code": 0,
    }


def test_T01_settings_given_to_manage_py_reach_django_first(site: Any) -> None:
    (site.path / "others.py").write_text("from site_settings import *\nNAME = 'others'\n")
    for door in ("console", "manage"):
        content = json.loads(site.run(door, "boot", "--json", "--settings", "others").out)
        assert (content["settings"], content["name"]) == ("others", "others")
    late = site.run("call", "boot", "--json", "--settings", "others")
    assert (late.code, json.loads(late.out)["error"]["code"]) == (2, "UsageError")


def test_T01_the_twins_under_manage_py(site: Any) -> None:
    plain = site.run("console", "flush", "--dry-run", "--json")
    for script, words in (("manage.py", ["syncops_flush"]), ("call.py", ["syncops_flush"])):
        done = subprocess.run(
            [sys.executable, str(site.path / script), *words, "--dry-run", "--json"],
            cwd=site.path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.returncode) == (plain.out, 0), done.stderr


@pytest.mark.parametrize("twin", TWINS)
def test_T01_a_twin_says_its_verb_first(twin: str) -> None:
    from importlib import import_module

    command = import_module(f"cli.management.commands.syncops_{twin}").Command
    assert issubclass(command, Command)
    assert command.words == (twin,)


def test_T01_django_lists_the_commands_and_helps_with_them(site: Any) -> None:
    shown = subprocess.run(
        [sys.executable, "manage.py", "help", "syncops_flush"],
        cwd=site.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (shown.stdout, shown.returncode) == (site.run("console", "flush", "--help").out, 0)
    listed = subprocess.run(
        [sys.executable, "manage.py", "help", "--commands"],
        cwd=site.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert {"syncops", *(f"syncops_{twin}" for twin in TWINS)} <= set(listed.stdout.split())


def test_T01_call_command_writes_where_it_is_told_to(site: Any) -> None:
    """Also into the `self.stdout` of another command, which adds newlines of its own."""
    (site.path / "outer.py").write_text(
        "import io, sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}]\n"
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'\n"
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from django.core.management.base import OutputWrapper\n"
        "one, two, err = io.StringIO(), io.StringIO(), io.StringIO()\n"
        "call_command('syncops', 'help', 'exit-codes', '--json', stdout=one)\n"
        "call_command('syncops', ['help', 'exit-codes'], '--json', stdout=OutputWrapper(two))\n"
        "try:\n    call_command('syncops', 'help', 'frob', stderr=err)\n"
        "except SystemExit as leaving:\n    assert leaving.code == 2, leaving.code\n"
        "else:\n    raise AssertionError('no SystemExit')\n"
        "assert one.getvalue() == two.getvalue() != '', (one.getvalue(), two.getvalue())\n"
        "assert err.getvalue().startswith('error: '), err.getvalue()\n"
        "try:\n    call_command('syncops', 'help', frob=1)\n"
        "except TypeError as error:\n    assert 'frob' in str(error)\n"
        "else:\n    raise AssertionError('no TypeError')\n"
        "print('fine')\n"
    )
    done = subprocess.run(
        [sys.executable, "outer.py"], cwd=site.path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "fine\n", done.stderr


def test_T01_no_option_of_django_is_in_the_way() -> None:
    parser = Command().create_parser("manage.py", "syncops")
    words = ["flush", "-v", "--verbosity", "--traceback", "--help", "--version", "--settings", "--", "-x"]
    assert parser.parse_args(words).args == tuple(words)
    assert isinstance(Command(), BaseCommand)
