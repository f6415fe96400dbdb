"""What every provider is: capabilities as attributes, and a handful of methods.

The rule: a whole call that fails raises an `errors.ProviderError`; what happened to single items comes back
as a value. A provider is made for one turn of one store and closed after it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from syncops import conf
from syncops.errors import ConfigurationError, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncops.values import Accepted, Done, Listing, Page, Refusal, RemoteItem


class Provider(ABC):
    """The adapter to one marketplace API, for one store.

    `store` is the slug, `options` what the Store row holds, `credentials` what SYNCOPS["CREDENTIALS"] gave.
    """

    max_items: int = 100  #: items a call
    max_bytes: int | None = None  #: bytes of a call's body
    group_by: ClassVar[str | None] = None  #: the remote id that all items of a call must share
    mode: ClassVar[Literal["sync", "async"]] = "sync"
    atomicity: ClassVar[Literal["per_item", "all_or_nothing", "prefix"]] = "per_item"
    echoes: ClassVar[bool] = False  #: an answer repeats the price that is shown now
    names_bad_item: ClassVar[bool] = True  #: a refused call says which item it was
    replaces_unlisted: ClassVar[bool] = False  #: what an update does not mention is deleted
    page_size: ClassVar[int] = 500
    read_cap: ClassVar[int | None] = None  #: listings that can be read in all
    names: ClassVar[Literal["same_call", "other_call", "unsupported"]] = "same_call"

    def __init__(self, store: str, options: Mapping[str, Any], credentials: Mapping[str, str]) -> None:
        self.store = store
        self.options = options
        self.credentials = credentials

    def resolve(self, skus: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The remote ids of each sku, kept in RemoteListing. Nothing, where the sku itself is the key."""
        return {}

    def validate(self, listing: Listing) -> Refusal | None:
        """Why this marketplace would not take a listing, found without a call; None where it may."""
        return None

    def plan(self, listings: Iterable[Listing]) -> Iterator[tuple[Listing, ...]]:
        """Cut listings into the batches that calls will carry, in their order."""
        batch: list[Listing] = []
        room = self.max_bytes
        for listing in listings:
            size = self.size(listing) if room is not None else 0
            full = len(batch) == self.max_items or (room is not None and room < size)
            if batch and full:
                yield tuple(batch)
                batch, room = [], self.max_bytes
            batch.append(listing)
            if room is not None:
                room -= size
        if batch:
            yield tuple(batch)

    def size(self, listing: Listing) -> int:
        """Bytes that one listing takes in a call's body; only asked where `max_bytes` is set."""
        return len(listing.sku.encode()) + len(listing.name.encode()) + 100

    @abstractmethod
    def push(self, batch: Sequence[Listing], deadline: float) -> Done | Accepted:
        """Send one batch; `deadline` is in seconds from now, for the call as a whole.

        Raises an errors.ProviderError where the call failed as a whole.
        """

    def poll(self, handle: str, deadline: float) -> Done | Accepted:
        """Ask for the outcome of an accepted call. Only for `mode = "async"`."""
        raise NotImplementedError(f"{type(self).__name__} has no asynchronous calls")

    @abstractmethod
    def page(self, cursor: str | None, deadline: float) -> Page:
        """One page of all listings; None is the first one. Raises an errors.ProviderError."""

    def pages(self, deadline: float) -> Iterator[Page]:
        """Every page, one after the other; `deadline` is for each.

        Raises OutcomeUnknown where the marketplace's cursors go in a circle.
        """
        cursor: str | None = None
        known: set[str | None] = {None}
        while True:
            page = self.page(cursor, deadline)
            yield page
            cursor = page.next
            if cursor is None:
                return
            if cursor in known:
                raise OutcomeUnknown("The marketplace's pages go in a circle")
            known.add(cursor)

    @abstractmethod
    def fetch(self, skus: Sequence[str], deadline: float) -> Mapping[str, RemoteItem]:
        """Single listings by sku; a sku that is not among them is not on the marketplace."""

    @abstractmethod
    def check(self, deadline: float) -> None:
        """Prove that address and credentials are right. Raises an errors.ProviderError naming what is not."""

    def close(self) -> None:  # noqa: B027 - most providers hold nothing
        """Give back connections."""

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def batch_limit(store: str, options: Mapping[str, Any]) -> int:
    """The option `batch_limit`: items a call. Raises ConfigurationError where it cannot be."""
    given = options.get("batch_limit", conf.get().BATCH_LIMIT)
    try:
        limit = int(given)
    except (TypeError, ValueError):
        limit = 0
    if limit < 1:
        raise ConfigurationError(
            f"{store}: batch_limit {given!r} is not a number of items",
            hint=f"syncops stores set {store} --option batch_limit=100",
        )
    return limit
