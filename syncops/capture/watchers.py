"""The receivers of Django's model signals.

The rule: a receiver of a save makes no query, opens no connection and raises nothing; it only adds the ref to
the batch of the current transaction. Everything that it must know of a path was found out when it was
connected. Where only the database can tell which stores a deleted row was in, it is asked by one statement in
the caller's transaction, before the row is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models.constants import LOOKUP_SEP
from django.db.models.signals import class_prepared, post_save, pre_delete

from syncops import outbox, sources
from syncops.capture import batch, links
from syncops.capture.loaded import LOADED, keep_loaded, remember
from syncops.outbox import Marks
from syncops.sources import follow, is_forward
from syncops.values import Reason

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from syncops.outbox import Origin
    from syncops.sources import Source, Watch


class Watcher:
    """One Watch of one Source, with its paths resolved to attributes of the watched instance."""

    def __init__(self, source: Source, watch: Watch) -> None:
        self.source = source
        self.watch = watch
        hops = follow(watch.model, watch.product) if watch.product else []
        #: The attribute whose value leads to the product, and how the database goes on from there (None: the
        #: value is the product's key itself).
        self.anchor = watch.model._meta.pk.attname
        self.origin: Origin | None = (watch.model, watch.product) if hops else None
        if hops and is_forward(hops[0]):
            self.anchor = hops[0].attname
            rest = watch.product.partition(LOOKUP_SEP)[2]
            self.origin = (hops[0].related_model, rest) if rest else None
        last = follow(source.model, source.store)[-1]
        #: The attribute that holds the store, "" where it hangs on another table.
        self.store = last.attname if is_forward(last) and issubclass(watch.model, last.model) else ""
        moves = (self.anchor if hops and is_forward(hops[0]) else "", self.store)
        self.moves = tuple(name for name in moves if name)
        self.names = self._names(hops)

    def _names(self, hops: list[Any]) -> frozenset[str] | None:
        """Names and attnames of the fields that matter, the way to the product included."""
        if self.watch.fields is None:
            return None
        fields = [self.watch.model._meta.get_field(name) for name in self.watch.fields]
        fields += [hop for hop in hops[:1] if is_forward(hop)]
        return frozenset(name for each in fields for name in (each.name, getattr(each, "attname", each.name)))

    def on_save(
        self, instance: Model, using: str, update_fields: frozenset[str] | None = None, **_: object
    ) -> None:
        """Mark what a save may have changed: the product, and the places it was in when it was loaded."""
        if update_fields is not None and self.names is not None and not self.names & update_fields:
            return
        here = batch.current(using)
        marks = Marks() if here is None else here.marks
        self._add(marks, instance, leaving=False)
        remember(instance, self.moves)
        if here is None:
            batch.append_now(marks, using)

    def on_delete(self, instance: Model, using: str, **_: object) -> None:
        """Mark before the row is gone, by value: the database will not tell afterwards where it was."""
        state = instance.__dict__
        loaded = self.anchor in state and (not self.store or self.store in state)
        if self.origin is not None or not loaded or not (self.watch.product or self.store):
            self._mark_by_asking(instance, using)
            return
        here = batch.current(using)
        marks = Marks() if here is None else here.marks
        self._add(marks, instance, leaving=True)
        if here is None:
            batch.append_now(marks, using)

    def _add(self, marks: Marks, instance: Model, *, leaving: bool) -> None:
        """Add the product, and the stores that it was in or, where it is `leaving`, still is in."""
        state = instance.__dict__
        known: dict[str, tuple[Any, ...]] = state.get(LOADED, {})
        anchors = {state.get(self.anchor), *known.get(self.anchor, ())} - {None}
        marks.add(self.source.label, anchors, self.origin)
        if not self.store or self.origin is not None:
            return
        stores = {*known.get(self.store, ()), state.get(self.store)} - {None}
        if not leaving:
            stores.discard(state.get(self.store))
        for store in stores:
            marks.placed.update((store, self.source.label, product) for product in anchors)

    def _mark_by_asking(self, instance: Model, using: str) -> None:
        products = self.source.model._base_manager.using(using)
        if not self.watch.product:
            mark_now(products.filter(pk=instance.pk), self.source, using)
            return
        row = self.watch.model._base_manager.using(using).filter(pk=instance.pk)
        mark_now(products.filter(pk__in=row.values(self.watch.product)), self.source, using)


def mark_now(products: QuerySet[Any], source: Source, using: str) -> None:
    """Append for a queryset of products by one statement, in the transaction that is open."""
    stores = outbox.mark_products(products, source=source, reason=Reason.CHANGE, using=using).keys()
    here = batch.current(using)
    if here is not None:
        here.stores |= stores
    elif stores:
        batch.announce(stores, using)


def connect() -> None:
    """Connect what every registered Source watches, for each model, its proxies and its children."""
    watchers = [Watcher(source, watch) for source in sources.all() for watch in source.watch]
    for model in apps.get_models(include_auto_created=True):
        _connect_model(watchers, model)
    for source in sources.all():
        links.connect(source, mark_now)

    def prepared(sender: type[Model], **_: object) -> None:
        _connect_model(watchers, sender)

    class_prepared.connect(prepared, weak=False, dispatch_uid="syncops.class_prepared")


def _connect_model(watchers: list[Watcher], model: type[Model]) -> None:
    for place, watcher in enumerate(watchers):
        if model._meta.abstract or not issubclass(model, watcher.watch.model):
            continue
        uid = f"syncops.{watcher.source.label}.{place}.{model._meta.label}"
        post_save.connect(watcher.on_save, sender=model, weak=False, dispatch_uid=uid)
        if watcher.watch.deletes:
            pre_delete.connect(watcher.on_delete, sender=model, weak=False, dispatch_uid=uid)
        if watcher.moves and model is watcher.watch.model:
            keep_loaded(model, watcher.moves)
