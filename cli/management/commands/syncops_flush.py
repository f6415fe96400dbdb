"""`manage.py syncops_flush` is `syncops flush`."""

from __future__ import annotations

from cli.management.commands.syncops import Command as Bridge


class Command(Bridge):
    """The verb `flush`."""

    words = ("flush",)
