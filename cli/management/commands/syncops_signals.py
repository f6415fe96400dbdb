"""`manage.py syncops_signals` is `syncops signals`."""

from __future__ import annotations

from cli.management.commands.syncops import Command as Bridge


class Command(Bridge):
    """The verb `signals`."""

    words = ("signals",)
