"""Which Django project to work on: found in one fixed order, and set up once.

The rule: looking runs nothing that it found. manage.py is parsed, not executed; the first source that names
a module decides, and if that module is not there the search does not go on to a project nobody meant.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncops.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "DJANGO_SETTINGS_MODULE"
#: The project that comes with syncops, used where nobody names another.
SHIPPED = "project.settings"


class BrokenSettingsError(ConfigurationError):
    """The settings module was found and could not be imported; its own traceback says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A settings module: its dotted name, what named it, where to import it from, and what was tried."""

    module: str
    origin: str
    roots: tuple[Path, ...]
    tried: tuple[str, ...]


def nearest(name: str, start: Path) -> Path | None:
    """The file `name` in `start` or the closest directory above it."""
    return next((at / name for at in (start, *start.parents) if (at / name).is_file()), None)


def _from_pyproject(path: Path) -> str | None:
    """`[tool.syncops] settings`, if it is there. Raises ConfigurationError for a file that is not TOML."""
    import tomllib

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    tool = content.get("tool")
    table = tool.get("syncops") if isinstance(tool, dict) else None
    named = table.get("settings") if isinstance(table, dict) else None
    if named is None or (isinstance(named, str) and named):
        return named
    raise ConfigurationError(
        f"{path}: [tool.syncops] settings has to be a dotted name in quotes",
        hint='settings = "mysite.settings"',
    )


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _named_by(node: ast.AST) -> str | None:
    """The module that `setdefault(VARIABLE, "…")` or `environ[VARIABLE] = "…"` names."""
    if isinstance(node, ast.Call) and len(node.args) > 1 and _text(node.args[0]) == VARIABLE:
        return _text(node.args[1])
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _text(target.slice) == VARIABLE:
                return _text(node.value)
    return None


def _from_manage(path: Path) -> str:
    """The settings module that a manage.py sets. Raises ConfigurationError where it names none.

    A manage.py belongs to a project that somebody works on, so one that cannot be understood ends the search:
    going on would mean the tables of another project.
    """
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} cannot be parsed: {error}", hint="--settings MODULE") from error
    named = [name for node in ast.walk(tree) if (name := _named_by(node))]
    if named:
        return named[0]
    raise ConfigurationError(f"{path} names no {VARIABLE} that can be read", hint="--settings MODULE")


def find(settings: str | None, start: Path, environ: Mapping[str, str]) -> Found:
    """The settings module for a command that is run in `start` with `--settings` as given.

    Raises ConfigurationError where a file on the way is not what it has to be.
    """
    manage, pyproject = nearest("manage.py", start), nearest("pyproject.toml", start)
    around = tuple(dict.fromkeys([*(path.parent for path in (manage, pyproject) if path), start]))
    tried = []
    if settings:
        return Found(settings, "--settings", around, (f"--settings: {settings}",))
    tried.append("--settings: not given")
    if named := environ.get(VARIABLE):
        return Found(named, VARIABLE, around, (*tried, f"{VARIABLE}: {named}"))
    tried.append(f"{VARIABLE}: not set")
    if pyproject is None:
        tried.append(f"pyproject.toml: none in {start} or above")
    elif in_toml := _from_pyproject(pyproject):
        roots = tuple(dict.fromkeys([pyproject.parent, *around[:-1]]))
        return Found(in_toml, str(pyproject), roots, (*tried, f"{pyproject}: {in_toml}"))
    else:
        tried.append(f"{pyproject}: no [tool.syncops] settings")
    if manage is not None:
        in_manage = _from_manage(manage)
        return Found(in_manage, str(manage), (manage.parent,), (*tried, f"{manage}: {in_manage}"))
    tried.append(f"manage.py: none in {start} or above")
    return Found(SHIPPED, "the project that ships", (), (*tried, f"the project that ships: {SHIPPED}"))


def load(found: Found) -> None:
    """Import the settings module, and make it the one that Django uses.

    Raises ConfigurationError where there is no such module, and BrokenSettingsError, with the cause, where
    there is one and it failed while it was being imported.
    """
    sys.path[:0] = [str(root) for root in found.roots if str(root) not in sys.path]
    importlib.invalidate_caches()
    try:
        importlib.import_module(found.module)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{found.module}.".startswith(f"{missing}."):
            raise ConfigurationError(
                f"There is no settings module {found.module!r} (named by {found.origin}).",
                hint="\n".join(["Tried, in this order:", *(f"  {line}" for line in found.tried)]),
            ) from None
        raise BrokenSettingsError(
            f"The settings module {found.module!r} (named by {found.origin}) failed: {error}"
        ) from error
    os.environ[VARIABLE] = found.module


def ready() -> bool:
    """Whether Django is set up already, as it is under manage.py."""
    registry = sys.modules.get("django.apps")
    return registry is not None and bool(registry.apps.ready)


def boot(settings: str | None = None, project_dir: Path | None = None) -> Found | None:
    """Set Django up, unless it is; returns what was found, or None where Django was ready.

    Raises UsageError for a project directory that is none, or for other settings than the running ones;
    ConfigurationError as `find` and `load` do, and where Django refuses the settings.
    """
    if ready():
        running = os.environ.get(VARIABLE, "")
        if settings and settings != running:
            raise UsageError(
                f"Django runs with {running or 'settings of its own'} already: --settings is too late.",
                hint=f"Set {VARIABLE} before Django starts.",
            )
        return None
    start = (project_dir or Path()).absolute()
    if not start.is_dir():
        raise UsageError(f"--project-dir {start} is not a directory.")
    found = find(settings, start.resolve(), os.environ)
    load(found)
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise ConfigurationError(f"Django refuses {found.module}: {error}") from error
    return found


def release() -> None:
    """Close the database connections of this thread, as Django's own commands do at their end."""
    database = sys.modules.get("django.db")
    if database is not None:
        database.connections.close_all()
