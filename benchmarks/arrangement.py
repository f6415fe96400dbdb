"""What is measured on: a catalogue in a database of its own, and price lists that change a part of it.

The rule: everything follows from a seed, and the database is given back the state that a sample began with.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection

from syncops.models import Store

#: The one store that everything is in.
STORE = "bench"


def tables(app: str) -> tuple[str, str]:
    """The tables of products and prices of an app."""
    return f"{app}_product", f"{app}_pricerecord"


def make_tables() -> None:
    """Migrate the database, and make the twin's tables."""
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in apps.get_app_config("twin").get_models():
            editor.create_model(model)
    Store.objects.create(slug=STORE, provider="memory")


def fill(app: str, rows: int) -> None:
    """Add products to the catalogue of an app until it has `rows`, each with a price."""
    product, price = tables(app)
    numbers = (
        "generate_series(%s, %s)"
        if connection.vendor == "postgresql"
        else "(WITH RECURSIVE n(i) AS (SELECT %s UNION ALL SELECT i + 1 FROM n WHERE i < %s) SELECT i FROM n)"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {product}")
        there = cursor.fetchone()[0]
        if there >= rows:
            return
        cursor.execute(
            f"INSERT INTO {product} (store_id, sku, name)"
            f" SELECT '{STORE}', 'SKU-' || (1000000 + n.i), 'Product ' || n.i FROM {numbers} AS n (i)"
            if connection.vendor == "postgresql"
            else f"INSERT INTO {product} (store_id, sku, name)"
            f" SELECT '{STORE}', 'SKU-' || (1000000 + i), 'Product ' || i FROM {numbers}",
            [there + 1, rows],
        )
        cursor.execute(
            f"INSERT INTO {price} (product_id, amount, currency) SELECT p.id, 10.50, 'EUR' FROM {product} AS p"
            f" WHERE NOT EXISTS (SELECT 1 FROM {price} AS r WHERE r.product_id = p.id) ORDER BY p.id"
        )
    tidy()


def tidy() -> None:
    """Take away what a sample left behind: Changes, PriceEdits, Runs, dead rows."""
    left = ("syncops_change", "syncops_priceedit", "syncops_run")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(left)}, syncops_attempt")
            for app in ("catalog", "twin"):
                for table in tables(app):
                    # By hand between two samples, and never by itself within one.
                    cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
                    cursor.execute(f"VACUUM (ANALYZE) {table}")
            cursor.execute("CHECKPOINT")
        else:
            for table in left:
                cursor.execute(f"DELETE FROM {table}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def write_lists(folder: Path, rows: int, share: float) -> tuple[Path, Path]:
    """Two price lists of every product, shuffled, that differ in the prices of `share` of them.

    Applied in turn, each changes what the other wrote. Both differ from the prices of an empty start.
    """
    chance = random.Random(rows)
    numbers = list(range(1, rows + 1))
    chance.shuffle(numbers)
    prices = {number: Decimal(chance.randrange(100, 99900)).scaleb(-2) for number in numbers}
    changed = set(numbers[: round(rows * share)])
    chance.shuffle(numbers)
    paths = folder / f"list-{rows}-{share}-a.csv", folder / f"list-{rows}-{share}-b.csv"
    for path, step in zip(paths, (Decimal("0.00"), Decimal("0.37")), strict=True):
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write("sku,price,currency\n")
            file.writelines(
                f"SKU-{1000000 + number},{prices[number] + (step if number in changed else 0)},EUR\n"
                for number in numbers
            )
    return paths
