"""System checks: what is wrong with a declaration or a setting, said before it loses a price.

The rule: a check looks at declarations, settings and classes only; none asks a database or a marketplace.

    E001  a path of a Source does not exist             E011  a setting has a value that it cannot have
    E002  a store path does not end in syncops.Store    E012  a provider cannot be used
    E003  a watch does not lead to the product          E013  a database alias does not exist
    E004  a watched field does not exist                E014  SYNCOPS["CREDENTIALS"] cannot be called
    E005  a price is not a DecimalField                 E015  this SQLite is too old
    E006  two sources have one label                    E016  this kind of database is not supported
    W001  a change would go unnoticed                   E017  Django's transactions are laid out differently
"""

from __future__ import annotations

from django.core import checks
from django.core.checks import CheckMessage

from syncops import sources
from syncops.checks.declarations import check_sources
from syncops.checks.environment import check_databases, check_settings
from syncops.checks.layout import check_layout


def register() -> None:
    """Register the checks of syncops. Doing so twice changes nothing."""
    for check in (_check_registered, check_settings, check_databases, check_layout):
        checks.register(check, "syncops")


def _check_registered(**_: object) -> list[CheckMessage]:
    return check_sources(sources.all())
