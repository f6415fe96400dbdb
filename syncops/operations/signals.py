"""Who listens to what: the operations behind `syncops signals …` (C40; check, audit, coverage join it).

The rule: an empty answer means that nobody listens. A signal, model or app that does not exist is a
UsageError, so that a misspelt filter is never read as "no receivers".
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from django.apps import apps

from syncops.capture.inventory import Inventory, Receiver, inventory
from syncops.errors import UsageError
from syncops.values import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class TriggerState:
    """A database trigger of ours on a watched table, and how it stands: missing, stale, disabled or ok."""

    table: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class SignalsListed:
    """The receivers asked for, by signal and order. `triggers` is empty until there are triggers."""

    receivers: tuple[Receiver, ...]
    triggers: tuple[TriggerState, ...] = ()
    ending: Ending = Ending.DONE


def list_receivers(
    *, signal: str | None = None, model: str | None = None, app: str | None = None, mine: bool = False
) -> SignalsListed:
    """The receivers of every signal that is loaded; the filters narrow them together.

    `signal` is a dotted path or its end ("post_save"). `model` is "app.Model": what is connected to it, and
    what hears every model. `app` is an app label: the same for all its models, and what its own code listens
    to. `mine` leaves out Django's and third-party receivers. Case does not matter.

    Raises UsageError for a signal, model or app that does not exist.
    """
    known = inventory()
    rows: Iterable[Receiver] = known.receivers
    if signal is not None:
        names = _signals_called(signal, known)
        rows = [row for row in rows if row.signal in names]
    if model is not None:
        _require_model(model, known)
        rows = [row for row in rows if row.any_model or (row.model or "").lower() == model.lower()]
    if app is not None:
        label = _app_label(app, known)
        rows = [row for row in rows if row.any_model or label in row.apps]
    if mine:
        rows = [row for row in rows if row.owner in ("project", "syncops")]
    return SignalsListed(tuple(rows))


def _signals_called(wanted: str, known: Inventory) -> set[str]:
    end = wanted.lower()
    names = {name for name in known.signals if name.lower() == end or name.lower().endswith(f".{end}")}
    if not names:
        ends = {part for name in known.signals for part in (name, name.rpartition(".")[2])}
        raise UsageError(f"there is no signal {wanted!r}", hint=_similar(wanted, ends))
    return names


def _require_model(wanted: str, known: Inventory) -> None:
    labels = {model._meta.label for model in apps.get_models(include_auto_created=True, include_swapped=True)}
    labels.update(row.model for row in known.receivers if row.model)
    if wanted.lower() not in {label.lower() for label in labels}:
        hint = _similar(wanted, labels) or "write it as app.Model"
        raise UsageError(f"there is no model {wanted!r}", hint=hint)


def _app_label(wanted: str, known: Inventory) -> str:
    labels = {config.label for config in apps.get_app_configs()}
    labels.update(label for row in known.receivers for label in row.apps)
    for label in labels:
        if label.lower() == wanted.lower():
            return label
    raise UsageError(f"there is no app {wanted!r}", hint=_similar(wanted, labels))


def _similar(wanted: str, names: Iterable[str]) -> str:
    close = get_close_matches(wanted, sorted(names), n=1)
    return f"did you mean {close[0]}?" if close else ""
