"""What a verb has in its hand: two screens, a voice, and the answers to the shared options.

The rule: data goes to stdout by `show`, and everything else to stderr, where `-q` silences all but errors
and questions.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from cli.progress import Lines, Progress, Silent, bar
from cli.render import render
from cli.report import Report, document_failure, publish
from cli.screen import Screen
from cli.view import Format, View
from syncops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Session:
    """One run of one verb. `clock` is in seconds and only ever compared with itself."""

    def __init__(
        self,
        *,
        schema: str = "",
        format: Format | None = None,
        quiet: bool = False,
        verbose: bool = False,
        debug: bool = False,
        no_color: bool = False,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.schema, self.quiet, self.verbose, self.debug = schema, quiet, verbose, debug
        self._environ = os.environ if environ is None else environ
        self._no_color, self._clock = no_color, clock
        self._stdin = stdin if stdin is not None else sys.stdin
        self._stdout = stdout if stdout is not None else sys.stdout
        self._stderr = stderr if stderr is not None else sys.stderr
        self.format = format or (Format.TABLE if self.out.terminal else Format.PLAIN)

    @cached_property
    def out(self) -> Screen:
        """Where data goes."""
        return Screen(self._stdout, self._environ, no_color=self._no_color)

    @cached_property
    def err(self) -> Screen:
        """Where talk goes."""
        return Screen(self._stderr, self._environ, no_color=self._no_color)

    def say(self, text: str) -> None:
        """Tell the operator something, unless `-q`."""
        if not self.quiet:
            self.err.line(text)

    def detail(self, text: str) -> None:
        """Tell the operator something that only `-v` asks for."""
        if self.verbose:
            self.err.line(text)

    def show(self, view: View) -> int:
        """Write `view` in the format that was asked for, then its talk; returns its exit code."""
        view = view if view.schema else replace(view, schema=self.schema)
        if not (self.quiet and view.columns and not view.rows and not self.format.structured):
            # Cron mails whatever is printed: with -q, an empty list is nothing at all.
            self.out.write(render(view, self.format, self.out))
        self.out.flush()
        for note in view.notes:
            self.say(note)
        if view.error is not None:
            publish(Report.of(view.error), self.err, debug=self.debug)
        for command in view.next:
            self.say(command)
        return view.exit_code

    def fail(self, error: BaseException) -> int:
        """Tell that the verb ended with `error`, to people and, where asked for, to programs."""
        report = Report.of(error)
        publish(report, self.err, debug=self.debug)
        if self.format.structured:
            indent = 2 if self.format is Format.JSON else None
            document_failure(report, self.out, schema=self.schema, indent=indent)
        return report.exit_code

    def progress(self, description: str, total: int | None = None) -> AbstractContextManager[Progress]:
        """How far this is: a bar on a terminal, a line every ten seconds elsewhere, nothing with `-q`."""
        if self.quiet:
            return nullcontext(Silent())
        if self.err.animated:
            return bar(self.err, description, total)
        return nullcontext(Lines(self.err, description, total, self._clock))

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits at stdin who could answer."""
        return self._stdin is not None and not self._stdin.closed and self._stdin.isatty()

    def confirm(self, question: str) -> bool:
        """Ask on stderr and read one line; only y and yes mean yes, and the end of the input means no.

        Raises UsageError where there is no terminal on stdin: a question is never put to a file.
        """
        if not self.can_ask:
            raise UsageError(
                f"There is no terminal to ask: {question}", hint="Say --yes to go ahead without."
            )
        self.out.flush()
        self.err.write(f"{question} [y/N] ")
        self.err.flush()
        return self._stdin.readline().strip().lower() in ("y", "yes")
