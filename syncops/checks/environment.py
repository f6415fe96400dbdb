"""What is wrong with the settings and with what this machine has.

The rule: nothing is connected to; a database is judged by what Django knows of it beforehand.
"""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from typing import cast

from django.core import checks
from django.core.checks import CheckMessage
from django.db import connections
from django.utils.connection import ConnectionDoesNotExist
from django.utils.module_loading import import_string

from syncops import conf
from syncops.errors import ConfigurationError, SyncopsError
from syncops.providers import registry
from syncops.providers.base import Provider

#: RETURNING, which tells what a statement hit, came with this one (sqlite.org/lang_returning.html).
OLDEST_SQLITE = (3, 35, 0)


def check_settings(**_: object) -> list[CheckMessage]:
    """What is wrong with SYNCOPS."""
    hint = "syncops.conf.Settings has every key with its default."
    try:
        settings = conf.get()
        aliases = settings.providers
    except ConfigurationError as error:
        return [checks.Error(f"{error}.", hint=error.hint or hint, id="syncops.E011")]
    except (TypeError, ValueError) as error:
        return [checks.Error(f"SYNCOPS cannot be read: {error}.", hint=hint, id="syncops.E011")]
    found: list[CheckMessage] = []
    for each in fields(settings):
        value = getattr(settings, each.name)
        if each.type in {"float", "int", "float | None"} and not _is_amount(value, str(each.type)):
            text = f'SYNCOPS["{each.name}"] is {value!r}, not a number over 0.'
            found.append(checks.Error(text, hint=hint, id="syncops.E011"))
    for alias in aliases:
        found += _check_provider(alias)
    try:
        usable = callable(import_string(settings.CREDENTIALS))
    except (ImportError, AttributeError):
        usable = False
    if not usable:
        text = f'SYNCOPS["CREDENTIALS"] is {settings.CREDENTIALS!r}, and nothing there can be called.'
        hint = "It is the dotted path of a function from a store's slug to its secrets by name."
        found.append(checks.Error(text, hint=hint, id="syncops.E014"))
    return found


def _is_amount(value: object, kind: str) -> bool:
    if value is None:
        return kind == "float | None"
    number = isinstance(value, int) if kind == "int" else isinstance(value, int | float)
    return number and not isinstance(value, bool) and 0 < cast("float", value) < float("inf")


def _check_provider(alias: str) -> Iterable[CheckMessage]:
    hint = "SYNCOPS['PROVIDERS'] is {alias: dotted path of a syncops.providers.base.Provider}."
    try:
        found = registry.find(alias)
    except SyncopsError as error:
        yield checks.Error(f"{error}.", hint=error.hint or hint, id="syncops.E012")
        return
    if not inspect.isclass(found) or not issubclass(found, Provider):
        yield checks.Error(
            f"Provider {alias!r}: {found!r} is not a Provider class.", hint=hint, id="syncops.E012"
        )
    elif inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        text = f"Provider {alias!r}: {found.__name__} does not say how to {missing}."
        yield checks.Error(text, hint="docs/providers.md says what each has to do.", id="syncops.E012")


def check_databases(**_: object) -> list[CheckMessage]:
    """Whether the databases that syncops is to work on exist and can do it. Connects to none of them."""
    return list(_check_databases(sqlite3.sqlite_version_info))


def _check_databases(sqlite: tuple[int, ...]) -> Iterable[CheckMessage]:
    try:
        aliases = conf.get().DATABASES
    except (ConfigurationError, TypeError, ValueError):
        return  # E011 says so
    if isinstance(aliases, str) or not aliases:
        text = f'SYNCOPS["DATABASES"] is {aliases!r}, not some aliases.'
        yield checks.Error(text, hint='One alias alone is ("default",), with a comma.', id="syncops.E013")
        return
    for alias in aliases:
        try:
            vendor = connections[alias].vendor
        except ConnectionDoesNotExist:
            text = f'SYNCOPS["DATABASES"]: there is no database {alias!r}.'
            hint = f"DATABASES has: {', '.join(sorted(connections))}"
            yield checks.Error(text, hint=hint, id="syncops.E013")
            continue
        if vendor == "sqlite" and sqlite < OLDEST_SQLITE:
            has, needs = (".".join(map(str, version)) for version in (sqlite, OLDEST_SQLITE))
            text = f"Database {alias!r}: this Python has SQLite {has}, and syncops needs {needs}."
            hint = "Use PostgreSQL, or a Python that was built with a newer SQLite."
            yield checks.Error(text, hint=hint, id="syncops.E015")
        elif vendor not in {"sqlite", "postgresql"}:
            text = f"Database {alias!r}: syncops does not work on {vendor}."
            yield checks.Error(text, hint="It works on PostgreSQL and SQLite.", id="syncops.E016")
