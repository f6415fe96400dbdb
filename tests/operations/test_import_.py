"""`import` as an operation: what is refused, what is left, and what a report says of every row."""
# ruff: noqa: F811 - the fixtures of the importer's tests are imported, and asked for by name

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from project.catalog.models import PriceRecord, Product
from syncops import signals
from syncops.errors import InputRefused, UsageError
from syncops.importing.report import Imported, Options, prove
from syncops.models import Change, PriceEdit, RemoteListing, Run, Store
from syncops.operations import import_
from syncops.values import Ending
from tests.conftest import make_product
from tests.importing.catalogues import ALL, Articles, Catalogue, Shipped, dump, price_list, take_marks
from tests.importing.conftest import catalogue, imports, stores, transactional_db  # noqa: F401

Imports = Callable[..., Imported]
#: A file in which no more than one sku in twenty is unknown.
KNOWN = [(f"K{number:02}", 10 + number) for number in range(40)]

UNTABULAR = [
    (b"", "F_EMPTY"),
    (b"\n \n\n", "F_EMPTY"),
    (b"sku,price\n", "F_EMPTY"),
    (b"sku,price\n\n  \n", "F_EMPTY"),
    (b"sku,price\nA,12 \xff\n", "F_ENCODING"),
    (b"sku,price\nA\0B,12\n", "F_NOT_TABULAR"),
    (b"\x7fELF" + bytes(range(256)) * 8, "F_NOT_TABULAR"),
    (b"<!DOCTYPE html><html><body>Not found</body></html>", "F_NOT_TABULAR"),
    (b'{"items": [{"sku": "A", "price": 12}]}', "F_NOT_TABULAR"),
    (b"sku price\nA 12\n", "F_HEADER"),
    (b"article,colour\nA,red\n", "F_HEADER"),
    (b"A,12\nB,13\n", "F_HEADER"),
    (b"sku,price,preis\nA,12,13\n", "F_HEADER"),
    (b"sku,price\nA,12.50\nB,\"12,50\"\n", "F_DECIMAL"),
    (b"sku,price\nA,1.299\nB,2.499\n", "F_DECIMAL"),
    (gzip.compress(b"sku,price\nA,12\n", mtime=0), "F_ARCHIVE"),
    (b"PK\x03\x04" + bytes(60), "F_ARCHIVE"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code"), UNTABULAR)
def test_a_file_that_is_no_price_list_is_refused_whole(
    stores: list[Store], imports: Imports, data: bytes, code: str
) -> None:
    make_product(stores[0], "A", "11")
    take_marks()
    before = dump()
    with pytest.raises(InputRefused) as caught:
        imports(Shipped(), data, currency="EUR")
    assert caught.value.code == code
    assert str(caught.value)
    assert dump() == before


def test_I11_the_refusal_of_contradicting_decimals_names_both_lines(
    stores: list[Store], imports: Imports
) -> None:
    with pytest.raises(InputRefused) as caught:
        imports(Shipped(), b'sku,price\nA,12.50\nB,7\nC,"12,50"\n')
    assert "line 2" in str(caught.value)
    assert "line 4" in str(caught.value)


#: A row, its code, the column that is named, and the cell that is quoted.
BAD_ROWS = [
    ('K01,"12,3', "E_QUOTE", "", 'K01,"12,3'),
    ("K01,12,3,4", "E_COLUMNS", "", "K01,12,3,4"),
    ("K01", "E_COLUMNS", "", "K01"),
    (",12,", "E_SKU", "sku", ""),
    ("1.23E+12,12,", "E_SKU", "sku", "1.23E+12"),
    ("X" * 101 + ",12,", "E_SKU", "sku", "X" * 101),
    ("NEW,12,", "E_UNKNOWN_SKU", "sku", "NEW"),
    ("K01,,", "E_EMPTY", "price", ""),
    ("K01,on request,", "E_SYNTAX", "price", "on request"),
    ("K01,NaN,", "E_SYNTAX", "price", "NaN"),
    ("K01,1e400,", "E_SYNTAX", "price", "1e400"),
    ("K01,inf,", "E_SYNTAX", "price", "inf"),
    ("K01,١٢,", "E_SYNTAX", "price", "١٢"),
    ("K01,=1+1,", "E_SYNTAX", "price", "=1+1"),
    ("K01,12%,", "E_SYNTAX", "price", "12%"),
    ("K01,0,", "E_ZERO", "price", "0"),
    ("K01,0.00,", "E_ZERO", "price", "0.00"),
    ("K01,-5,", "E_NEGATIVE", "price", "-5"),
    ("K01,(5.00),", "E_NEGATIVE", "price", "(5.00)"),
    ("K01,12.5055,EUR", "E_DECIMALS", "price", "12.5055"),
    ("K01,99999999999999,", "E_RANGE", "price", "99999999999999"),
    ("K01,12,USD", "E_CURRENCY", "currency", "USD"),
    ("K01,12,XXQ", "E_CURRENCY", "currency", "XXQ"),
    ("K01,£12,EUR", "E_CURRENCY", "price", "£12"),
    ("K01,$12,", "E_CURRENCY", "currency", "$"),
]


def known_products(store: Store) -> None:
    for sku, _ in KNOWN:
        make_product(store, sku, "9")
    take_marks()


def with_row(row: str) -> bytes:
    """A good file with one bad row, on line 3, and the decimal sign settled by another."""
    good = [f"{sku},{price}.50," for sku, price in KNOWN if sku != "K01"]
    return "\n".join(["sku,price,currency", good[0], row, *good[1:], ""]).encode()


@pytest.mark.parametrize(("row", "code", "column", "raw"), BAD_ROWS)
def test_one_bad_row_refuses_the_file_or_is_left_out(
    stores: list[Store], imports: Imports, row: str, code: str, column: str, raw: str
) -> None:
    known_products(stores[0])
    before, data = dump(), with_row(row)

    done = imports(Shipped(), data)

    assert (done.status, done.ending, done.run) == ("refused", Ending.REFUSED, None)
    assert done.codes == {code: 1}
    assert [(each.code, each.line, each.column, each.raw) for each in done.errors] == [(code, 3, column, raw)]
    assert all(each.message for each in done.errors)
    assert dump() == before

    done = imports(Shipped(), data, on_error="skip")
    assert (done.status, done.ending) == ("applied", Ending.LEFTOVERS)
    assert (done.rows["changed"], done.rows["rejected"] + done.rows["unknown"]) == (39, 1)
    prices = Shipped().prices()
    assert prices["K01"] == (9, "EUR")
    assert prices["K02"] == (Decimal("12.50"), "EUR")


def test_I14_no_import_writes_nothing_or_zero_for_an_empty_price(
    stores: list[Store], imports: Imports
) -> None:
    make_product(stores[0], "A", "9")
    imports(Shipped(), b"sku,price\nA,\n", on_error="skip")
    assert Shipped().prices() == {"A": (9, "EUR")}


@pytest.mark.parametrize("catalogue", ALL, ids=repr)
def test_I12_a_price_has_no_more_decimals_than_the_products_own_currency(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    """Nothing in the file says which currency it is; only the database knows."""
    catalogue.add("A", "1200", stores[:1])
    done = imports(catalogue, price_list(("A", "1250.50")))
    yen = isinstance(catalogue, Articles)
    assert done.codes == ({"E_DECIMALS": 1} if yen else {})
    assert done.rows["changed"] == (0 if yen else 1)


@pytest.mark.parametrize("rows", ["A,$12.50", "A,12.50 $"])
def test_I13_a_shared_sign_confirms_the_currency_of_the_product(
    stores: list[Store], imports: Imports, rows: str
) -> None:
    make_product(stores[0], "A", "9", "USD")
    make_product(stores[0], "B", "7", "USD")
    done = imports(Shipped(), f"sku,price\n{rows}\nB,$7.00\n".encode())
    assert (done.codes, done.rows["changed"], done.rows["unchanged"]) == ({}, 1, 1)
    assert Shipped().prices()["A"] == (Decimal("12.50"), "USD")


def test_I13_a_shared_sign_names_no_currency_where_the_product_has_none(
    stores: list[Store], imports: Imports
) -> None:
    Shipped().add("A", None, stores[:1])
    done = imports(Shipped(), b"sku,price\nA,$12.50\n")
    assert (done.status, done.codes) == ("refused", {"E_CURRENCY": 1})


def test_I21_a_sku_twice_with_one_price_collapses(stores: list[Store], imports: Imports) -> None:
    make_product(stores[0], "A", "9")
    done = imports(Shipped(), price_list(("A", "12.5"), ("A", "12.50"), ("A", "12.5")))
    assert (done.ending, done.rows["changed"], done.rows["duplicate"]) == (Ending.DONE, 1, 2)
    assert any("W_DUP" in note for note in done.notes)
    assert PriceEdit.objects.get().line == 2


def test_I21_a_sku_twice_with_other_prices_rejects_every_line(stores: list[Store], imports: Imports) -> None:
    for sku in ("A", "B"):
        make_product(stores[0], sku, "9")
    data = price_list(("A", "12.50"), ("B", "5"), ("A", "13.50"), ("A", "12.50"))
    done = imports(Shipped(), data)
    assert (done.status, done.codes) == ("refused", {"E_DUP": 3})
    assert [(each.line, each.raw) for each in done.errors] == [(2, "A"), (4, "A"), (5, "A")]
    done = imports(Shipped(), data, on_error="skip")
    assert (done.ending, done.rows["rejected"], done.rows["changed"]) == (Ending.LEFTOVERS, 3, 1)
    assert Shipped().prices() == {"A": (9, "EUR"), "B": (5, "EUR")}
    done = imports(Shipped(), data, dup="last")
    assert (done.ending, done.rows["duplicate"]) == (Ending.DONE, 2)
    assert Shipped().prices()["A"] == (Decimal("12.50"), "EUR")


# Unknown skus ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "wanted"),
    [("00123", "123"), ("123", "00123"), ("Mug-1", "mug-1"), ("caf\u00e9", "cafe\u0301"), ("A-1", "B-1")],
)
def test_I20_a_near_sku_is_suggested_and_never_taken(
    stores: list[Store], imports: Imports, known: str, wanted: str
) -> None:
    make_product(stores[0], known, "9")
    done = imports(Shipped(), price_list((wanted, "12")))
    assert done.codes == {"E_UNKNOWN_SKU": 1}
    assert (known in done.errors[0].suggestion) == (known != "A-1")
    assert Shipped().prices() == {known: (9, "EUR")}


def test_I20_two_near_skus_are_no_suggestion(stores: list[Store], imports: Imports) -> None:
    for sku in ("0123", "00123"):
        make_product(stores[0], sku, "9")
    assert imports(Shipped(), price_list(("123", "12"))).errors[0].suggestion == ""


@pytest.mark.parametrize("unknown", ["reject", "ignore"])
def test_I22_too_many_unknown_skus_stop_the_import_until_somebody_says_why(
    stores: list[Store], imports: Imports, unknown: str
) -> None:
    known_products(stores[0])
    data = price_list(*KNOWN[:19], ("NEW-1", "12"), ("NEW-2", "12"))
    before = dump()
    asked = {"on_error": "skip", "unknown": unknown}

    done = imports(Shipped(), data, **asked)
    assert (done.status, done.ending, [rail.code for rail in done.rails]) == (
        "guarded", Ending.GUARDED, ["G_UNKNOWN"],
    )  # fmt: skip
    assert "2 of 21" in done.rails[0].message
    assert dump() == before

    done = imports(Shipped(), data, overrides={"G_UNKNOWN": "the supplier's new range"}, **asked)
    assert (done.status, done.rows["changed"], done.rows["unknown"]) == ("applied", 19, 2)
    assert done.rails[0].overridden_because == "the supplier's new range"
    assert Run.objects.get().reason == "G_UNKNOWN: the supplier's new range"
    assert done.ending is (Ending.LEFTOVERS if unknown == "reject" else Ending.DONE)


def test_I22_one_unknown_sku_in_twenty_is_no_rail(stores: list[Store], imports: Imports) -> None:
    known_products(stores[0])
    done = imports(Shipped(), price_list(*KNOWN[:19], ("NEW-1", "12")), on_error="skip")
    assert (done.status, done.rails) == ("applied", ())


def test_I22_a_first_price_list_fills_an_empty_catalogue(stores: list[Store], imports: Imports) -> None:
    data = b"sku,price,currency,name\nA,12.50,EUR,Mug\nB,1200,JPY,\n"
    dry = imports(Shipped(), data, unknown="create", store="eu", dry_run=True)
    assert (dry.rows["created"], Product.objects.count()) == (2, 0)
    done = imports(Shipped(), data, unknown="create", store="eu")
    assert (done.status, done.rows["created"], done.rows["changed"]) == ("applied", 2, 0)
    assert dry.changes == done.changes
    assert list(Product.objects.values_list("sku", "name", "store_id")) == [
        ("A", "Mug", "eu"),
        ("B", "B", "eu"),
    ]
    assert Shipped().prices() == {"A": (Decimal("12.50"), "EUR"), "B": (1200, "JPY")}
    assert dict(done.marked) == {"eu": 2}
    assert {ref for _, _, ref in take_marks()} == {Shipped().ref("A"), Shipped().ref("B")}
    assert PriceEdit.objects.filter(old_price=None).count() == 2
    assert imports(Shipped(), data, unknown="create", store="eu").status == "unchanged"


def test_I22_creating_needs_a_store_a_currency_and_a_source_that_allows_it(
    stores: list[Store], imports: Imports
) -> None:
    with pytest.raises(UsageError, match="store"):
        imports(Shipped(), price_list(("A", "12")), unknown="create")
    with pytest.raises(UsageError, match="does not say how to create"):
        imports(Articles(), price_list(("A", "12")), unknown="create", store="eu")
    done = imports(Shipped(), price_list(("A", "12")), unknown="create", store="eu")
    assert done.codes == {"E_CURRENCY": 1}


# What can be asked for ---------------------------------------------------------------------------------------


def test_a_pattern_is_no_store(stores: list[Store], imports: Imports) -> None:
    for slug in ("?u", "*", "u*"):
        with pytest.raises(UsageError):
            imports(Shipped(), price_list(("A", "12")), store=slug)
    with pytest.raises(UsageError, match="No store matches"):
        imports(Shipped(), price_list(("A", "12")), store="nowhere")


def test_a_sku_that_two_products_have_needs_a_store(stores: list[Store], imports: Imports) -> None:
    for store in stores[:2]:
        make_product(store, "A", "9")
    with pytest.raises(UsageError, match="more than one product"):
        imports(Shipped(), price_list(("A", "12")))
    assert imports(Shipped(), price_list(("A", "12")), store="us").rows["changed"] == 1
    prices = dict(PriceRecord.objects.values_list("product__store_id", "amount"))
    assert prices == {"eu": 9, "us": 12}


def test_a_file_that_is_not_there_or_not_a_file(stores: list[Store], tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("sku,price\nA,1\n")
    options = Options(source="catalog.Product", deliver=False)
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "file.csv" / "inner"):
        with pytest.raises(UsageError):
            import_.run(str(path), options)
    with pytest.raises(UsageError, match="standard input"):
        import_.run("-", options)


def test_several_sources_need_to_be_told_apart(stores: list[Store]) -> None:
    with pytest.raises(UsageError) as caught:
        import_.run("-", Options(), stream=io.BytesIO(b"sku,price\nA,1\n"))
    assert "catalog.Product|shop.Article|shop.Gadget" in caught.value.hint


# A dry run ---------------------------------------------------------------------------------------------------

#: What reads, and what touches nothing but a connection's own temporary tables.
_HARMLESS = ("SELECT", "WITH", "SAVEPOINT", "RELEASE", "ROLLBACK", "CREATE TEMPORARY", "DROP TABLE IF EXISTS",
             "COPY SYNCOPS_STAGING ", "ANALYZE SYNCOPS_", "INSERT INTO SYNCOPS_STAGING ",
             "ALTER TABLE SYNCOPS_", "UPDATE SYNCOPS_STAGING ", "DELETE FROM SYNCOPS_DIFF ", "SET ")  # fmt: skip


def writes(statement: str) -> bool:
    words = " ".join(statement.upper().split())
    if words.startswith("WITH"):
        # A WITH ends in its statement, and may write a temporary table.
        return bool(re.search(r"\b(INSERT INTO|UPDATE|DELETE FROM) (?!SYNCOPS_STAGING )", words))
    return not words.startswith(_HARMLESS)


@pytest.mark.parametrize("catalogue", ALL, ids=repr)
def test_I30_a_dry_run_writes_nothing_and_lists_what_the_run_then_does(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    for sku, _ in KNOWN:
        catalogue.add(sku, "9", stores)
    catalogue.add("BARE", None, stores[:1])
    take_marks()
    rows = [*KNOWN, ("K05", "15"), ("K06", "99"), ("BARE", "3"), ("NEW", "4"), ("K39", "x")]
    data = price_list(*rows)
    options = {"on_error": "skip", "currency": catalogue.currency, "all_changes": True}
    statements: list[str] = []
    heard: list[object] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    def hear(sender: object, **_: object) -> None:
        heard.append(sender)

    listened = (pre_save, post_save, pre_delete, post_delete, signals.marked, signals.delivered)
    before = dump()
    for signal in listened:
        signal.connect(hear)
    try:
        with connection.execute_wrapper(record):
            dry = imports(catalogue, data, dry_run=True, deliver=True, **options)
    finally:
        for signal in listened:
            signal.disconnect(hear)

    assert heard == []
    assert [each for each in statements if writes(each)] == []
    assert len(statements) > 5
    assert dump() == before
    assert (dry.status, dry.run, dry.delivered) == ("dry run", None, None)

    done = imports(catalogue, data, **options)
    assert done.status == "applied"
    assert dry.changes == done.changes
    assert len(done.changes) == 40
    assert {each.sku: each.new for each in done.changes} == {
        sku: price for sku, (price, _) in catalogue.prices().items() if price != 9
    }
    assert (dry.rows, dry.errors, dry.codes, dry.file) == (done.rows, done.errors, done.codes, done.file)
    assert set(PriceEdit.objects.values_list("line", flat=True)) == {each.line for each in dry.changes}


def test_the_recorder_knows_a_write_when_it_sees_one() -> None:
    assert writes('UPDATE "catalog_pricerecord" SET "amount" = d.new_price FROM syncops_diff AS d')
    assert writes('WITH appended AS (INSERT INTO "syncops_change" ("a") SELECT 1) SELECT 1')
    assert writes('INSERT INTO "syncops_run" VALUES (1)')
    assert writes("COPY syncops_change FROM STDIN")
    assert not writes("WITH doubled AS (SELECT 1) UPDATE syncops_staging SET code = 'E_DUP'")


def test_I30_a_dry_run_ends_as_the_run_would(stores: list[Store], imports: Imports) -> None:
    known_products(stores[0])
    for data, asked in (
        (with_row("K01,,"), {}),
        (with_row("K01,,"), {"on_error": "skip"}),
        (price_list(("A", 1), ("B", 2)), {"on_error": "skip"}),
        (price_list(("K01", 9)), {}),
    ):
        dry = imports(Shipped(), data, dry_run=True, **asked)
        assert dry.ending is imports(Shipped(), data, **asked).ending


# The report --------------------------------------------------------------------------------------------------


def test_I50_the_report_says_how_the_file_was_read(stores: list[Store], imports: Imports) -> None:
    make_product(stores[0], "A", "9")
    data = b"\xef\xbb\xbfPrices of May\nSKU;Preis;Farbe\n\nA;12,50;rot\n"
    done = imports(Shipped(), data)
    assert replace(done.file, sha256="") == replace(
        done.file,
        name="-",
        sha256="",
        bytes=len(data),
        encoding="utf-8",
        delimiter=";",
        decimal=",",
        header_line=2,
    )
    assert len(done.file.sha256) == 64
    notes = " ".join(done.notes)
    assert "Farbe" in notes
    assert "blank" in notes
    assert set(done.seconds) == {"read", "plan", "apply"}


def test_I51_conservation_is_proved(stores: list[Store]) -> None:
    fates = dict.fromkeys(("created", "changed", "unchanged", "rejected", "unknown", "duplicate", "stale"), 1)
    prove({"read": 7, **fates})
    for name in fates:
        with pytest.raises(RuntimeError, match="conserved"):
            prove({"read": 7, **fates, name: 2})


CELLS = st.sampled_from(
    [
        "12",
        "12.50",
        "12.50",
        "9",
        "9.00",
        "$12",
        "€ 7",
        "0",
        "-5",
        "",
        "x",
        "NaN",
        "1e9",
        "12.345",
        "=1",
        "7 EUR",
    ]
)
SKU_CELLS = st.sampled_from(["A", "A", "B", "C", "D", " A ", '="B"', "", "NEW", "new2", "1.2E+9"])
LINES = st.one_of(
    st.tuples(SKU_CELLS, CELLS, st.sampled_from(["", "", "EUR", "JPY", "USD", "?"])).map(
        lambda cells: ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells)
    ),
    st.tuples(SKU_CELLS.filter(lambda cell: '"' not in cell), CELLS).map(
        lambda cells: ",".join((*cells, ""))
    ),
    st.sampled_from(["", "  ", "A,12", "A,12,EUR,x", 'A,"12', "A,12,"]),
)


def test_I51_every_row_has_one_fate(stores: list[Store], transactional_db: Any) -> None:
    for sku, price, currency in (
        ("A", "9", "EUR"),
        ("B", "9", "USD"),
        ("C", "12.50", "EUR"),
        ("D", None, ""),
    ):
        Shipped().add(sku, price, stores[:1], currency)
    before = dump()
    seen: set[str] = set()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @example(["NEW,12,EUR", "A,12,", "A,12,", "B,x,"], "create", "reject", None)
    @example(["NEW,12,EUR"], "reject", "last", "EUR")
    @given(
        lines=st.lists(LINES, min_size=1, max_size=12),
        unknown=st.sampled_from(["reject", "ignore", "create"]),
        dup=st.sampled_from(["reject", "last"]),
        currency=st.sampled_from([None, "EUR"]),
    )
    def conserve(lines: list[str], unknown: str, dup: str, currency: str | None) -> None:
        data = "\n".join(["sku,price,currency", "C,12.50,", *lines, ""]).encode()
        options = Options(
            source="catalog.Product", store="eu", on_error="skip", dry_run=True, unknown=unknown, dup=dup,
            currency=currency, decimal=".", overrides={"G_UNKNOWN": "a test"},
        )  # type: ignore[arg-type]  # fmt: skip
        done = import_.run("-", options, stream=io.BytesIO(data))
        rows = done.rows
        fates = ("created", "changed", "unchanged", "rejected", "unknown", "duplicate", "stale")
        assert rows["read"] == sum(rows[fate] for fate in fates)
        assert rows["valid"] == rows["read"] - rows["rejected"]
        # Told by another reader: what is no blank line is a row, whatever is wrong with it.
        if not any('"' in line for line in lines):
            assert rows["read"] == 1 + sum(bool(line.strip()) for line in lines)
        assert len(done.changes) == min(20, rows["changed"] + rows["created"])
        assert done.rows["rejected"] == sum(
            count for code, count in done.codes.items() if code.startswith("E_") and code != "E_UNKNOWN_SKU"
        )
        seen.update(fate for fate in fates if rows[fate])

    conserve()
    assert dump() == before
    assert seen == {"created", "changed", "unchanged", "rejected", "unknown", "duplicate"}


def test_I52_all_errors_of_a_row_with_their_places(stores: list[Store], imports: Imports) -> None:
    make_product(stores[0], "A", "9")
    data = b'sku,Unit Price,Currency\nA,"9\n",EUR\n,-5,XX\nA,5,\n'
    done = imports(Shipped(), data)
    found = [(each.code, each.line, each.column, each.raw) for each in done.errors]
    assert [each for each in found if each[1] == 4] == [
        ("E_SKU", 4, "sku", ""),
        ("E_NEGATIVE", 4, "Unit Price", "-5"),
        ("E_CURRENCY", 4, "Currency", "XX"),
    ]
    assert done.rows["rejected"] <= 4


def test_I52_a_report_shows_twenty_and_the_rejects_file_all(
    stores: list[Store], imports: Imports, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    data = price_list(*((f"X{number}", "12") for number in range(50)))
    done = imports(Shipped(), data, rejects=str(rejects))
    assert (len(done.errors), done.codes) == (20, {"E_UNKNOWN_SKU": 50})
    assert (done.rejects, len(rejects.read_text().splitlines())) == (str(rejects), 51)


def test_I54_no_control_character_of_a_file_is_in_a_report(stores: list[Store], imports: Imports) -> None:
    make_product(stores[0], "A", "9")
    evil = "\x1b[2J\x07\u202e\x9b31m"
    data = f"sku,price,currency,{evil}\n{evil},12,EUR,\nA,{evil},{evil},\n".encode()
    done = imports(Shipped(), data)
    texts = [text for each in done.errors for text in (each.column, each.raw, each.message, each.suggestion)]
    texts += done.notes
    assert any("1b" in text for text in texts)
    assert all(text.isprintable() for text in texts), texts
    long = imports(Shipped(), price_list(("A", "y" * 5000)))
    assert len(long.errors[0].raw) <= 200
    assert len(long.errors[0].message) < 300


# The rejects file --------------------------------------------------------------------------------------------


def read(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_I53_the_rejects_file_corrected_imports_as_it_is(
    stores: list[Store], imports: Imports, tmp_path: Path
) -> None:
    known_products(stores[0])
    first, second = tmp_path / "rejects.csv", tmp_path / "again.csv"
    data = (
        "Größe;SKU;Preis;Bemerkung\n"
        + "".join(f"M;{sku};{price},50;\n" for sku, price in KNOWN[3:])
        + "=cmd|'/C calc'!A0;K00;abc;@home\nL;K01;-5;'=quoted\n\"a;b\";K02;;+49 30\n"
    ).encode()
    done = imports(Shipped(), data, on_error="skip", rejects=str(first))
    assert (done.rows["changed"], done.rows["rejected"]) == (37, 3)
    rows = read(first, ";")
    assert rows[0] == ["Größe", "SKU", "Preis", "Bemerkung", "_line", "_code", "_message"]
    assert [row[4:6] for row in rows[1:]] == [["39", "E_SYNTAX"], ["40", "E_NEGATIVE"], ["41", "E_EMPTY"]]
    assert rows[1][:4] == ["'=cmd|'/C calc'!A0", "K00", "abc", "'@home"]
    assert rows[2][:4] == ["L", "K01", "'-5", "''=quoted"]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)

    # As it is, every row of it is refused again, for the same reason.
    again = imports(Shipped(), first.read_bytes(), on_error="skip", rejects=str(second), decimal=",")
    assert (again.rows["read"], again.rows["rejected"]) == (3, 3)
    assert [(row[:4], row[5]) for row in read(second, ";")] == [(row[:4], row[5]) for row in rows]
    assert [each.raw for each in again.errors] == ["abc", "-5", ""]

    corrected = (
        first.read_text().replace(";abc;", ";99,90;").replace(";'-5;", ";5,00;").replace(";K02;;", ";K02;7;")
    )
    done = imports(Shipped(), corrected.encode())
    assert (done.status, done.rows["changed"]) == ("applied", 3)
    assert {sku: price for sku, (price, _) in Shipped().prices().items() if sku < "K03"} == {
        "K00": Decimal("99.90"), "K01": 5, "K02": 7,
    }  # fmt: skip


def test_I53_a_sku_that_looks_like_a_formula_survives_the_way_there_and_back(
    stores: list[Store], imports: Imports, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    for sku in ("-A", "@B", "+C", "=D", "'=E", "''-F"):
        make_product(stores[0], sku, "9")
    skus = ("-A", "@B", "+C", "=D", "'=E", "''-F")
    imports(Shipped(), price_list(*((sku, "0") for sku in skus)), rejects=str(rejects))
    assert [row[0] for row in read(rejects)[1:]] == ["'-A", "'@B", "'+C", "'=D", "''=E", "'''-F"]
    done = imports(Shipped(), rejects.read_bytes().replace(b",0,", b",12,"))
    assert (done.status, done.rows["changed"]) == ("applied", 6)


def test_I53_a_cell_is_taken_as_it_stands_in_a_file_that_is_not_ours(
    stores: list[Store], imports: Imports
) -> None:
    make_product(stores[0], "'-A", "9")
    assert imports(Shipped(), price_list(("'-A", "12"))).rows["changed"] == 1


@pytest.mark.parametrize("line", ["A,12,50", "A", "12.50,A,,x", 'A,"12', '"A\nB",12,x,y'])
@pytest.mark.parametrize("header", ["sku,price", "price,sku", "sku,price,note"])
def test_I53_a_record_that_does_not_fit_its_header_is_never_cut_to_fit(
    stores: list[Store], imports: Imports, tmp_path: Path, line: str, header: str
) -> None:
    """`A,12,50` under `sku,price` is 12.50 with a comma, and not 12."""
    for sku in ("A", "12", "50", "12.50"):
        make_product(stores[0], sku, "9")
    rejects, again = tmp_path / "rejects.csv", tmp_path / "again.csv"
    done = imports(
        Shipped(), f"{header}\n{line}\n".encode(), rejects=str(rejects), on_error="skip", decimal="."
    )
    if not done.rows["rejected"]:
        assert header == "sku,price,note"
        return
    reread = imports(
        Shipped(), rejects.read_bytes(), rejects=str(again), on_error="skip", decimal=".",
        overrides={"G_UNKNOWN": "a test"},
    )  # fmt: skip
    assert reread.rows["read"] == reread.rows["rejected"] + reread.rows["unknown"] == done.rows["rejected"]
    assert all(price == 9 for price, _ in Shipped().prices().values())
    assert line.split(",", maxsplit=1)[0].strip('"').split("\n")[0] in again.read_text()


def test_I53_rejects_that_cannot_be_written_are_found_out_before_the_first_write(
    stores: list[Store], imports: Imports, tmp_path: Path
) -> None:
    known_products(stores[0])
    before = dump()
    with pytest.raises(UsageError, match="cannot be written"):
        imports(Shipped(), with_row("K01,,"), on_error="skip", rejects=str(tmp_path / "none" / "rejects.csv"))
    assert dump() == before


def test_I53_the_rejects_never_replace_the_list_itself(stores: list[Store], tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_bytes(with_row("K01,,"))
    (tmp_path / "link.csv").symlink_to(file)
    for name in ("prices.csv", "link.csv"):
        options = Options(source="catalog.Product", rejects=str(tmp_path / name), deliver=False)
        with pytest.raises(UsageError, match="the very file"):
            import_.run(str(file), options)
    assert file.read_bytes() == with_row("K01,,")


# Delivery ----------------------------------------------------------------------------------------------------


def test_I50_an_import_delivers_what_it_marked(stores: list[Store], imports: Imports) -> None:
    make_product(stores[0], "A", "9")
    take_marks()
    done = imports(Shipped(), price_list(("A", "12")), deliver=True)
    assert [(each.store, each.delivered) for each in done.delivered.stores] == [("eu", 1)]
    assert RemoteListing.objects.values_list("sku", "price").get() == ("A", 12)
    assert Change.objects.count() == 0


def test_I50_counts_are_kept_with_the_run(stores: list[Store], imports: Imports) -> None:
    make_product(stores[0], "A", "9")
    done = imports(Shipped(), price_list(("A", "12")))
    run = Run.objects.get(pk=done.run)
    assert json.loads(json.dumps(run.counts)) == dict(done.rows)
    assert run.arguments["sha256"] == done.file.sha256
