"""A marketplace in memory, for the tests of users and for ours.

The rule: it behaves like a marketplace that works, unless a test says otherwise; nothing is shared between
two of its instances but the shelves, which are looked up by the store's slug.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from syncops.errors import ProviderError
from syncops.providers.base import Provider, batch_limit
from syncops.values import Done, ItemResult, Listing, Page, RemoteItem

Answer = Callable[[Sequence[Listing]], Done | ProviderError | None]


class Shelf:
    """What one store's marketplace shows, and every call that it received."""

    def __init__(self) -> None:
        self.items: dict[str, Listing] = {}
        self.calls: list[tuple[Listing, ...]] = []
        #: Answers given instead of the usual one, first come first served: a function of the batch.
        self.answers: list[Answer] = []
        #: Failures of the next calls of any kind, reads included, first come first served.
        self.failures: list[ProviderError] = []


class Memory(Provider):
    """The provider `memory`."""

    echoes = True
    shelves: ClassVar[dict[str, Shelf]] = {}

    @classmethod
    def shelf(cls, store: str) -> Shelf:
        """The shelf of a store; made at first use."""
        return cls.shelves.setdefault(store, Shelf())

    @classmethod
    def clear(cls) -> None:
        """Forget every shelf."""
        cls.shelves.clear()

    @property
    def max_items(self) -> int:  # type: ignore[override]
        return batch_limit(self.store, self.options)

    def push(self, batch: Sequence[Listing], deadline: float) -> Done:
        shelf = self._reached()
        shelf.calls.append(tuple(batch))
        answer = shelf.answers.pop(0)(batch) if shelf.answers else None
        if isinstance(answer, ProviderError):
            raise answer
        if answer is not None:
            return answer
        shelf.items.update({listing.sku: listing for listing in batch})
        return Done(
            tuple(ItemResult(each.sku, "ok", price=each.price, currency=each.currency) for each in batch)
        )

    def page(self, cursor: str | None, deadline: float) -> Page:
        rest = sorted(sku for sku in self._reached().items if cursor is None or sku > cursor)
        shown = rest[: self.page_size]
        return Page(tuple(self._item(sku) for sku in shown), shown[-1] if len(rest) > len(shown) else None)

    def fetch(self, skus: Sequence[str], deadline: float) -> Mapping[str, RemoteItem]:
        shelf = self._reached()
        return {sku: self._item(sku) for sku in skus if sku in shelf.items}

    def check(self, deadline: float) -> None:
        self._reached()

    def _reached(self) -> Shelf:
        shelf = self.shelf(self.store)
        if shelf.failures:
            raise shelf.failures.pop(0)
        return shelf

    def _item(self, sku: str) -> RemoteItem:
        shown = self.shelf(self.store).items[sku]
        return RemoteItem(sku, shown.price, shown.currency, shown.name)
