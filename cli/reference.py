"""`docs/commands.md`, made from the command line itself.

The rule: the page is never edited by hand. `python -m cli.reference` writes it, `--check` says whether it is
what would be written.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.exits import TABLE
from cli.main import app
from cli.options import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"

HEAD = """# Commands

Made by `make docs` from the command line itself; a test holds it against what `--help` says. Each verb works as
`syncops VERB …`, as `manage.py syncops VERB …` and as `call_command("syncops", "VERB", …)`, with the same output
and the same exit status.
"""


def text() -> str:
    """The whole page."""
    parts = [HEAD, *_commands(), _shared(), _exits()]
    return "\n".join(parts).rstrip() + "\n"


def _commands() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        yield f"## {name}\n"
        if hasattr(command, "commands"):
            yield f"{inspect.cleandoc(command.help or '')}\n"
            for verb, each in command.commands.items():
                yield f"### {name} {verb}\n"
                yield from _command(f"{name} {verb}", each)
        else:
            yield from _command(name, command)


def _command(name: str, command: Any) -> Iterator[str]:
    shared = {parameter.name for parameter in SHARED}
    own = [each for each in command.params if each.name not in shared]
    arguments = [each for each in own if each.param_type_name == "argument"]
    options = [each for each in own if each.param_type_name == "option" and each.name != "help"]
    words = ["syncops", name, *(each.metavar or each.name.upper() for each in arguments)]
    yield f"    {' '.join([*words, '[OPTIONS]'])}\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    if options:
        yield "| option | variable | meaning |\n|---|---|---|"
        for each in options:
            yield _option(each)
        yield ""


def _option(each: Any) -> str:
    flags = ", ".join(f"`{flag}`" for flag in each.opts)
    choices = getattr(each.type, "choices", None)
    if choices:
        names = [str(getattr(choice, "value", choice)) for choice in choices]
        flags += " " + "\\|".join(names)
    elif not getattr(each, "is_flag", False):
        flags += f" {(each.metavar or each.name.upper()).replace('|', chr(92) + '|')}"
    variable = f"`{each.envvar}`" if each.envvar else ""
    required = " Required." if each.required else ""
    return f"| {flags} | {variable} | {each.help or ''}{required} |"


def _shared() -> str:
    root: Any = typer.main.get_command(app)
    some = root.commands["flush"]
    names = {parameter.name for parameter in SHARED}
    lines = ["## Options of every verb\n", "| option | variable | meaning |\n|---|---|---|"]
    lines += [_option(each) for each in some.params if each.name in names]
    return "\n".join([*lines, ""])


def _exits() -> str:
    lines = ["## Exit status\n", "| status | meaning |\n|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in TABLE.items()]
    return "\n".join([*lines, "", "Several at once: 2 > 1 > 6 > 5 > 75 > 4 > 3 > 0."])


def main(words: list[str]) -> int:
    """Write the page, or with --check compare it; 0 if it is as it should be."""
    if words == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text():
            return 0
        sys.stderr.write("docs/commands.md is not what the command line says; run: make docs\n")
        return 1
    PAGE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
