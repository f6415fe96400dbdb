"""Where the prices of a Source live in the database.

The rule: it follows from the declaration alone, so an import works for a user's own models as it does for the
catalogue that ships. A model whose writes must go through its own `save()` has no set-based path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, DateField, DecimalField, Model, TextField
from django.db.models.constants import LOOKUP_SEP
from django.db.models.functions import Cast

from syncops.errors import UsageError
from syncops.sources import Source, Watch, follow, is_forward


@dataclass(frozen=True, slots=True)
class Target:
    """The column of one model that an import writes, seen from the product.

    `prefix` is the path from the product to the row ("" for the product itself); `link` the field of the row
    that points back towards the product, where it does: only then can a row be made for a product without one.
    """

    source: Source
    model: type[Model]
    prefix: str
    price: Any
    currency: Any | None
    link: Any | None

    @classmethod
    def of(cls, source: Source) -> Target:
        """The target of a source. Raises UsageError where its price is no column that an import can write."""
        if not isinstance(source.price, str):
            raise UsageError(f"{source.label} computes its price, so an import cannot write it")
        hops = follow(source.model, source.price)
        price = hops[-1]
        prefix, _, _ = source.price.rpartition(LOOKUP_SEP)
        one_to_one = all(hop.one_to_one for hop in hops[:-1])
        if not isinstance(price, DecimalField) or not one_to_one:
            raise UsageError(
                f"{source.label}: {source.price} is not a decimal column that belongs to one product",
                hint="An import needs a DecimalField on the product or one-to-one to it.",
            )
        link = None
        if len(hops) > 1 and not is_forward(hops[-2]):
            link = hops[-2].field
        currency = None
        if isinstance(source.currency, str):
            path, _, name = source.currency.rpartition(LOOKUP_SEP)
            if path == prefix:
                currency = price.model._meta.get_field(name)
        return cls(source, price.model, prefix, price, currency, link)

    @property
    def set_based(self) -> bool:
        """Whether plain SQL may write it: no `save()` of its own, and its columns in one table."""
        own_table = self.price.model is self.model and self.price in self.model._meta.local_fields
        return own_table and self.model.save is Model.save

    @property
    def parent(self) -> str:
        """The path from the product to the value that `link` holds: the product itself, or what hangs on it."""
        way = self.prefix.split(LOOKUP_SEP)[:-1]
        end = None if self.link is None else self.link.target_field
        return LOOKUP_SEP.join([*way, "pk" if end is None or end.primary_key else end.name])

    @property
    def parent_is_product(self) -> bool:
        """Whether a price hangs on the product itself."""
        return self.link is not None and self.parent == "pk"

    @property
    def key(self) -> str:
        """The path from the product to the primary key of the row that holds the price."""
        return f"{self.prefix}{LOOKUP_SEP}pk" if self.prefix else "pk"

    @property
    def sku(self) -> Any:
        """The sku as text, whatever its column is."""
        path = self.source.sku
        if isinstance(path, str) and isinstance(follow(self.source.model, path)[-1], CharField | TextField):
            return path
        return Cast(path, TextField())

    @property
    def stamps(self) -> list[Any]:
        """The columns that say when the row was written last (`auto_now`)."""
        return [
            each for each in self.model._meta.local_fields if isinstance(each, DateField) and each.auto_now
        ]

    def watched_by(self, watch: Watch) -> bool:
        """Whether a write of this target is one that `watch` is about."""
        if not issubclass(self.model, watch.model) and not issubclass(watch.model, self.model):
            return False
        written = {each.name for each in (self.price, self.currency) if each is not None}
        return watch.fields is None or bool(written & set(watch.fields))

    def unique_sku(self, *, in_one_store: bool) -> bool:
        """Whether the database itself makes sure that a sku names one product."""
        sku, store = self.source.sku, self.source.store
        meta = self.source.model._meta
        keys = [{each.name} for each in meta.fields if each.unique]
        keys += [set(each.fields) for each in meta.total_unique_constraints] + [
            set(k) for k in meta.unique_together
        ]
        return any(key <= ({sku, store} if in_one_store else {sku}) for key in keys)
