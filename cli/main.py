"""The command line: one Typer application, and the two ways into it, `run` and `main`.

The rule: `run` never exits and never lets an exception out; it returns the exit code. It imports no Django:
a verb does that, once it is really going to run.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from cli import exits
from cli.commands import demo, flush, import_, runs, sandbox, signals, status, stores
from cli.commands import help as help_verb
from cli.options import requested_debug, requested_format
from cli.verbs import schema_of
from syncops import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.session import Session

app = typer.Typer(
    name="syncops",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: Every file of verbs, in the order of `syncops --help`.
FILES = (import_, flush, status, stores, signals, runs, demo, sandbox, help_verb)
for file in FILES:
    app.add_typer(file.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"syncops {__version__}")
        raise typer.Exit


@app.callback()
def syncops(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version.")
    ] = False,
) -> None:
    """Keep marketplaces equal to a Django database."""


def run(argv: Sequence[str] | None = None, *, prog: str = "syncops") -> int:
    """Obey one command line (`sys.argv` without its first word, if none is given); returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    streams = sys.stdout, sys.stderr
    try:
        with _terminable():
            code = _obey(words, prog)
            return exits.worst([code, *(_hand_over(stream) for stream in streams)])
    except KeyboardInterrupt:  # a second one, while the first was being told
        return exits.INTERRUPTED
    except exits.Terminated:
        return exits.TERMINATED
    finally:
        sys.stdout, sys.stderr = streams  # Typer replaces them when a pipe closes under its help


def main() -> NoReturn:
    """The console script."""
    sys.exit(run())


def _obey(words: list[str], prog: str) -> int:
    try:
        outcome = typer.main.get_command(app).main(args=words, prog_name=prog, standalone_mode=False)
    except typer.TyperException as error:
        return _refuse(error, words)
    except typer.Abort:
        return exits.INTERRUPTED
    except SystemExit as leaving:
        reason = leaving.__context__
        if isinstance(reason, OSError) and reason.errno == errno.EPIPE:
            return exits.CLOSED_PIPE
        return exits.of_error(leaving)
    except Exception as error:  # what a verb raises is told by the verb: this is a fault of the frame
        return _session(words).fail(error)
    return outcome if isinstance(outcome, int) else exits.DONE


def _session(words: list[str], schema: str = "") -> Session:
    from cli.session import Session

    wanted, debug = requested_format(words, os.environ), requested_debug(words, os.environ)
    return Session(schema=schema, format=wanted, debug=debug)


def _refuse(error: typer.TyperException, words: list[str]) -> int:
    """Tell about a command line that cannot be obeyed; one without a verb gets the help instead."""
    context = getattr(error, "ctx", None)
    session = _session(words, schema_of(context))
    try:
        if context is not None and type(error).__name__ == "NoArgsIsHelpError":
            session.err.line(error.format_message())
            error = typer.BadParameter("there is no verb", ctx=context, param_hint="VERB")
        return session.fail(error)
    except exits.ClosedPipe:
        return exits.CLOSED_PIPE


def _hand_over(stream: TextIO | None) -> int:
    """Flush `stream`; where nobody reads it any more, or it cannot be written, see that Python does not try
    again when it ends."""
    if stream is None or stream.closed:
        return exits.DONE
    try:
        stream.flush()
    except BrokenPipeError:
        _abandon(stream)
        return exits.CLOSED_PIPE
    except OSError as error:
        _abandon(stream)
        _session([]).err.line(f"error: the output could not be written: {error.strerror}")
        return exits.UNEXPECTED
    return exits.DONE


def _abandon(stream: TextIO) -> None:
    """Point our own stdout or stderr at nothing (https://docs.python.org/3/library/signal.html#note-on-sigpipe)."""
    if stream in (sys.__stdout__, sys.__stderr__):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind the stack, unless the program around us has a handler of its own."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def terminate(_number: int, _frame: object) -> None:
        raise exits.Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    main()
