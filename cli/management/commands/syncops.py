"""The bridge: `manage.py syncops VERB …` and `call_command("syncops", …)` are `syncops VERB …`.

The rule: what is said here goes to `cli.main.run` word for word. Django's own options of a command
(--verbosity, --traceback, --no-color …) do not exist on this side, so none can mean two things; `--settings`
is the exception that proves harmless: manage.py reads it first, and the verb finds Django set up with it.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from cli.discovery import release
from cli.main import run

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Verbatim(CommandParser):
    """A parser that understands nothing, and so can misunderstand nothing."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Namespace:  # type: ignore[override]
        return Namespace(args=tuple(args or ()))


class Command(BaseCommand):
    """Everything the command line can do, inside manage.py."""

    help = "The syncops command line; `syncops --help` lists its verbs."
    #: The words that a subclass says before those that it is given.
    words: tuple[str, ...] = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """A parser that hands everything on."""
        return _Verbatim(prog=f"{prog_name} {subcommand}", add_help=False, **kwargs)

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """What `manage.py help syncops` shows."""
        run([*self.words, "--help"])

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """What manage.py calls. Ends the program with the exit code."""
        try:
            code = run([*self.words, *argv[2:]])
        finally:
            release()
        sys.exit(code)

    def execute(self, *args: Any, **options: Any) -> None:
        """What `call_command` calls. Raises SystemExit with the exit code where it is not 0."""
        with ExitStack() as redirected:
            if options.get("stdout") is not None:
                redirected.enter_context(redirect_stdout(options["stdout"]))
            if options.get("stderr") is not None:
                redirected.enter_context(redirect_stderr(options["stderr"]))
            code = run([*self.words, *args])
        if code:
            raise SystemExit(code)
