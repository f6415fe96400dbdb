"""The keys that a watched instance had when it was loaded, kept by value.

The rule: a price that moves to another product, or a product that moves to another store, marks both ends, and
for that the old key must be known without asking. Every value ever seen is kept, because a rollback can bring
an old one back. Noted in `from_db` and `refresh_from_db`, which costs nothing measurable; a field tracker
costs some 30 µs a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model

#: Where an instance keeps them: {attname: (values…)}.
LOADED = "_syncops_loaded"
_KEPT = "_syncops_kept"


def keep_loaded(model: type[Model], names: Iterable[str]) -> None:
    """From now on, instances of `model` and of its children remember these attributes as they were loaded."""
    known: set[str] | None = model.__dict__.get(_KEPT)
    if known is not None:
        known.update(names)
        return
    kept = set(names)
    setattr(model, _KEPT, kept)
    load = cast("Callable[..., Model]", model.from_db.__func__)  # type: ignore[attr-defined]
    refresh = model.refresh_from_db

    def from_db(cls: type[Model], /, db: str | None, field_names: Any, values: Any, **more: Any) -> Model:
        # `more` is fetch_mode, since Django 6.1.
        instance = load(cls, db, field_names, values, **more)
        state = instance.__dict__
        state[LOADED] = {name: (state.get(name),) for name in kept}
        return instance

    def refresh_from_db(self: Model, *args: Any, **kwargs: Any) -> None:
        refresh(self, *args, **kwargs)
        remember(self, kept)

    model.from_db = classmethod(from_db)  # type: ignore[method-assign, assignment]
    model.refresh_from_db = refresh_from_db  # type: ignore[method-assign]


def remember(instance: Model, names: Iterable[str]) -> None:
    """Add the values of now to those that are known."""
    state = instance.__dict__
    known: dict[str, tuple[Any, ...]] = state.setdefault(LOADED, {})
    for name in names:
        value = state.get(name)
        if value not in known.get(name, ()):
            known[name] = (*known.get(name, ()), value)
