"""Many-to-many links on the way from a product to its stores.

The rule: a link that is made marks the products behind it afterwards, one that is cut marks them before, while
the database still knows the store they leave; each by one statement in the caller's transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.constants import LOOKUP_SEP
from django.db.models.signals import m2m_changed

from syncops.sources import Source, follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model, QuerySet

    Mark = Callable[[QuerySet[Any], Source, str], None]


class Link:
    """One many-to-many relation in the path from a product to its store."""

    def __init__(self, source: Source, prefix: str, hop: Any, mark: Mark) -> None:
        self.source = source
        self.prefix = prefix
        self.name = hop.name
        self.backwards = hop.auto_created
        self.through = hop.through if hop.auto_created else hop.remote_field.through
        self.mark = mark

    def on_change(
        self, action: str, instance: Model, reverse: bool, pk_set: set[Any] | None, using: str, **_: object
    ) -> None:
        """Mark the products on the near side of a link that is made or about to be cut."""
        if action not in {"post_add", "pre_remove", "pre_clear"}:
            return
        products = self.source.model._base_manager.using(using)
        near = self.prefix or "pk"
        if reverse == self.backwards:
            chosen = products.filter(**{near: instance.pk})
        elif pk_set is not None:
            chosen = products.filter(**{f"{near}__in": pk_set})
        else:
            path = LOOKUP_SEP.join(part for part in (self.prefix, self.name) if part)
            chosen = products.filter(**{path: instance.pk})
        self.mark(chosen, self.source, using)


def connect(source: Source, mark: Mark) -> None:
    """Listen to every many-to-many relation that the source's store path passes."""
    parts = source.store.split(LOOKUP_SEP)
    for place, hop in enumerate(follow(source.model, source.store)):
        if not hop.many_to_many:
            continue
        link = Link(source, LOOKUP_SEP.join(parts[:place]), hop, mark)
        uid = f"syncops.{source.label}.{LOOKUP_SEP.join(parts[: place + 1])}"
        m2m_changed.connect(link.on_change, sender=link.through, weak=False, dispatch_uid=uid)
