"""`manage.py syncops_reconcile` is `syncops reconcile`."""

from __future__ import annotations

from cli.management.commands.syncops import Command as Bridge


class Command(Bridge):
    """The verb `reconcile`."""

    words = ("reconcile",)
