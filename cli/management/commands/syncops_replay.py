"""`manage.py syncops_replay` is `syncops replay`."""

from __future__ import annotations

from cli.management.commands.syncops import Command as Bridge


class Command(Bridge):
    """The verb `replay`."""

    words = ("replay",)
