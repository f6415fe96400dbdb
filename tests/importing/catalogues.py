"""Three catalogues of different shape behind one face, so that a test of the importer is a test of all three.

The rule: nothing here goes through the importer; prices are read and saved by the ORM alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import connections, transaction

from project.catalog.models import PriceRecord, Product
from syncops import sources
from syncops.importing.target import Target
from syncops.models import Attempt, Change, Failure, Lane, PriceEdit, RemoteListing, Run, Store
from tests.shop.models import Article, Gadget, Offer, Tariff, Variant

#: (store, source, ref) of a Change.
Mark = tuple[str, str, str]


class Catalogue:
    """One registered source. `currency` is what its prices have unless a test says otherwise."""

    label: str
    currency: str
    price_model: Any
    #: How many stores a product can be in.
    many = True

    def __repr__(self) -> str:
        return self.label

    @property
    def source(self) -> sources.Source:
        return sources.get(self.label)

    @property
    def target(self) -> Target:
        return Target.of(self.source)

    def add(self, sku: str, price: str | None, stores: Iterable[Store], currency: str = "") -> Any:
        """Make a product; without a price it has none."""
        raise NotImplementedError

    def save_price(self, sku: str, price: Decimal, currency: str) -> None:
        """Load the price of a product and save it, as an edit page does; make it where there is none."""
        raise NotImplementedError

    def prices(self) -> dict[str, tuple[Decimal | None, str | None]]:
        """What each sku costs."""
        rows = self.source.model._base_manager.values_list(
            self.source.sku, self.source.price, self.source.currency
        )
        return {sku: (price, currency) for sku, price, currency in rows}

    def refs(self) -> dict[str, str]:
        """The sku behind each ref."""
        rows = self.source.model._base_manager.values_list("pk", self.source.sku)
        return {self.source.key_text(key, "default"): sku for key, sku in rows}

    def ref(self, sku: str) -> str:
        return {known: ref for ref, known in self.refs().items()}[sku]


class Shipped(Catalogue):
    label, currency, price_model, many = "catalog.Product", "EUR", PriceRecord, False

    def add(self, sku: str, price: str | None, stores: Iterable[Store], currency: str = "") -> Any:
        product = Product.objects.create(store=next(iter(stores)), sku=sku, name=sku)
        if price is not None:
            PriceRecord.objects.create(product=product, amount=price, currency=currency or self.currency)
        return product

    def save_price(self, sku: str, price: Decimal, currency: str) -> None:
        product = Product.objects.get(sku=sku)
        record = PriceRecord.objects.filter(product=product).first() or PriceRecord(product=product)
        record.amount, record.currency = price, currency
        record.save()


class Articles(Catalogue):
    """uuid keys, the price on the product, any number of stores, yen."""

    label, currency, price_model = "shop.Article", "JPY", Article

    def add(self, sku: str, price: str | None, stores: Iterable[Store], currency: str = "") -> Any:
        article = Article.objects.create(code=sku, title=sku, cost=price, money=currency or self.currency)
        article.stores.set(stores)
        return article

    def save_price(self, sku: str, price: Decimal, currency: str) -> None:
        article = Article.objects.get(code=sku)
        article.cost, article.money = price, currency
        article.save()


class Gadgets(Catalogue):
    """The price hangs two tables away, the stores hang on offers, the currency is no column."""

    label, currency, price_model = "shop.Gadget", "EUR", Tariff

    def add(self, sku: str, price: str | None, stores: Iterable[Store], currency: str = "") -> Any:
        gadget = Gadget.objects.create(sku=sku, name=sku)
        variant = Variant.objects.create(gadget=gadget)
        if price is not None:
            Tariff.objects.create(variant=variant, amount=price)
        for store in stores:
            Offer.objects.create(gadget=gadget, store=store)
        return gadget

    def save_price(self, sku: str, price: Decimal, currency: str) -> None:
        variant = Variant.objects.get(gadget__sku=sku)
        tariff = Tariff.objects.filter(variant=variant).first() or Tariff(variant=variant)
        tariff.amount = price
        tariff.save()


ALL = (Shipped(), Articles(), Gadgets())


def wipe() -> None:
    """Empty every table that an import reads or writes, by committed statements."""
    with transaction.atomic():
        for model in (
            Change, PriceEdit, Run, PriceRecord, Product, Article.stores.through, Article, Offer, Tariff,
            Variant, Gadget, Attempt, Failure, RemoteListing, Lane, Store,
        ):  # fmt: skip
            rows = model._base_manager.all()
            rows._raw_delete(rows.db)


def take_marks() -> set[Mark]:
    """What is marked; the outbox is empty afterwards."""
    marks = set(Change.objects.values_list("store_id", "source", "ref"))
    Change.objects.all().delete()
    return marks


def dump(using: str = "default") -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every permanent table."""
    connection = connections[using]
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = sorted(cursor.fetchall(), key=repr)
    return found


def price_list(*rows: tuple[object, ...], header: str = "sku,price") -> bytes:
    """A file with these rows."""
    return "\n".join([header, *(",".join(map(str, row)) for row in rows), ""]).encode()
