"""The toggle *Sync product prices*.

The rule: switched off, nothing waits for the store; switched on, the whole store waits. Both in the
transaction that switches it, whichever way the Store is written: `update` says it itself, and a save, a fixture
or the admin is noticed by comparing the row before and after.
"""

from __future__ import annotations

from django.db.models.signals import post_save, pre_save

from syncops import outbox, signals
from syncops.capture import batch
from syncops.models import Store

_BEFORE = "_syncops_sync_before"


def connect() -> None:
    """Listen to every way in which a Store is written."""
    signals.store_switched.connect(on_switched, dispatch_uid="syncops.switch")
    pre_save.connect(_look_before, sender=Store, dispatch_uid="syncops.switch")
    post_save.connect(_compare_after, sender=Store, dispatch_uid="syncops.switch")


def on_switched(store: str, on: bool, using: str, **_: object) -> None:
    """Drop what waits for a store that is off; mark all of one that is on again."""
    if not on:
        outbox.drop(store, using=using)
    elif outbox.mark_all(store, using=using):
        here = batch.current(using)
        if here is not None:
            here.stores.add(store)


def _look_before(instance: Store, using: str, **_: object) -> None:
    instance.__dict__[_BEFORE] = _state(instance.pk, using)


def _compare_after(instance: Store, using: str, **_: object) -> None:
    before, after = instance.__dict__.pop(_BEFORE, False), _state(instance.pk, using)
    if before != after:
        signals.store_switched.send(sender=Store, store=instance.pk, on=after, using=using)


def _state(slug: str, using: str) -> bool:
    """What the row says, which is not always what the instance says: `update_fields` may leave it out."""
    found = Store._base_manager.using(using).filter(pk=slug).values_list("sync_prices", flat=True).first()
    return bool(found)
