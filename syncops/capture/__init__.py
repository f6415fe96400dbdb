"""Capture: notice every committed change, whoever made it.

The rule: over-marking is allowed, because the price is read when it is sent; under-marking never is.
"""

from __future__ import annotations

from syncops.capture import switch, watchers


def connect() -> None:
    """Connect the watchers of every registered Source. Called once, when Django is ready."""
    watchers.connect()
    switch.connect()
