"""Who sends: the sender of a connection, from the id that Django keeps of it.

The rule: a sender that cannot be told is called unknown, never guessed. Django 5.2 stores only `id(sender)`;
6.0 and later add a weak reference, which wins where there is one.
"""

from __future__ import annotations

import reprlib
import sys
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, NamedTuple, cast

from django.apps import AppConfig, apps
from django.db.models.base import ModelBase

from syncops.capture.receivers import ANY_SENDER, Connection, dotted, locate

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120


class Sender(NamedTuple):
    """A sender in words. `model` is the label of a model, `app` the app label; None where it is neither."""

    name: str
    model: str | None = None
    app: str | None = None


ANY = Sender("any")
GONE = Sender("(gone)")
UNKNOWN = Sender("(unknown object)")


class Senders:
    """The objects that may send, by the id Django gave them. `heap` is what `gc.get_objects()` returned."""

    def __init__(self, heap: Sequence[object]) -> None:
        self._heap = heap
        self._known: dict[int, object] = {}
        for config in apps.get_app_configs():
            self._known[id(config)] = config
            self._known[id(type(config))] = type(config)
        for model in apps.get_models(include_auto_created=True, include_swapped=True):
            self._known[id(model)] = model

    def of(self, connection: Connection) -> Sender:
        """The sender of `connection`: ANY for `sender=None`, GONE if it is no more, UNKNOWN if untold."""
        if connection.sender_ref is not None:
            sender = connection.sender_ref()
            return GONE if sender is None else describe(sender)
        key = connection.sender_key
        if key == ANY_SENDER:
            return ANY
        if isinstance(key, tuple):
            holder, function = (self._find(part) for part in key)
            if holder is None or not callable(function):
                return UNKNOWN
            return Sender(locate(MethodType(function, holder)).path)
        sender = self._find(key)
        return UNKNOWN if sender is None else describe(sender)

    def _find(self, key: object) -> object:
        if not isinstance(key, int):
            return None
        if key not in self._known:
            self._known[key] = self._search(key)
        return self._known[key]

    def _search(self, key: int) -> object:
        for thing in self._heap:
            if id(thing) == key:
                return thing
        # Texts and numbers are not tracked by the collector; a module's constant is still reachable by name.
        for module in list(sys.modules.values()):
            for thing in list(getattr(module, "__dict__", {}).values()):
                if id(thing) == key:
                    return thing
        return None


def describe(sender: object) -> Sender:
    """Any sender in words: a model's label, a class's dotted path, a text as it is, else "instance of …"."""
    kind = type(sender)
    if issubclass(kind, ModelBase) and hasattr(sender, "_meta"):
        return Sender(sender._meta.label, sender._meta.label, sender._meta.app_label)
    if issubclass(kind, type):
        return Sender(dotted(cast("type", sender)))
    if issubclass(kind, AppConfig):
        return Sender(f"instance of {dotted(kind)}", app=cast("AppConfig", sender).label)
    if kind in (str, bytes, int, float, tuple):
        return Sender(_SHORT.repr(sender))
    if kind is FunctionType:
        return Sender(locate(sender).path)
    return Sender(f"instance of {dotted(kind)}")
