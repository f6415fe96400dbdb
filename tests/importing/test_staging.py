"""The staging table: every row of the file, told in the order of the file, whichever way it was read."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import Any

from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncops.errors import InputRefused
from syncops.importing.dialect import Dialect
from syncops.importing.reader import open_table
from syncops.importing.rowstream import Limits, RowStream
from syncops.importing.staging import STAGING, Staged, Staging

COLUMNS = "line, sku, price, currency, name, places, code, errors"


def staged() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM {STAGING} ORDER BY line")
        return cursor.fetchall()


def tables() -> list[str]:
    query = (
        "SELECT relname FROM pg_class WHERE relname LIKE 'syncops_staging' AND pg_table_is_visible(oid)"
        if connection.vendor == "postgresql"
        else "SELECT name FROM temp.sqlite_master WHERE name LIKE 'syncops%'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]


def test_no_character_of_a_cell_is_lost_or_obeyed(transactional_db: Any) -> None:
    odd = "\\ \\N \\. \t \n \r ' \" ; -- \x08 \u2028 é 😀 None"
    rows = [
        Staged(2, odd, "12.50", "EUR", odd, 1),
        Staged(3, "None", "7", "", "", 0),
        Staged(4, "\\N", "0.01", "USD", "None", 2, "", "", '["\\\\t"]'),
    ]
    with Staging("default") as staging:
        staging.fill(rows)
        assert [(line, sku, name) for line, sku, _, _, name, *_ in staged()] == [
            (2, odd, odd), (3, "None", ""), (4, "\\N", "None"),
        ]  # fmt: skip
        assert staging.codes() == {"": 3}


def test_the_tables_are_gone_afterwards_whatever_happened(transactional_db: Any) -> None:
    def broken() -> Any:
        yield Staged(2, "A", "1", "", "", 0)
        raise InputRefused("F_ENCODING", "further down")

    for rows in (iter([Staged(2, "A", "1", "", "", 0)]), broken()):
        with suppress(InputRefused), Staging("default") as staging:
            assert tables() == [STAGING]
            staging.fill(rows)
        assert tables() == []


def test_refused_rows_are_told_in_the_order_of_the_file(transactional_db: Any) -> None:
    table = open_table(io.BytesIO(b"sku,price\nA,x\nB,-1\n,\n"))
    with Staging("default") as staging:
        staging.fill(RowStream(table, Dialect(), Limits(), keep_raw=True))
        found = [(each.line, each.code) for each in staging.errors({"sku": "sku", "price": "price"})]
        assert found == [(2, "E_SYNTAX"), (3, "E_NEGATIVE"), (4, "E_SKU"), (4, "E_EMPTY")]
        assert [(cells, line) for cells, line, _ in staging.rejects({})] == [
            (["A", "x"], 2), (["B", "-1"], 3), (["", ""], 4),
        ]  # fmt: skip
        assert [each.line for each in staging.errors({}, limit=2)] == [2, 3]


CELLS = st.one_of(
    st.sampled_from(["A", "b-1", '="7"', "1.2E+9", "é", " A", "x" * 30, "", "None", "\\N"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=4),
)
PRICES = st.sampled_from(
    [
        "12",
        "12.50",
        "0.10",
        "0",
        "007",
        "1.299",
        "1,5",
        "-5",
        "",
        "99999999999",
        "12.345",
        "€ 5",
        "1 000.50",
        "x",
    ]
)
CURRENCIES = st.sampled_from(["", "EUR", "eur ", "JPY", "$", "?"])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(CELLS, PRICES, CURRENCIES, CELLS), min_size=1, max_size=6),
    decimal=st.sampled_from(["auto", ".", ","]),
    limits=st.sampled_from([Limits(), Limits(sku=20, name=3), Limits(digits=6, places=2), Limits(places=0)]),
    plain=st.booleans(),
)
def test_the_fast_way_stages_the_very_rows_of_the_slow_one(
    rows: list[tuple[str, ...]], decimal: Any, limits: Limits, plain: bool
) -> None:
    """Rows whose cells are kept for the rejects file are read one by one; others may be read at once."""
    if plain:
        rows = [("A-1", price if price[0:1].isdigit() else "3.50", "EUR", "Mug") for _, price, _, _ in rows]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sku", "price", "currency", "name"])
    writer.writerows(rows)
    read = []
    for keep_raw in (True, False):
        try:
            table = open_table(io.BytesIO(text.getvalue().encode()))
            dialect = Dialect(decimal)
            stream = RowStream(table, dialect, limits, keep_raw=keep_raw)
            found = [tuple(row[:8]) for row in stream]
        except InputRefused as fault:
            read.append((fault.code, str(fault)))
            continue
        try:
            sign: object = dialect.settle()
        except InputRefused as fault:
            sign = str(fault)
        read.append((found, sign, dialect.counts, stream.notes, stream.signs, stream.read))
    assert read[0] == read[1]
