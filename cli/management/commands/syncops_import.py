"""`manage.py syncops_import` is `syncops import`."""

from __future__ import annotations

from cli.management.commands.syncops import Command as Bridge


class Command(Bridge):
    """The verb `import`."""

    words = ("import",)
