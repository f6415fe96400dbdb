"""Blocks of plain rows: judged by column, they are what they are when judged row by row."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncops.errors import InputRefused
from syncops.importing.dialect import Dialect
from syncops.importing.plain import PlainRows
from syncops.importing.reader import Table, open_table
from syncops.importing.rowstream import Limits, RowStream
from syncops.importing.staging import Staged, _copy_block, _copy_line

SKUS = st.sampled_from(
    [
        "A-1",
        "SKU-0012",
        "12E5",
        "1.2E+3",
        "1E+5",
        "=A1",
        '="007"',
        " A",
        "A ",
        "a b",
        "\u00c4-1",
        "x" * 12,
        "x" * 13,
        "\\N",
        "",
    ]
) | st.text("AZ09.-+Ee=,;\\ \t\u00e9", max_size=13)
PRICES = st.sampled_from(
    [
        "1",
        "12.50",
        "0.05",
        "0.50",
        "0.5",
        "0",
        "0.00",
        "0.0",
        "007.10",
        "1.234",
        "1234567.89",
        "12345678.90",
        "12345678",
        "1234567890",
        "12345678901",
        "12,50",
        "-1",
        "1e3",
        " 7.10",
        "7.10 EUR",
        "\u0661.\u0665",
        "",
        "NaN",
        ".5",
        "5.",
    ]
) | st.decimals("0.01", "9999", places=2).map(str)
CURRENCIES = st.sampled_from(["EUR", "eur", " EUR", "", "USD", "JPY", "KWD", "$", "XYZ", "\u20ac"])
NAMES = st.sampled_from(["", "Mug", " Mug ", "x" * 8, "x" * 9, "a\tb", "back\\slash", "None"])
ROW = st.tuples(SKUS, PRICES, CURRENCIES, NAMES)
PLAIN_ROW = st.tuples(
    st.from_regex(r"[A-Z]{1,3}-[0-9]{1,4}", fullmatch=True),
    st.decimals("0.01", "99999", places=2).map(str),
    st.sampled_from(["EUR", "eur"]),
    st.sampled_from(["", "Mug"]),
)
LIMITS = Limits(sku=12, name=8, digits=14, places=4)


def table(rows: list[tuple[str, ...]]) -> Table:
    lines = ["|".join(("sku", "price", "currency", "name")), *("|".join(row) for row in rows)]
    return open_table(io.BytesIO(("\n".join(lines) + "\n").encode()))


def stream(rows: list[tuple[str, ...]], decimal: Any, currency: str | None) -> RowStream:
    return RowStream(table(rows), Dialect(decimal), LIMITS, currency)


def settled(dialect: Dialect) -> Any:
    try:
        return dialect.settle(), dialect.counts
    except InputRefused as refusal:
        return str(refusal), dialect.counts


@given(
    st.lists(PLAIN_ROW, min_size=1, max_size=6) | st.lists(ROW, min_size=1, max_size=4),
    st.sampled_from(["auto", ".", ","]),
    st.sampled_from([None, "EUR", "JPY"]),
)
@example([("A-1", "1.00", "$", "")], "auto", None)
@example([("A-1", "1.00", "", ""), ("B", "0.10", "", "")], "auto", "EUR")
def test_I10_by_column_is_by_row(rows: list[tuple[str, ...]], decimal: Any, currency: str | None) -> None:
    at_once, one_by_one = stream(rows, decimal, currency), stream(rows, decimal, currency)
    assert [tuple(row) for row in at_once] == [tuple(one_by_one._judged(row)) for row in one_by_one.table]
    assert settled(at_once.dialect) == settled(one_by_one.dialect)
    assert (at_once.notes, at_once.signs) == (one_by_one.notes, one_by_one.signs)


def test_an_ordinary_block_is_plain() -> None:
    """Without this, everything above would hold of a fast way that is never taken."""
    rows = stream([("A-1", "12.50", "EUR", "Mug"), ("B-2", "7", "eur", "")], "auto", None)
    plain = PlainRows(rows.table.columns, whole=10, places=4, sku=12, name=8)
    read = plain.read(list(rows.table), rows.dialect, rows._stated)
    assert read is not None
    assert list(read) == [
        (2, "A-1", "12.50", "EUR", "Mug", 1, "", "", ""),
        (3, "B-2", "7", "EUR", "", 0, "", "", ""),
    ]


@pytest.mark.parametrize(
    ("whole", "places", "price", "plain"),
    [
        (10, 4, "1234567.89", True),
        (10, 4, "12345678.90", False),
        (3, 4, "1.00", False),
        (10, 0, "1.00", False),
    ],
)
def test_a_price_that_the_column_may_not_hold_is_not_plain(
    whole: int, places: int, price: str, plain: bool
) -> None:
    rows = stream([("A-1", price, "EUR", "")], "auto", None)
    judge = PlainRows(rows.table.columns, whole=whole, places=places, sku=12, name=None)
    assert (judge.read(list(rows.table), rows.dialect, rows._stated) is not None) is plain


@given(
    st.lists(
        st.tuples(st.text(max_size=4), st.sampled_from([None, "1.5"]), st.text("\\\t\n\rNone", max_size=6)),
        min_size=1,
    )
)
def test_a_block_is_copied_as_its_rows_are(cells: list[tuple[str, str | None, str]]) -> None:
    block = [Staged(line, sku, price, "EUR", name, 1) for line, (sku, price, name) in enumerate(cells)]
    assert _copy_block(block) == "".join(map(_copy_line, block))


def test_the_first_prices_that_prove_a_sign_are_remembered() -> None:
    rows = stream([("A", "1.50", "EUR", ""), ("B", "2", "EUR", ""), ("C", "3.50", "EUR", "")], "auto", None)
    assert len(list(rows)) == 3
    assert rows.dialect.counts["."] == 2
    assert Decimal("1.50") == Decimal(rows.dialect._seen["."][0].rpartition(" ")[2])
