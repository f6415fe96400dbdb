"""Formats: the same rows everywhere, and nothing hostile gets through."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.cells import cell, document, harmless, instant
from cli.render import render
from cli.screen import Screen, visible
from cli.view import Format, View
from syncops.errors import InputRefused
from syncops.values import Ending


def screen() -> Screen:
    return Screen(io.StringIO(), {})


NOON = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
VIEW = View(
    schema="syncops.x/1",
    payload={"price": Decimal("1E+2"), "at": NOON, "none": None},
    columns=("sku", "price", "at", "on"),
    rows=(("A-1", Decimal("12.50"), NOON, True), ("B-2", None, None, False)),
    ending=Ending.LEFTOVERS,
)


def test_T02_json_has_schema_ok_and_exit_code() -> None:
    assert json.loads(render(VIEW, Format.JSON, screen())) == {
        "schema": "syncops.x/1",
        "ok": True,
        "price": "100",
        "at": "2026-03-01T10:00:00Z",
        "none": None,
        "exit_code": 4,
    }


def test_T02_a_view_with_an_error_is_not_ok() -> None:
    view = View(schema="s/1", payload={"rows": 2}, error=InputRefused("E10", "Bad.", hint="Fix."))
    content = json.loads(render(view, Format.JSON, screen()))
    assert content == {
        "schema": "s/1",
        "ok": False,
        "rows": 2,
        "error": {"code": "E10", "message": "Bad.", "hint": "Fix."},
        "exit_code": 6,
    }
    last = render(view, Format.NDJSON, screen()).splitlines()[-1]
    assert json.loads(last)["error"]["code"] == "E10"


def test_T03_plain_is_tab_separated_and_truncates_nothing() -> None:
    view = View(columns=("a", "b"), rows=(("x" * 5000, "two\tcells\nno"),))
    assert render(view, Format.PLAIN, screen()) == "a\tb\n" + "x" * 5000 + "\ttwo\\tcells\\nno\n"


def test_T03_ndjson_is_a_row_an_object() -> None:
    rows = [json.loads(line) for line in render(VIEW, Format.NDJSON, screen()).splitlines()]
    assert rows == [
        {"sku": "A-1", "price": "12.50", "at": "2026-03-01T10:00:00Z", "on": True},
        {"sku": "B-2", "price": None, "at": None, "on": False},
    ]


def test_T03_csv_reads_back() -> None:
    rows = list(csv.reader(io.StringIO(render(VIEW, Format.CSV, screen()))))
    assert rows == [
        ["sku", "price", "at", "on"],
        ["A-1", "12.50", "2026-03-01T10:00:00Z", "yes"],
        ["B-2", "", "", "no"],
    ]


def test_T03_a_table_that_is_asked_for_in_a_pipe_keeps_every_cell_whole() -> None:
    view = View(columns=("name",), rows=(("[bold]x[/bold] :smile: " + "y" * 400,),), title="T")
    text = render(view, Format.TABLE, screen())
    assert "[bold]x[/bold] :smile: " + "y" * 400 in text
    assert "\x1b" not in text


def test_without_columns_the_plain_values_of_the_payload_are_shown() -> None:
    view = View(payload={"run": 7, "stores": [1]})
    assert render(view, Format.PLAIN, screen()) == "field\tvalue\nrun\t7\n"
    assert json.loads(render(view, Format.NDJSON, screen())) == {"run": 7, "stores": [1]}
    assert render(View(), Format.PLAIN, screen()) == ""


def test_a_row_that_does_not_fit_is_a_bug_and_not_a_shifted_column() -> None:
    for wanted in Format:
        if wanted is not Format.JSON:
            with pytest.raises(ValueError, match=r"fit|argument"):
                render(View(columns=("a", "b"), rows=((1,),)), wanted, screen())


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1+1", "@x", "\tx", "\rx", '=cmd|"/c calc"!A1'])
def test_csv_neutralises_formulas(start: str) -> None:
    text = render(View(columns=("c",), rows=((start,),)), Format.CSV, screen())
    assert list(csv.reader(io.StringIO(text)))[1][0].startswith("'")


def test_csv_leaves_numbers_alone() -> None:
    assert harmless("-12.50") == "-12.50"
    assert harmless("A=1") == "A=1"


@given(st.text())
def test_T05_no_format_lets_an_escape_through(text: str) -> None:
    view = View(payload={"x": text}, columns=("c",), rows=((text + "\x1b[2J\x9b1m",),), title=text)
    for wanted in Format:
        shown = render(view, wanted, screen())
        assert not set(shown) & {"\x1b", "\x9b", "\x07", "\x7f", "\u202e"}
        shown.encode()


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_T02_every_document_reads_back(value: dict[str, object]) -> None:
    for ascii_only in (True, False):
        assert json.loads(document(value, ascii_only=ascii_only)) == value


def test_documents_refuse_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="JSON"):
        document(float("nan"))
    with pytest.raises(TypeError, match="object"):
        document(object())
    with pytest.raises(ValueError, match="zone"):
        instant(datetime(2026, 1, 1))  # noqa: DTZ001


def test_T02_json_parses_on_a_stream_that_knows_no_unicode() -> None:
    raw = io.BytesIO()
    latin = Screen(io.TextIOWrapper(raw, encoding="latin-1"), {})
    latin.write(render(View(payload={"name": "é😀"}), Format.JSON, latin))
    latin.write(render(View(columns=("n",), rows=(("é😀",),)), Format.PLAIN, latin))
    latin.flush()
    written = raw.getvalue().decode("latin-1")
    assert json.loads(written[: written.index("}") + 1])["name"] == "é😀"
    assert written.endswith("é\\U0001f600\n")


def test_cells() -> None:
    values = [
        None,
        True,
        Decimal("1E-7"),
        Ending.DONE,
        {"b": 1},
        ["x", None],
        datetime(2026, 1, 1, tzinfo=UTC),
    ]
    assert [cell(value) for value in values] == [
        "",
        "yes",
        "0.0000001",
        "done",
        '{"b": 1}',
        "x, ",
        "2026-01-01T00:00:00Z",
    ]
    assert cell({"b", "a"}) == "a, b"


def test_visible_is_one_line() -> None:
    assert visible("a\nb\x1b\u2028\udc80") == "a\\nb\\x1b\\u2028\\udc80"


def test_endings_of_several_stores_become_the_worst() -> None:
    assert View(ending=(Ending.DONE, Ending.TEMPORARY, Ending.LEFTOVERS)).exit_code == 75
    assert View(ending=Ending.DIFFERENCES).exit_code == 3
    assert View().exit_code == 0
