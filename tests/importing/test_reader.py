"""The reader: bytes of any origin to records, or a refusal that says where and what to do."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import lzma
import os
import threading
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncops.errors import InputRefused, UsageError
from syncops.importing import lines, records
from syncops.importing.columns import ALIASES, fold
from syncops.importing.keys import clean_sku
from syncops.importing.reader import Table, open_table
from syncops.importing.rows import Note, Reason, RowError, escape, excerpt

if TYPE_CHECKING:
    from pathlib import Path


def table(data: bytes | str, **options: object) -> Table:
    raw = data.encode() if isinstance(data, str) else data
    return open_table(io.BytesIO(raw), **options)  # type: ignore[arg-type]


def refusal(data: bytes | str, **options: object) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        list(table(data, **options))
    return caught.value


def rows(data: bytes | str, **options: object) -> list[tuple[int, list[str] | str]]:
    """Line and cells of each record; line and code where it is refused."""
    return [(r.line, r.error.code if r.error else r.cells) for r in table(data, **options)]


# Reading ---------------------------------------------------------------------------------------------------


def test_a_table_says_what_it_found() -> None:
    data = b"\xef\xbb\xbfSKU;Preis;Farbe\r\nA;1,50;rot\r\n\r\nB;2,50;blau"
    found = table(data)
    assert (found.encoding, found.delimiter, found.header_line) == ("utf-8", ";", 1)
    assert found.header == ("SKU", "Preis", "Farbe")
    assert dict(found.columns) == {"sku": 0, "price": 1}
    assert found.ignored == ("Farbe",)
    assert found.notes == ("byte order mark of utf-8 skipped",)
    assert [(r.line, r.cells, r.error) for r in found] == [
        (2, ["A", "1,50", "rot"], None),
        (4, ["B", "2,50", "blau"], None),
    ]
    assert found.digest == hashlib.sha256(data).hexdigest()
    assert (found.bytes, found.blank_lines) == (len(data), 1)


def test_what_is_known_at_the_end_is_not_told_before() -> None:
    found = table("sku,price\nA,1\nB,2\n")
    next(found)
    for name in ("digest", "bytes", "blank_lines"):
        with pytest.raises(RuntimeError, match="to the end"):
            getattr(found, name)
    assert len(list(found)) == 1
    assert found.bytes == 18


def test_I05_only_three_line_ends_and_physical_numbers() -> None:
    data = "sku,price\r\nA\u2028x,1\rB\x0by,2\nC\x1cz,3\r\n\n   \nD\x85w,4"
    assert rows(data) == [
        (2, ["A\u2028x", "1"]),
        (3, ["B\x0by", "2"]),
        (4, ["C\x1cz", "3"]),
        (7, ["D\x85w", "4"]),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_blocks_cut_anywhere_change_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = 'sku,price,name\r\nÄ,1,"two\r\nlines"\r\n\r\nB,2,"a ""q"""\rC,3,€\n"D",4,\n'.encode()
    whole = list(table(data))
    assert [r.line for r in whole] == [2, 5, 6, 7]
    found = lines.Lines(io.BytesIO(data), None)
    expected = [line for block in found.blocks() for line in block.lines]
    monkeypatch.setattr(lines, "BLOCK", size)
    cut = lines.Lines(io.BytesIO(data), None)
    assert [line for block in cut.blocks() for line in block.lines] == expected
    monkeypatch.setattr(lines, "SLICE", 1)
    parser = records.Records(",", 3)
    blocks = list(lines.Lines(io.BytesIO(data), None).blocks())
    got = [r for at, block in enumerate(blocks) for r in parser.read(block, last=at == len(blocks) - 1)]
    assert got[1:] == whole
    assert parser.blank == 1


