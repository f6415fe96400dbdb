"""The options that mean the same in every verb, defined once.

The rule: each has a SYNCOPS_… variable, and what is typed beats what the environment says.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.view import Format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", "-n", envvar="SYNCOPS_DRY_RUN", help="Show what would be done; write nothing."),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", envvar="SYNCOPS_YES", help="Answer every question with yes.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, envvar="SYNCOPS_LIMIT", help="Stop after so many.")
]
Stores = Annotated[
    list[str] | None,
    typer.Option(
        "--store",
        metavar="GLOB",
        envvar="SYNCOPS_STORE",
        help="Only stores whose slug matches; may be repeated (in the variable: separated by spaces).",
    ),
]

_FORMAT = Annotated[
    Format | None,
    typer.Option(
        "--format",
        envvar="SYNCOPS_FORMAT",
        help="How the data on stdout looks; table on a terminal, plain elsewhere.",
    ),
]
_JSON = Annotated[bool, typer.Option("--json", envvar="SYNCOPS_JSON", help="Short for --format json.")]
_QUIET = Annotated[
    bool, typer.Option("--quiet", "-q", envvar="SYNCOPS_QUIET", help="Say nothing on stderr but errors.")
]
_VERBOSE = Annotated[
    bool, typer.Option("--verbose", "-v", envvar="SYNCOPS_VERBOSE", help="Say more on stderr.")
]
_DEBUG = Annotated[
    bool, typer.Option("--debug", envvar="SYNCOPS_DEBUG", help="Show a traceback for every error.")
]
_NO_COLOR = Annotated[
    bool, typer.Option("--no-color", envvar="SYNCOPS_NO_COLOR", help="No colour, even on a terminal.")
]
_SETTINGS = Annotated[
    str | None,
    typer.Option("--settings", metavar="MODULE", envvar="SYNCOPS_SETTINGS", help="The Django settings."),
]
_PROJECT_DIR = Annotated[
    Path | None,
    typer.Option(
        "--project-dir",
        metavar="DIR",
        envvar="SYNCOPS_PROJECT_DIR",
        help="Where to look for the project, instead of here.",
    ),
]


def _shared(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


#: What `cli.verbs.verb` appends to the parameters of every verb.
SHARED = (
    _shared("format", _FORMAT, None),
    _shared("as_json", _JSON, False),
    _shared("quiet", _QUIET, False),
    _shared("verbose", _VERBOSE, False),
    _shared("debug", _DEBUG, False),
    _shared("no_color", _NO_COLOR, False),
    _shared("settings", _SETTINGS, None),
    _shared("project_dir", _PROJECT_DIR, None),
)


def chosen_format(context: typer.Context, named: Format | None, as_json: bool) -> Format | None:
    """The one format that `--format` and `--json` ask for; what was typed beats a variable.

    Raises typer.BadParameter where both were typed and differ.
    """

    def typed(name: str) -> bool:
        source = context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

    if not as_json or named is None:
        return Format.JSON if as_json else named
    if typed("format") and typed("as_json") and named is not Format.JSON:
        raise typer.BadParameter(f"--json and --format {named.value} contradict each other", ctx=context)
    return named if typed("format") else Format.JSON


def requested_format(argv: Sequence[str], environ: Mapping[str, str]) -> Format | None:
    """The format that a command line asks for, read without parsing: it may be faulty."""
    named = Format.JSON.value if _yes(environ.get("SYNCOPS_JSON")) else environ.get("SYNCOPS_FORMAT", "")
    for position, word in enumerate(argv):
        if word == "--":
            break
        if word == "--json":
            named = Format.JSON.value
        elif word == "--format":
            named = argv[position + 1] if position + 1 < len(argv) else ""
        elif word.startswith("--format="):
            named = word.removeprefix("--format=")
    return next((known for known in Format if known.value == named), None)


def requested_debug(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a command line asks for tracebacks, read without parsing it."""
    return "--debug" in argv or _yes(environ.get("SYNCOPS_DEBUG"))


def _yes(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "t", "yes", "y", "on")
