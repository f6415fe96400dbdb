"""How the catalogue becomes listings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from project.catalog.models import PriceRecord, Product
from syncops.sources import Row, Source, Watch, register


@register(Product)
class ProductSource(Source):
    """Products of the catalogue that ships."""

    sku, name, store = "sku", "name", "store"
    price, currency = "price__amount", "price__currency"
    watch = [
        Watch(Product, fields=("sku", "name", "store")),
        Watch(PriceRecord, product="product", fields=("amount", "currency")),
    ]

    def create(self, rows: Sequence[Row], store: Any, using: str) -> None:
        """Fill an empty catalogue from a first price list."""
        products = Product.objects.using(using).bulk_create(
            Product(store=store, sku=row.sku, name=row.name or row.sku) for row in rows
        )
        PriceRecord.objects.using(using).bulk_create(
            PriceRecord(product=product, amount=row.price, currency=row.currency)
            for product, row in zip(products, rows, strict=True)
        )