class Dripping(io.RawIOBase):
    """A pipe that gives one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(1)


def test_I07_a_slow_stream_reads_like_a_file() -> None:
    data = b"sku,price\n" + b"".join(b"A%d,1\n" % n for n in range(500))
    stream: BinaryIO = Dripping(data)  # type: ignore[assignment]
    found = open_table(stream)
    assert [r.line for r in found] == list(range(2, 502))
    assert found.digest == hashlib.sha256(data).hexdigest()
    assert not stream.closed


def test_I07_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    data = b"sku,price\n" + b"A,1\n" * 200_000

    def fill() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    filler = threading.Thread(target=fill)
    filler.start()
    with os.fdopen(reading, "rb") as pipe:
        assert sum(1 for _ in open_table(pipe)) == 200_000
    filler.join()


def test_a_stream_that_does_not_block_is_not_taken_for_ended() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb", buffering=0) as pipe, os.fdopen(writing, "wb", buffering=0) as full:
        full.write(b"sku,price\nA,1\n")
        with pytest.raises(UsageError, match="before its end"):
            open_table(pipe)


def test_I01_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 16 * 1024)

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.csv"
        with path.open("w") as file:
            file.write("sku,price,name\n")
            file.writelines(f'A{n},1.50,"red, {n}"\n' if n % 3 else f"B{n},2,blue\n" for n in range(count))
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_table(path)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(60_000) < peak(10_000) + 64 * 1024


def test_a_line_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 8192)
    data = b"sku,price\nA,1\n" + b"x" * 8_000_000 + b"\nB,2\n"
    tracemalloc.start()
    try:
        found = rows(data)
        assert tracemalloc.get_traced_memory()[1] < len(data) // 2
    finally:
        tracemalloc.stop()
    assert found == [(2, ["A", "1"]), (3, "E_QUOTE"), (4, ["B", "2"])]


def test_files_are_closed_and_streams_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sku,price\nA,1\n")
    # A file that stays open is a ResourceWarning, and warnings are errors.
    list(open_table(str(path)))
    with open_table(path) as found:
        assert next(found).cells == ["A", "1"]
    path.write_text("nothing\n")
    with pytest.raises(InputRefused):
        open_table(path)


# Strict CSV ------------------------------------------------------------------------------------------------


def test_I05_a_record_has_the_line_on_which_it_began() -> None:
    data = 'sku,price,name\nA,1,"one\ntwo\n\nthree"\nB,2,x\n"C",3,"y"\n'
    assert rows(data) == [(2, ["A", "1", "one\ntwo\n\nthree"]), (6, ["B", "2", "x"]), (7, ["C", "3", "y"])]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('A,"1\nB,2\nC,3\n', [(2, "E_QUOTE"), (3, ["B", "2"]), (4, ["C", "3"])]),
        ('A,1\n"B"x,2\nC,3\n', [(2, ["A", "1"]), (3, "E_QUOTE"), (4, ["C", "3"])]),
        ('A,1\n"B', [(2, ["A", "1"]), (3, "E_QUOTE")]),
        ('"A\n"B\n"C",3\n', [(2, "E_QUOTE"), (3, "E_QUOTE"), (4, ["C", "3"])]),
        ('5" pipe,2\n="00123",3\n', [(2, ['5" pipe', "2"]), (3, ['="00123"', "3"])]),
    ],
)
def test_I05_a_broken_quote_costs_one_record(data: str, expected: list[object]) -> None:
    assert rows("sku,price\n" + data) == expected


def test_I05_a_runaway_quote_ends_at_fifty_lines() -> None:
    tail = "".join(f"B{n},2\n" for n in range(200))
    found = rows('sku,price\n"A,1\n' + tail + 'C,"3"\n')
    assert found[0] == (2, "E_QUOTE")
    assert found[1:] == [(3 + n, [f"B{n}", "2"]) for n in range(200)] + [(203, ["C", "3"])]
    tall = "\n" * 49
    assert rows(f'sku,price\n"A{tall}",1\nB,2\n') == [(2, [f"A{tall}", "1"]), (52, ["B", "2"])]
    found = rows(f'sku,price\n"A{tall}\n",1\nB,2\n')
    assert found[0] == (2, "E_QUOTE")
    assert found[-1] == (53, ["B", "2"])


def test_I05_a_record_ends_at_64_kib() -> None:
    long = "x" * (64 * 1024 - 4)
    assert rows(f'sku,price\n"{long}",1\nB,2\n')[0] == (2, [long, "1"])
    assert rows(f'sku,price\n"{long}x",1\nB,2\n') == [(2, "E_QUOTE"), (3, ["B", "2"])]
    assert rows(f'sku,price\n"{long[:40000]}\n{long[:40000]}",1\nB,2\n')[0] == (2, "E_QUOTE")
    assert rows(f"sku,price\n{long},1234\nB,2\n") == [(2, "E_QUOTE"), (3, ["B", "2"])]


def test_I05_ragged_rows() -> None:
    found = list(table("sku,price,name\nA,1\nB,2,x,,\nC,10,00,x\nD,4,y\n"))
    assert [(r.line, r.error and r.error.code) for r in found] == [
        (2, "E_COLUMNS"),
        (3, None),
        (4, "E_COLUMNS"),
        (5, None),
    ]
    assert found[1].cells == ["B", "2", "x"]
    error = found[2].error
    assert error is not None
    assert (error.line, error.raw) == (4, "C,10,00,x")
    assert "4 cells where the header has 3" in error.message
    assert "quotes" in error.suggestion


#: Cells that hold what could make a difference, and lines of them.
CELLS = st.text(st.sampled_from('ab1 ,;"\u2028\x0c'), max_size=6)


@given(st.lists(CELLS, min_size=1, max_size=12))
def test_the_quick_path_is_csv_where_no_quote_occurs(texts: list[str]) -> None:
    plain = [text.replace('"', "") for text in texts]
    expected = [cells or [""] for cells in csv.reader(plain, strict=True)]
    assert [line.split(",") for line in plain] == expected


@given(st.lists(st.tuples(CELLS, CELLS, CELLS).filter(any), min_size=1, max_size=12))
def test_whatever_csv_writes_is_read_back(written: list[tuple[str, str, str]]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([("sku", "price", "name"), *written])
    assert [tuple(r.cells) for r in table(file.getvalue())] == written


@given(st.text(st.sampled_from('a,"\n\r'), max_size=60))
def test_no_text_is_lost_or_read_twice(text: str) -> None:
    physical = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    try:
        found = list(table("sku,price\n" + text))
    except InputRefused as refused:
        assert refused.code == "F_EMPTY"  # noqa: PT017 - only some texts are refused
        assert not text.replace('"', "").strip()
        return
    begun = [record.line for record in found]
    assert begun == sorted(set(begun))
    for record in found:
        assert 2 <= record.line <= len(physical) + 1
        assert record.error is not None or len(record.cells) == 2
        if record.error and record.error.code == "E_QUOTE":
            assert record.cells == [physical[record.line - 2]]


# Encoding --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("asked", [False, True])
def test_I02_byte_order_marks(name: str, asked: bool) -> None:
    data = "sku,price\nÄ€,1\n".encode(name)
    assert rows(data, encoding=name if asked else None) == [(2, ["Ä€", "1"])]


def test_I02_undecodable_names_the_byte_the_line_and_two_readings() -> None:
    data = "sku,price,name\nA,1,x\nB,2,Größe für Möbel\n".encode("cp1252")
    refused = refusal(data)
    assert refused.code == "F_ENCODING"
    assert f"byte {data.index(0xF6)} (line 3)" in str(refused)
    assert "in cp1252 the line is: B,2,Größe für Möbel" in str(refused)
    assert str(refused).count("the line is:") == 2
    assert "--encoding cp1252" in refused.hint
    assert rows(data, encoding="cp1252")[1] == (3, ["B", "2", "Größe für Möbel"])


def test_I02_the_likeliest_is_not_always_western() -> None:
    name = "Кружка синяя"
    refused = refusal(f"sku,price,name\nA,1,{name}\n".encode("cp1251"))
    assert f"in cp1251 the line is: A,1,{name}" in str(refused)


def test_I02_the_offset_is_right_far_into_the_file() -> None:
    good = "sku,price,name\r\n" + "".join(f"A{n},1,é\r\n" for n in range(60_000))
    data = good.encode() + b"B,2,\xff\r\n"
    refused = refusal(data)
    assert f"byte {len(data) - 3} (line 60002)" in str(refused)


def test_I02_cut_in_the_middle_of_a_character() -> None:
    assert refusal(b"sku,price\nA,1\nB,\xe2\x82").code == "F_ENCODING"


def test_I02_the_operators_word_against_the_mark() -> None:
    refused = refusal(b"\xef\xbb\xbfsku,price\nA,1\n", encoding="cp1252")
    assert (refused.code, refused.hint) == ("F_ENCODING", "leave --encoding out")
    assert refusal("sku,price\nA,1\n".encode("utf-16-le"), encoding="utf-16").code == "F_ENCODING"


@pytest.mark.parametrize("name", ["zlib", "hex", "rot13", "nonsense", "unicode_escape", "utf-7", "a\0b"])
def test_I02_what_is_no_text_encoding(name: str) -> None:
    with pytest.raises(UsageError, match="not a text encoding"):
        table("sku,price\nA,1\n", encoding=name)


# What is no table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", ["", "\n\n \n", "\ufeff", "sku,price\n", "sku,price\r\n\r\n  \r\n", "sep=;\n"]
)
def test_I07_empty_and_header_only(data: str) -> None:
    assert refusal(data).code == "F_EMPTY"


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "sku,price\nA,1\n")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (gzip.compress(b"sku,price\nA,1\n", mtime=0), "F_ARCHIVE"),
        (bz2.compress(b"sku,price\nA,1\n"), "F_ARCHIVE"),
        (lzma.compress(b"sku,price\nA,1\n"), "F_ARCHIVE"),
        (zipped("prices.csv"), "F_ARCHIVE"),
        (zipped("[Content_Types].xml"), "F_NOT_TABULAR"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "F_NOT_TABULAR"),
        (b"%PDF-1.7\nsku,price\n", "F_NOT_TABULAR"),
        (b"<!DOCTYPE html><html>502 Bad Gateway</html>", "F_NOT_TABULAR"),
        (b"\n  <html lang=en>sku,price</html>", "F_NOT_TABULAR"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "F_NOT_TABULAR"),
        (b'{"error": "unauthorised"}', "F_NOT_TABULAR"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "F_NOT_TABULAR"),
        (b"\x01\x02\x03\x04\x05\x06\x07" * 20, "F_NOT_TABULAR"),
        (b"sku,price\nA\0,1\n", "F_NOT_TABULAR"),
    ],
)
def test_I07_files_that_are_something_else(data: bytes, code: str) -> None:
    refused = refusal(data)
    assert refused.code == code
    if code == "F_ARCHIVE":
        assert "unpack" in refused.hint


def test_I07_utf_16_without_its_mark_is_recognised() -> None:
    data = "sku,price\nA,1\n".encode("utf-16-le")
    assert refusal(data).hint.endswith("--encoding utf-16-le")
    assert rows(data, encoding="utf-16-le") == [(2, ["A", "1"])]


def test_I07_a_nul_far_down_is_refused_with_its_line() -> None:
    data = b"sku,price\n" + b"A,1\n" * 100_000 + b"B\0,2\n"
    found = table(data)
    with pytest.raises(InputRefused, match="line 100002") as caught:
        list(found)
    assert caught.value.code == "F_NOT_TABULAR"


def test_I07_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        open_table(tmp_path / "missing.csv")
    with pytest.raises(UsageError, match="is a directory"):
        open_table(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        open_table("/proc/self/mem")
    with pytest.raises(UsageError, match="cannot be opened"):
        open_table("a\0b")
    with pytest.raises(UsageError) as caught:
        open_table(tmp_path / "\x1b[31mred")
    assert "\x1b" not in str(caught.value)


# Header ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_I03_the_delimiter_is_the_one_that_fits(delimiter: str) -> None:
    data = f"sku{delimiter}price{delimiter}a b\nA{delimiter}1{delimiter}x,y;z\n"
    found = table(data.replace("x,y;z", "xyz"))
    assert (found.delimiter, next(found).cells) == (delimiter, ["A", "1", "xyz"])


def test_I03_decimal_commas_do_not_look_like_delimiters() -> None:
    assert rows("sku;price\n1001;10,00\n1002;12,50\n") == [(2, ["1001", "10,00"]), (3, ["1002", "12,50"])]


def test_I03_two_delimiters_that_fit_are_refused() -> None:
    refused = refusal("sku,price,x;sku;price\nA,1,x;B;2\n")
    assert (refused.code, refused.hint) == ("F_HEADER", "say which: --delimiter")


def test_I03_no_delimiter_fits() -> None:
    refused = refusal("A1 10.00\nA2 11.00\n")
    assert refused.code == "F_HEADER"
    assert "A1 10.00" in str(refused)


def test_I03_sep_line() -> None:
    found = table("sep=;\nsku;price\nA;1\n")
    assert (found.delimiter, found.header_line) == (";", 2)
    assert "line 1" in found.notes[0]
    assert [r.line for r in found] == [3]
    assert rows("sep=:\nsku:price\nA:1\n") == [(3, ["A", "1"])]


@pytest.mark.parametrize(("said", "data"), [("tab", "sku\tprice\nA\t1\n"), (":", "sku:price\nA:1\n")])
def test_I03_the_operator_names_the_delimiter(said: str, data: str) -> None:
    assert rows(data, delimiter=said) == [(2, ["A", "1"])]


@pytest.mark.parametrize("said", ['"', "ab", "", "x", "\n"])
def test_I03_what_cannot_delimit(said: str) -> None:
    with pytest.raises(UsageError, match="cannot separate"):
        table("sku,price\nA,1\n", delimiter=said)


def test_I03_a_preamble_is_skipped_and_told() -> None:
    found = table("Price list 2026\n\nvalid from;1.1.\nsku;price\nA;1\n")
    assert found.header_line == 4
    assert found.notes == ("3 lines before the header on line 4 skipped",)
    assert [r.line for r in found] == [5]
    assert found.blank_lines == 1


def test_I03_a_preamble_has_limits() -> None:
    assert table("x\n" * 20 + "sku,price\nA,1\n").header_line == 21
    assert refusal("x\n" * 21 + "sku,price\nA,1\n").code == "F_HEADER"
    refused = refusal("x\nsku,price\nA,1\nsku,price\nB,2\n")
    assert refused.code == "F_HEADER"
    assert "line 2 and line 4" in str(refused)


def test_I03_a_header_in_the_first_line_needs_no_search() -> None:
    assert rows("sku,price\nA,1\nsku,price\n") == [(2, ["A", "1"]), (3, ["sku", "price"])]


@pytest.mark.parametrize(
    "header",
    [
        " SKU , Price ",
        "item_sku,PREIS",
        "Seller-SKU,unit\u00a0price",
        "Artikelnummer,Prix",
        '"Article","Amount"',
    ],
)
def test_I04_names_and_aliases(header: str) -> None:
    assert dict(table(f"{header}\nA,1\n").columns) == {"sku": 0, "price": 1}


def test_I04_aliases_are_written_as_they_are_compared() -> None:
    names = [alias for aliases in ALIASES.values() for alias in aliases]
    assert [fold(name) for name in names] == names
    assert len(set(names)) == len(names)


def test_I04_two_columns_for_one_field() -> None:
    refused = refusal("sku,Price,Preis\nA,1,2\n")
    assert refused.code == "F_HEADER"
    assert "'Price' (column 2) and 'Preis' (column 3)" in str(refused)
    assert dict(table("sku,Price,Preis\nA,1,2\n", mapping={"preis": "price"}).columns) == {
        "sku": 0,
        "price": 2,
    }


def test_I04_a_missing_column_shows_the_nearest_names() -> None:
    refused = refusal("sku,prise,Price (EUR),colour\nA,1,2,red\n")
    assert refused.code == "F_HEADER"
    assert "no column for price" in str(refused)
    assert "--map 'prise=price'" in refused.hint
    assert "--map 'Price (EUR)=price'" in refused.hint
    assert "colour=" not in refused.hint


def test_I04_mapping_is_the_operators_word() -> None:
    found = table("ref,price,cost\nA,9,1\n", mapping={"Ref": "sku", "COST": "price"})
    assert dict(found.columns) == {"sku": 0, "price": 2}
    assert found.ignored == ("price",)
    assert refusal("sku,price\nA,1\n", mapping={"curr": "currency"}).code == "F_HEADER"
    with pytest.raises(UsageError, match="no field"):
        table("sku,price\nA,1\n", mapping={"sku": "stock"})
    with pytest.raises(UsageError, match="twice"):
        table("sku,price\nA,1\n", mapping={"a": "sku", "b": "sku"})


def test_I04_required_fields_are_the_callers() -> None:
    assert refusal("sku,price\nA,1\n", required=("sku", "price", "currency")).code == "F_HEADER"
    assert rows("sku\nA\n\nB\n", required=("sku",)) == [(2, ["A"]), (4, ["B"])]


def test_I04_a_header_may_span_lines_and_end_in_empty_names() -> None:
    found = table('"sku","pri\nce","price",,\nA,x,1,,\n')
    assert found.header == ("sku", "pri\nce", "price")
    assert [(r.line, r.cells) for r in found] == [(3, ["A", "x", "1"])]


# Rows and keys ---------------------------------------------------------------------------------------------


def test_I52_a_row_error_holds_two_hundred_characters() -> None:
    error = RowError("E_SYNTAX", 7, "price\x1b", "\x1b[2J" + "x" * 500, "bad \x07", "do\r")
    assert error.raw.startswith("\\x1b[2Jxxx")
    assert len(error.raw) == 200
    assert (error.column, error.message, error.suggestion) == ("price\\x1b", "bad \\x07", "do\\r")
    assert RowError("E", 1, "", "x" * 200, "").raw == "x" * 200


@given(st.text())
def test_I54_no_control_character_survives(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert escape(shown) == shown
    assert len(excerpt(text * 50)) <= 200
    assert excerpt(text * 50).isprintable()


def test_I54_messages_about_hostile_files_are_printable() -> None:
    evil = "\x1b]0;owned\x07\u202e"
    for data in (f"{evil}\n1\n", f"{evil},sku\n1,2\n", f"sku,price,price{evil},price\n1,2,3,4\n"):
        refused = refusal(data)
        assert escape(str(refused)) == str(refused)
        assert escape(refused.hint) == refused.hint
    error = next(table(f"sku,price\n{evil},1,2\n")).error
    assert error is not None
    assert error.raw.isprintable()


def test_I20_a_plain_sku_is_left_alone() -> None:
    for sku in ("A-1", "00123", "a b", "12E5", "1E-05", "Ä\u0301", "=A1"):
        assert clean_sku(sku) == (sku, None)


def test_I20_what_is_around_a_sku_is_left_out_and_told() -> None:
    for cell in (" A1", "A1\t", "\u00a0A1\u200b", "\ufeffA1", "A1\n"):
        cleaned = clean_sku(cell)
        assert isinstance(cleaned, tuple)
        assert cleaned[0] == "A1"
        assert isinstance(cleaned[1], Note)
        assert cleaned[1].code == "W_TRIMMED"


def test_I20_an_excel_formula_is_unwrapped_with_a_warning() -> None:
    cleaned = clean_sku(' ="00123" ')
    assert isinstance(cleaned, tuple)
    assert cleaned[0] == "00123"
    assert cleaned[1] is not None
    assert cleaned[1].code == "W_UNWRAPPED"


@pytest.mark.parametrize(
    "cell", ["", " \u00a0\u200b", '=""', "x" * 256, "1.23E+12", "1,23E+12", "5e+15", '="1.2E+9"']
)
def test_I20_skus_that_are_refused(cell: str) -> None:
    refused = clean_sku(cell)
    assert isinstance(refused, Reason)
    assert refused.code == "E_SKU"
    assert refused.at(3, "sku", cell).line == 3


def test_I20_scientific_notation_is_named() -> None:
    refused = clean_sku("1.23E+12")
    assert isinstance(refused, Reason)
    assert "1.23E+12" in refused.message
    assert "scientific" in refused.message
    assert clean_sku("x" * 40, max_length=40) == ("x" * 40, None)
