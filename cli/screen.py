"""One stream and what may be written to it: is it a terminal, may it have colour, may things move on it.

The rule: stdout and stderr are judged separately, and a stream that is no terminal never gets an escape
sequence, whatever the environment says. Rich guesses from GITHUB_ACTIONS, FORCE_COLOR and friends, so it
is always told, never asked (https://no-color.org, https://force-color.org).
"""

from __future__ import annotations

import io
import re
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from cli.exits import ClosedPipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

#: Control characters, line separators, bidirectional overrides and lone surrogates: what a hostile product
#: name would use to rewrite a terminal.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_PIPE_WIDTH = 10_000


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def visible(text: str) -> str:
    """`text` on one line, with everything that could move a cursor written out as its escape."""
    return _CONTROLS.sub(_escape, text)


class Screen:
    """A stream to write to. `terminal`, `colour` and `animated` say what it can bear."""

    def __init__(self, stream: TextIO | None, environ: Mapping[str, str], *, no_color: bool = False) -> None:
        self.stream: TextIO = io.StringIO() if stream is None else stream
        self.terminal = self.stream.isatty()
        term = environ.get("TERM", "").lower()
        self.animated = self.terminal and term not in ("", "dumb", "unknown")
        refused = no_color or bool(environ.get("NO_COLOR")) or term == "dumb"
        self.colour = self.terminal and not refused and (self.animated or bool(environ.get("FORCE_COLOR")))
        self.live = False

    @property
    def unicode(self) -> bool:
        """Whether every character can be written here as it is."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig")

    @cached_property
    def console(self) -> Console:
        """A Rich console for this stream. Importing Rich costs as much as `--help`, so only on demand."""
        from rich.console import Console

        return Console(
            file=self.stream,
            force_terminal=self.terminal,
            force_interactive=self.animated,
            color_system="auto" if self.colour else None,
            no_color=not self.colour,
            width=None if self.terminal else _PIPE_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def write(self, text: str) -> None:
        """Write `text` as it is; a character that the stream cannot encode becomes its escape.

        Raises ClosedPipe when whoever was reading has gone.
        """
        if self.live:  # a bar is being drawn here, and Rich has to lift it out of the way
            self.console.print(text.removesuffix("\n"), soft_wrap=True)
            return
        if not self.unicode:
            encoding = self.stream.encoding
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self.stream.write(text)
        except BrokenPipeError:
            raise ClosedPipe from None

    def line(self, text: str) -> None:
        """Write each line of `text`, made visible, and hand it over at once."""
        self.write("".join(f"{visible(line)}\n" for line in text.splitlines() or [""]))
        self.flush()

    def flush(self) -> None:
        """Hand over what is buffered. Raises ClosedPipe when whoever was reading has gone."""
        try:
            self.stream.flush()
        except BrokenPipeError:
            raise ClosedPipe from None
