"""What was marked inside a block of a test.

The rule: looking changes nothing. What waits for a commit is written inside a savepoint that is rolled back
again, so a test that never commits sees its refs, and whatever comes after the block comes as it would have.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from syncops import outbox
from syncops.capture.batch import Batch
from syncops.models import Change
from syncops.outbox import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator


class MarkedRef(NamedTuple):
    """A ref and the store that it is marked for."""

    store: str
    source: str
    key: str


class Marked:
    """What was marked since the block began; once the block is left, it does not change any more."""

    def __init__(self, using: str) -> None:
        self.using = using
        self._known = set(Change.objects.using(using).values_list("pk", flat=True))
        self._final: list[MarkedRef] | None = None

    @property
    def refs(self) -> list[MarkedRef]:
        """Each (store slug, source label, key as text) once, sorted. They compare with plain tuples."""
        return self._read() if self._final is None else self._final

    @property
    def keys(self) -> list[str]:
        """The primary keys as text, each once, sorted, whatever the store and the source."""
        return sorted({ref.key for ref in self.refs})

    def __repr__(self) -> str:
        return f"<Marked {self.refs}>"

    def close(self) -> None:
        """Keep what was marked up to now."""
        self._final = self.refs

    def _read(self) -> list[MarkedRef]:
        waiting = Marks()
        for batch in _open_batches(self.using):
            waiting.placed |= batch.marks.placed
            for (label, origin), keys in batch.marks.found.items():
                waiting.add(label, keys, origin)
        with transaction.atomic(using=self.using):
            outbox.mark(waiting, using=self.using)
            rows = Change.objects.using(self.using).values_list("pk", "store", "source", "ref")
            found = {MarkedRef(*row) for number, *row in rows if number not in self._known}
            transaction.set_rollback(True, using=self.using)
        return sorted(found)


@contextmanager
def marked(using: str = DEFAULT_DB_ALIAS) -> Iterator[Marked]:
    """Yield what is marked inside the block, on one database.

        with marked() as changes:
            product.price.amount = 9
            product.price.save()
        assert changes.keys == [str(product.pk)]

    Works in a TestCase as in a TransactionTestCase, any number of times in one test, and inside `atomic`.
    What a rolled back savepoint undoes is not among them, nor what is delivered before the block ends.
    """
    # What was marked before must not hide that the same ref is marked again, so it steps aside meanwhile.
    aside = [(batch, batch.marks) for batch in _open_batches(using)]
    for batch, _ in aside:
        batch.marks = Marks()
    try:
        changes = Marked(using)
        yield changes
        changes.close()
    finally:
        home: Batch | None = None
        for batch, marks in aside:
            # A batch that was merged meanwhile shares the fate of the one before it.
            if home is None or not batch.done:
                home = batch
            home.marks.absorb(marks)


def _open_batches(using: str) -> list[Batch]:
    hooks = (entry[1] for entry in connections[using].run_on_commit)
    return [hook for hook in hooks if isinstance(hook, Batch) and not hook.done]
