"""The batch: refs that wait for the commit of the transaction that changed them.

The rule: a batch lives in `connection.run_on_commit` itself, tagged with the open savepoints, so that
Django's own bookkeeping drops exactly what a rollback undoes; nothing hangs on a thread or a module. It is
written just before the outermost COMMIT, by wrapping `commit` on that one connection.

`run_on_commit`, `savepoint_ids` and the tuples (savepoint ids, function, robust) are what Django 5.2 to 6.1
have; `checks.py` proves at start that they still are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.db import connections, transaction

from syncops import conf, outbox, signals
from syncops.models import Store
from syncops.outbox import Marks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.backends.base.base import BaseDatabaseWrapper

    Key = tuple[str, ...]

logger = logging.getLogger("syncops.capture")

_SLOT = "_syncops_batches"


class Batch:
    """Refs marked under one set of open savepoints. Django calls it after the commit, to send the hints."""

    def __init__(self, key: Key, using: str) -> None:
        self.key = key
        self.using = using
        self.marks = Marks()
        self.stores: set[str] = set()
        self.done = False

    def __call__(self) -> None:
        """Send the hints. In a test that never commits nothing is written yet, so write it now."""
        if not self.done:
            write([self])
        if self.stores:
            announce(self.stores, self.using)


class _Book:
    """The batches of one connection, each with its place in the list of hooks it was found in."""

    def __init__(self, hooks: list[Any]) -> None:
        self.hooks = hooks
        self.places = [
            place for place, entry in enumerate(hooks) if isinstance(entry[1], Batch) and not entry[1].done
        ]

    @property
    def batches(self) -> list[Batch]:
        return [self.hooks[place][1] for place in self.places]


def current(using: str) -> Batch | None:
    """The batch that a ref marked now belongs to, or None where no transaction is open that commits by itself."""
    connection = connections[using]
    if not connection.in_atomic_block:
        return None
    state = connection.__dict__
    book: _Book | None = state.get(_SLOT)
    hooks: list[Any] = connection.run_on_commit
    if book is None or book.hooks is not hooks:
        # Django made a new list: a savepoint or the transaction was rolled back, or a new one began.
        book = state[_SLOT] = _Book(hooks)
    key = tuple(sid for sid in connection.savepoint_ids if sid)
    if book.places and not _in_test_case(connection):
        last: Batch = hooks[book.places[-1]][1]
        if last.key == key and not last.done:
            return last
        _fold(book, set(key))
        if book.places and (last := hooks[book.places[-1]][1]).key == key:
            return last
    batch = Batch(key, using)
    transaction.on_commit(batch, using=using, robust=True)
    book.places.append(len(hooks) - 1)
    _wrap_commit(connection)
    return batch


def _in_test_case(connection: BaseDatabaseWrapper) -> bool:
    """Whether the outermost transaction is that of a TestCase, which never commits.

    `captureOnCommitCallbacks` runs the hooks that were added inside it, so a batch that was opened before must
    not take what is marked inside: there, every mark gets a hook of its own.
    """
    blocks: Any = connection.atomic_blocks
    return bool(blocks) and bool(getattr(blocks[0], "_from_testcase", False))


def _fold(book: _Book, open_ids: set[str]) -> None:
    """Forget savepoints that were released, and merge batches that now share a fate.

    A savepoint that is no longer open although its batch is still here was released: Django drops the batch
    of one that was rolled back. Without this, a save in a savepoint of its own would leave a hook each.
    """
    kept: list[int] = []
    for place in book.places:
        batch: Batch = book.hooks[place][1]
        if batch.done:
            continue
        batch.key = tuple(sid for sid in batch.key if sid in open_ids)
        if kept and (before := book.hooks[kept[-1]][1]).key == batch.key:
            before.marks.absorb(batch.marks)
            before.stores |= batch.stores
            batch.stores, batch.done = set(), True
            if place == len(book.hooks) - 1:
                book.hooks.pop()
            continue
        kept.append(place)
    book.places = kept


def write(batches: Iterable[Batch]) -> None:
    """Write what these batches of one connection hold, by one statement."""
    written = list(batches)
    for batch in written:
        batch.done = True
    last = written[-1]
    for batch in written[:-1]:
        last.marks.absorb(batch.marks)
    marks, last.marks = last.marks, Marks()
    if marks:
        last.stores |= outbox.mark(marks, using=last.using).keys()


def append_now(marks: Marks, using: str) -> None:
    """Append at once, where no transaction is open that commits by itself; never raises into the save.

    The price is committed already, or is in the hands of code that commits by hand, so all that is left to
    do about a failure is to say so.
    """
    try:
        stores = outbox.mark(marks, using=using).keys()
    except Exception:
        logger.exception("Changes could not be appended; reconcile finds them", extra={"marks": marks})
        return
    if stores and connections[using].get_autocommit():
        announce(stores, using)


def announce(stores: Iterable[str], using: str) -> None:
    """Say that Changes of these stores are committed."""
    for receiver, answer in signals.marked.send_robust(sender=Batch, stores=frozenset(stores), using=using):
        if isinstance(answer, Exception):
            logger.error("a receiver of `marked` failed: %r", receiver, exc_info=answer)


def _wrap_commit(connection: BaseDatabaseWrapper) -> None:
    """Make this connection write its batches just before it commits. Doing so twice changes nothing."""
    if "commit" in connection.__dict__:
        return
    commit = connection.commit

    def commit_with_changes() -> None:
        batches = [
            entry[1]
            for entry in connection.run_on_commit
            if isinstance(entry[1], Batch) and not entry[1].done
        ]
        if not any(batch.marks for batch in batches):
            commit()
        elif conf.get().ON_CAPTURE_ERROR == "raise":
            try:
                write(batches)
            except BaseException:
                # Atomic rolls back on a DatabaseError only; a price must not outlive its Change for any other.
                connection.rollback()
                raise
            commit()
        else:
            _write_or_resync(batches, connection, commit)

    connection.commit = commit_with_changes  # type: ignore[method-assign]


def _write_or_resync(
    batches: list[Batch], connection: BaseDatabaseWrapper, commit: Callable[[], None]
) -> None:
    """Keep the save whatever happens to its Changes; where they are lost, mark the stores whole."""
    savepoint = cast("str", connection.savepoint())
    try:
        write(batches)
    except Exception:
        logger.exception("Changes could not be appended; every store that is on is marked for resync")
        connection.savepoint_rollback(savepoint)
        commit()
        using = connection.alias
        try:
            for store in Store.objects.using(using).filter(sync_prices=True).values_list("slug", flat=True):
                outbox.mark_all(store, using=using)
                batches[-1].stores.add(store)
        except Exception:
            logger.exception("the resync could not be marked either; run reconcile")
            connection.rollback()
            return
    else:
        connection.savepoint_commit(savepoint)
    commit()
