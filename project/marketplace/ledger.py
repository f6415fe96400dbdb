"""What the marketplace shows: its stores and their listings.

The rule: a price is kept as the text that was received, never as a number, and one call is one transaction.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from project.marketplace.protocol import Item
    from project.marketplace.storage import Storage

_UPSERT = """
INSERT INTO listing (store, sku, name, price, currency, updated_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (store, sku) DO UPDATE SET
    old_price = iif(price <> excluded.price OR currency <> excluded.currency, price, old_price),
    old_currency = iif(price <> excluded.price OR currency <> excluded.currency, currency, old_currency),
    changed_at =
        iif(price <> excluded.price OR currency <> excluded.currency, excluded.updated_at, changed_at),
    name = coalesce(excluded.name, name),
    price = excluded.price,
    currency = excluded.currency,
    updated_at = excluded.updated_at
"""
_COUNT = """
SELECT count(*) FROM listing
WHERE store = :store AND (:q = '' OR sku LIKE :like ESCAPE '!' OR name LIKE :like ESCAPE '!')
"""
_BROWSE = """
SELECT sku, name, price, currency, old_price, old_currency, changed_at FROM listing
WHERE store = :store AND (:q = '' OR sku LIKE :like ESCAPE '!' OR name LIKE :like ESCAPE '!')
ORDER BY sku LIMIT :limit OFFSET :offset
"""


class Shown(NamedTuple):
    """One listing as the marketplace shows it; `name` is None until somebody tells it."""

    sku: str
    name: str | None
    price: str
    currency: str


class Displayed(NamedTuple):
    """One listing for the shop page; `changed_at` (seconds since 1970) is None if it never changed."""

    sku: str
    name: str | None
    price: str
    currency: str
    old_price: str | None
    old_currency: str | None
    changed_at: float | None


class Ledger:
    """Stores and listings in `storage`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def stores(self) -> list[tuple[str, int]]:
        """Each store and the number of its listings, by name."""
        rows = self._storage.read(
            "SELECT store, (SELECT count(*) FROM listing WHERE listing.store = store.store)"
            " FROM store ORDER BY store"
        )
        return cast("list[tuple[str, int]]", rows)

    def has_store(self, store: str) -> bool:
        return bool(self._storage.read("SELECT 1 FROM store WHERE store = ?", (store,)))

    def add_store(self, store: str, *, strict: bool) -> None:
        """The store exists; a strict one refuses a sku that it does not know yet."""
        with self._storage.writing() as connection:
            connection.execute(
                "INSERT INTO store (store, strict) VALUES (?, ?)"
                " ON CONFLICT (store) DO UPDATE SET strict = excluded.strict",
                (store, strict),
            )

    def apply(self, store: str, call: int, items: Sequence[Item], now: float) -> set[str]:
        """Store what one call brought, and return the skus that a strict store does not know (not stored)."""
        with self._storage.writing() as connection:
            unknown: set[str] = set()
            strict = connection.execute("SELECT strict FROM store WHERE store = ?", (store,)).fetchone()
            if strict is not None and strict[0]:
                asked = json.dumps([item.sku for item in items])
                known = connection.execute(
                    "SELECT sku FROM listing WHERE store = ? AND sku IN (SELECT value FROM json_each(?))",
                    (store, asked),
                )
                unknown = {item.sku for item in items} - {sku for (sku,) in known}
            rows = [(store, i.sku, i.name, i.price, i.currency, now) for i in items if i.sku not in unknown]
            connection.executemany(_UPSERT, rows)
            connection.execute("UPDATE call SET applied = ? WHERE id = ?", (len(rows), call))
        return unknown

    def put(self, store: str, shown: Shown, now: float) -> None:
        """Change one listing behind the protocol's back, as its own back office would."""
        with self._storage.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO store (store) VALUES (?)", (store,))
            connection.execute(_UPSERT, (store, shown.sku, shown.name, shown.price, shown.currency, now))

    def delete(self, store: str, sku: str) -> bool:
        """The listing is gone; False where there was none."""
        with self._storage.writing() as connection:
            return (
                connection.execute("DELETE FROM listing WHERE store = ? AND sku = ?", (store, sku)).rowcount
                > 0
            )

    def page(self, store: str, after: str, limit: int) -> list[Shown]:
        """At most `limit` listings whose sku comes after `after`, by sku (code point order)."""
        rows = self._storage.read(
            "SELECT sku, name, price, currency FROM listing WHERE store = ? AND sku > ? ORDER BY sku LIMIT ?",
            (store, after, limit),
        )
        return [Shown(*cast("Any", row)) for row in rows]

    def pick(self, store: str, skus: Iterable[str]) -> list[Shown]:
        """The listings with these skus, by sku; one that does not exist is left out."""
        rows = self._storage.read(
            "SELECT sku, name, price, currency FROM listing"
            " WHERE store = ? AND sku IN (SELECT value FROM json_each(?)) ORDER BY sku",
            (store, json.dumps(list(skus))),
        )
        return [Shown(*cast("Any", row)) for row in rows]

    def every(self, store: str) -> list[Shown]:
        """All listings of a store, by sku."""
        return self.page(store, "", -1)

    def browse(self, store: str, q: str, page: int, size: int) -> tuple[int, list[Displayed]]:
        """How many listings match the search `q`, and those of one page (the first page is 1)."""
        like = "%" + q.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
        values: dict[str, object] = {"store": store, "q": q, "like": like}
        total = cast("int", self._storage.read(_COUNT, values)[0][0])
        rows = self._storage.read(_BROWSE, {**values, "limit": size, "offset": (page - 1) * size})
        return total, [Displayed(*cast("Any", row)) for row in rows]
