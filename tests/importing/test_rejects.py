"""The rejects file: nothing of a row is lost on the way out and back, and nothing in it runs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncops.errors import UsageError
from syncops.importing.reader import open_table
from syncops.importing.rejects import ADDED, is_rejects, neutral, restored, write_rejects
from syncops.importing.rows import RowError

CELLS = st.text(st.sampled_from("ab'=+-@\t\r,;\"\n |é"), max_size=6)


@given(CELLS)
def test_I53_what_is_neutralised_comes_back_as_it_was(cell: str) -> None:
    assert restored(neutral(cell)) == cell
    assert not neutral(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=4),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)
def test_I53_a_file_that_we_wrote_reads_as_the_rows_that_were_refused(
    rows: list[tuple[str, str, str]], delimiter: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # A reader has every line break as \\n, so no cell that was read has another.
    cells = [[each.replace("\r", "\n") for each in row] for row in rows]
    path = tmp_path_factory.mktemp("rejects") / "rejects.csv"
    error = RowError("E_SYNTAX", 7, "price", "x", "=a message")
    header = ["sku", "price", "=note"]
    assert write_rejects(str(path), header, delimiter, ((row, 7, [error]) for row in cells)) == len(rows)
    table = open_table(io.BytesIO(path.read_bytes()), delimiter=delimiter)
    assert table.header == (*header, *ADDED)
    assert [record.cells[:3] for record in table] == cells


def test_I53_a_file_of_somebody_else_is_not_ours() -> None:
    assert is_rejects(["sku", "price", *ADDED])
    assert not is_rejects(["sku", "price"])
    assert not is_rejects([*ADDED, "sku"])
    table = open_table(io.BytesIO(b"sku,price\n'=A,12\n"))
    assert [record.cells for record in table] == [["'=A", "12"]]


def test_I53_columns_that_we_added_are_not_added_twice(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    error = RowError("E_SKU", 3, "sku", "", "the SKU is empty")
    write_rejects(
        str(path), ["sku", "price", *ADDED], ",", [(["", "1", "9", "E_X", "old"], 3, [error, error])]
    )
    assert path.read_text() == "sku,price,_line,_code,_message\n,1,3,E_SKU,the SKU is empty\n"


def test_I53_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_rejects(str(tmp_path), ["sku", "price"], ",", [])
