"""The inventory of signal receivers: who listens to what, in which order, and who only seems to (C40).

The rule: looking changes nothing. Dead receivers are read where they lie, not purged; nothing is called,
no query is made. The heap is walked once (see signal_names) and kept for the search of senders.
"""

from __future__ import annotations

import gc
import inspect
import reprlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models.signals import ModelSignal, class_prepared

from syncops.capture.receivers import Connection, Owner, Place, locate, owner_of, read_entry
from syncops.capture.senders import ANY, Sender, Senders
from syncops.capture.signal_names import is_signal, named_signals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from django.dispatch import Signal

#: Our own signals whose sender is a model (C35), beside Django's ModelSignal objects.
_BULK_SIGNALS = tuple(
    f"syncops.signals.{name}"
    for name in ("pre_update", "post_update", "post_bulk_create", "post_bulk_update", "post_queryset_delete")
)
_UID = reprlib.Repr()
_UID.maxstring = _UID.maxother = 200


@dataclass(frozen=True, slots=True)
class Receiver:
    """One receiver of one signal.

    `order` is its place when the signal is sent: Django calls synchronous receivers in the order of
    connection and then starts the asynchronous ones together; a dead one is never called and has None.
    `dead` is true if the receiver or its sender is gone, or the sender never came ("… (unresolved)").
    `model` is the label of the sending model, `apps` the labels of the apps of sender and receiver, and
    `any_model` says that it hears every model.
    """

    signal: str
    sender: str
    receiver: str
    file: str | None
    line: int | None
    dispatch_uid: str | None
    weak: bool
    dead: bool
    is_async: bool
    owner: Owner
    order: int | None
    model: str | None = None
    apps: frozenset[str] = frozenset()
    any_model: bool = False

    def record(self) -> dict[str, str | int | bool | None]:
        """The fields of T25, under their names there."""
        return {
            "signal": self.signal,
            "sender": self.sender,
            "receiver": self.receiver,
            "file": self.file,
            "line": self.line,
            "dispatch_uid": self.dispatch_uid,
            "weak": self.weak,
            "dead": self.dead,
            "async": self.is_async,
            "owner": self.owner,
            "order": self.order,
        }


@dataclass(frozen=True, slots=True)
class Inventory:
    """Every signal by name, also those without a receiver, and every receiver, sorted by signal and order."""

    signals: tuple[str, ...]
    receivers: tuple[Receiver, ...]


def inventory() -> Inventory:
    """The receivers of this Python program as they are now. Needs `django.setup()`."""
    heap = gc.get_objects()
    signals = named_signals(heap)
    senders = Senders(heap)
    waiting: dict[int, list[tuple[Connection, Sender]]] = {}
    for signal, connection, sender in _unresolved():
        waiting.setdefault(id(signal), []).append((connection, sender))
    rows: list[Receiver] = []
    for name, signal in sorted(signals.items()):
        connected = [(found, senders.of(found)) for found in connections_of(signal)]
        rows += in_order(name, signal, connected + waiting.get(id(signal), []))
    return Inventory(tuple(sorted(signals)), tuple(rows))


def connections_of(signal: Signal) -> list[Connection]:
    """What is connected to `signal`, in the order of connection, dead ones included."""
    return [read_entry(entry) for entry in list(getattr(signal, "receivers", ()))]


def in_order(name: str, signal: Signal, found: Iterable[tuple[Connection, Sender]]) -> list[Receiver]:
    """The receivers of one signal in the order in which `Signal.send` reaches them, the dead ones last."""
    ranked = sorted(found, key=lambda pair: (pair[0].dead, not pair[0].dead and pair[0].is_async))
    about_models = isinstance(signal, ModelSignal) or signal is class_prepared or name in _BULK_SIGNALS
    return [
        _receiver(name, connection, sender, None if connection.dead else order, about_models)
        for order, (connection, sender) in enumerate(ranked, start=1)
    ]


def _receiver(
    signal: str, connection: Connection, sender: Sender, order: int | None, about_models: bool
) -> Receiver:
    gone = connection.target is None
    place = Place("(gone)", None, None, owner_of(None)) if gone else locate(connection.target)
    config = apps.get_containing_app_config(place.path)
    uid = connection.uid
    return Receiver(
        signal=signal,
        sender=sender.name,
        receiver=place.path,
        file=place.file,
        line=place.line,
        dispatch_uid=uid if uid is None or isinstance(uid, str) else _UID.repr(uid),
        weak=connection.weak,
        dead=connection.dead,
        is_async=connection.is_async,
        owner=place.owner,
        order=order,
        model=sender.model,
        apps=frozenset(label for label in (sender.app, config.label if config else None) if label),
        any_model=about_models and sender is ANY,
    )


def _unresolved() -> Iterator[tuple[Signal, Connection, Sender]]:
    """Receivers that wait for a model named as text and not loaded: they are connected to nothing.

    `ModelSignal.connect(sender="app.Model")` leaves `partial(Signal.connect of the signal, receiver, …)` in
    `apps._pending_operations` (django/db/models/signals.py, django/apps/registry.py; same in 5.2-6.1).
    Django keeps the model's name in lower case.
    """
    pending: Mapping[tuple[str, str], list[Any]] = getattr(apps, "_pending_operations", {})
    for (app, model), operations in list(pending.items()):
        for operation in list(operations):
            wanted = getattr(operation, "func", None)
            if not isinstance(wanted, partial) or not wanted.args:
                continue
            signal = getattr(wanted.func, "__self__", None)
            if is_signal(signal) and getattr(wanted.func, "__name__", "") == "connect":
                receiver, options = wanted.args[0], wanted.keywords
                yield (
                    signal,
                    Connection(
                        target=receiver,
                        uid=options.get("dispatch_uid") or None,
                        sender_key=None,
                        sender_ref=None,
                        weak=options.get("weak", True),
                        dead=True,
                        is_async=inspect.iscoroutinefunction(receiver),
                    ),
                    Sender(f"{app}.{model} (unresolved)", f"{app}.{model}", app),
                )
