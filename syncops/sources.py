"""Sources: how a user's own models become listings, said once.

The rule: everything that syncops knows of a catalogue comes from a Source. The receivers, the resolver
query, the importer's target and the triggers are all derived from one declaration.

    @register(Product)
    class ProductSource(Source):
        sku, name, store = "sku", "name", "store"
        price, currency = "price__amount", "price__currency"
        watch = [
            Watch(Product, fields=("sku", "name", "store")),
            Watch(PriceRecord, product="product", fields=("amount", "currency")),
        ]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.utils.functional import cached_property
from django.utils.module_loading import autodiscover_modules

from syncops.errors import ConfigurationError, UsageError
from syncops.values import Listing

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Combinable

    Path = str | Combinable


@dataclass(frozen=True, slots=True)
class Watch:
    """A model whose writes can change a listing.

    `product` is the ORM path from this model to the product ("" for the product itself), `fields` are the
    fields that matter (None: all of them), `deletes` says whether its deletes matter. Watching deletes turns
    Django's fast delete off for the model: each row is then loaded before it is deleted.
    """

    model: type[Model]
    product: str = ""
    fields: tuple[str, ...] | None = None
    deletes: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One product as a price list speaks of it."""

    sku: str
    name: str
    price: Decimal
    currency: str


class Source:
    """The declaration that says how a user's own models become listings.

    `sku`, `name`, `price` and `currency` are ORM paths from the product, or Django expressions such as
    `Value("EUR")`; `store` is a path that ends in `syncops.Store`, through to-many relations if need be.
    """

    model: ClassVar[type[Model]]
    sku: ClassVar[Path] = "sku"
    name: ClassVar[Path] = "name"
    store: ClassVar[str] = "store"
    price: ClassVar[Path] = "price"
    currency: ClassVar[Path] = "currency"
    watch: ClassVar[Sequence[Watch]] = ()

    @cached_property
    def label(self) -> str:
        """The name of this source everywhere: `app.Model`."""
        return self.model._meta.label

    def queryset(self, using: str) -> QuerySet[Any]:
        """The products that may be listed. Override it to leave some out, such as soft-deleted ones."""
        return self.model._base_manager.using(using).all()

    def keys(self, refs: Iterable[str]) -> list[Any]:
        """Primary keys from their text. A text that cannot be one is left out: nothing has that key."""
        to_python = self._pk.to_python
        found = []
        for ref in refs:
            try:
                found.append(to_python(ref))
            except (ValidationError, ValueError, TypeError, ArithmeticError):
                continue
        return found

    def key_text(self, key: Any, using: str) -> str:
        """A primary key as the text that the database itself would make of it, so that refs compare."""
        return str(self.prepared_key(key, connections[using]))

    def prepared_key(self, key: Any, connection: BaseDatabaseWrapper) -> Any:
        """A primary key as a parameter of a statement."""
        return self._pk.get_db_prep_value(key, connection)

    def listings(self, store: str, refs: Iterable[str], using: str) -> Iterator[tuple[str, Listing]]:
        """What `store` is to show for `refs`, in one query: pairs of ref and Listing.

        A ref that is gone, has no price or is not in that store is simply not among them.
        """
        keys = self.keys(refs)
        rows = self.in_store(self.queryset(using), store, using).filter(pk__in=keys)
        columns = ("pk", self.sku, self.name, self.price, self.currency)
        for key, sku, name, price, currency in rows.values_list(*columns):
            if price is None or not sku:
                continue
            yield self.key_text(key, using), Listing(str(sku), str(name or ""), price, str(currency or ""))

    def in_store(self, products: QuerySet[Any], store: str, using: str) -> QuerySet[Any]:
        """`products` narrowed to those of one store; a to-many path never doubles a row."""
        if not self.to_many:
            return products.filter(**{self.store: store})
        inside = self.model._base_manager.using(using).filter(**{self.store: store})
        return products.filter(pk__in=inside.values("pk"))

    def create(self, rows: Sequence[Row], store: Any, using: str) -> None:
        """Make products that a price list names and the catalogue does not have (`--unknown create`).

        A Source allows it by overriding this; called in a transaction, with batches of bounded size.
        """
        raise UsageError(
            f"{self.label} does not say how to create products",
            hint="Use --unknown reject or ignore, or override Source.create.",
        )

    @property
    def creates(self) -> bool:
        """Whether this Source can make products."""
        return type(self).create is not Source.create

    @cached_property
    def to_many(self) -> bool:
        """Whether the path to the store passes a to-many relation."""
        return any(field.one_to_many or field.many_to_many for field in follow(self.model, self.store))

    @cached_property
    def _pk(self) -> Any:
        pk: Any = self.model._meta.pk
        while pk.remote_field is not None:
            pk = pk.target_field
        return pk


def follow(model: type[Model], path: str) -> list[Any]:
    """The fields that an ORM path passes, in order.

    Raises ConfigurationError naming the part that does not exist.
    """
    found = []
    here: type[Model] | None = model
    for part in path.split(LOOKUP_SEP):
        if here is None:
            raise ConfigurationError(
                f"{model._meta.label}: {path!r} goes on after a field that has no relation"
            )
        if part == "pk":
            part = here._meta.pk.name  # noqa: PLW2901
        names = {each.name: each for each in here._meta.get_fields()}
        if part not in names:
            raise ConfigurationError(
                f"{model._meta.label}: {path!r} has no part {part!r}",
                hint=f"{here._meta.label} has: {', '.join(sorted(names))}",
            )
        field = names[part]
        found.append(field)
        here = field.related_model if field.is_relation else None
    return found


def is_forward(field: Any) -> bool:
    """Whether a field of a path is a foreign key (or one-to-one) that the row itself holds."""
    return bool(field.is_relation and field.concrete and (field.many_to_one or field.one_to_one))


_registry: dict[str, Source] = {}


def register(model: type[Model]) -> Callable[[type[Source]], type[Source]]:
    """Class decorator: this Source speaks for `model`."""

    def decorate(declared: type[Source]) -> type[Source]:
        declared.model = model
        source = declared()
        known = _registry.get(source.label)
        if known is not None and type(known) is not declared:
            raise ConfigurationError(f"{source.label} is registered twice: {type(known)} and {declared}")
        _registry[source.label] = source
        return declared

    return decorate


def autodiscover() -> None:
    """Import the `sync.py` of every installed application, as the admin does with `admin.py`."""
    autodiscover_modules("sync")


def all() -> tuple[Source, ...]:
    """Every registered Source, in the order of registration."""
    return tuple(_registry.values())


def get(label: str) -> Source:
    """The Source of that label. Raises UsageError with the labels that exist."""
    try:
        return _registry[label]
    except KeyError:
        raise UsageError(
            f"There is no source {label!r}", hint=f"Registered: {', '.join(_registry) or 'none'}"
        ) from None
