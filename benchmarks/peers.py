"""The other ways to get a price list into the same tables.

The rule: each is the best configuration that its own documentation leads to, on the same schema and the same
file, and each leaves the same prices behind.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from django.db import connection, transaction

from benchmarks import arrangement
from benchmarks.arrangement import STORE
from benchmarks.twin.models import PriceRecord

BLOCK = 5000


def bare(path: Path, *, app: str = "catalog") -> int:
    """The database's fastest way, which checks nothing and notes nothing. Returns the rows it wrote."""
    with transaction.atomic(), connection.cursor() as cursor:
        stage = _copy if connection.vendor == "postgresql" else _insert
        stage(cursor, path)
        product, price = arrangement.tables(app)
        differs = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
        cursor.execute(
            f"UPDATE {price} SET amount = b.price, currency = b.currency FROM {product} AS p, bare_list AS b"
            f" WHERE p.id = {price}.product_id AND p.store_id = %s AND p.sku = b.sku"
            f" AND ({price}.amount {differs} b.price OR {price}.currency {differs} b.currency)",
            [STORE],
        )
        written = cursor.rowcount
        cursor.execute("DROP TABLE bare_list")
    return written


def _copy(cursor, path: Path) -> None:
    cursor.execute("CREATE TEMPORARY TABLE bare_list (sku text, price numeric(14, 4), currency text)")
    with path.open("rb") as file, cursor.copy("COPY bare_list FROM STDIN (FORMAT csv, HEADER)") as copy:
        while data := file.read(256 * 1024):
            copy.write(data)
    cursor.execute("ANALYZE bare_list")


def _insert(cursor, path: Path) -> None:
    cursor.execute(
        "CREATE TEMPORARY TABLE bare_list (sku text PRIMARY KEY, price decimal, currency text) WITHOUT ROWID"
    )
    with path.open(newline="") as file:
        rows = csv.reader(file)
        next(rows)
        while block := list(islice(rows, BLOCK)):
            cursor.executemany("INSERT INTO bare_list VALUES (%s, %s, %s)", block)


def import_export() -> Callable[[Path], int]:
    """django-import-export at its fastest for updates: bulk, unchanged rows left out, instances cached.

    Raises ImportError where it is not installed. It has the twin, on which no receiver of ours slows it down.
    """
    import tablib
    from import_export import fields, resources
    from import_export.instance_loaders import CachedInstanceLoader

    class Prices(resources.ModelResource):
        sku = fields.Field(attribute="product__sku", column_name="sku", readonly=True)
        amount = fields.Field(attribute="amount", column_name="price", widget=_decimal())

        class Meta:
            model = PriceRecord
            fields = ("sku", "amount", "currency")
            import_id_fields = ("sku",)
            instance_loader_class = CachedInstanceLoader
            use_bulk = True
            batch_size = 1000
            skip_unchanged = True
            report_skipped = False
            skip_html_diff = True

        def get_queryset(self):
            return PriceRecord.objects.filter(product__store=STORE).select_related("product")

    def run(path: Path) -> int:
        with path.open(encoding="utf-8", newline="") as file:
            dataset = tablib.Dataset().load(file, format="csv")
        done = Prices().import_data(dataset, raise_errors=True, use_transactions=True)
        return done.totals["update"]

    return run


def _decimal():
    from import_export.widgets import DecimalWidget

    return DecimalWidget()
