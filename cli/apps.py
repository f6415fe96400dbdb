"""Tells Django about the command line, so that `manage.py syncops` exists.

The rule: nothing here beyond the name; the terminal has no models and no receivers.
"""

from __future__ import annotations

from django.apps import AppConfig


class CliConfig(AppConfig):
    """The command line as a Django app: only its management commands matter."""

    name = "cli"
    label = "syncops_cli"
    verbose_name = "syncops command line"
