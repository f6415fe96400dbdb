"""The bad input of a price list through the real command, by both doors: status, stdout, and one line that says it.

A real database file and real processes; nothing of the shell that runs the tests is in their environment.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOORS = {"console": ["-m", "cli.main"], "manage.py": [str(ROOT / "manage.py"), "syncops"]}


@dataclass(frozen=True)
class Outcome:
    out: str
    err: str
    code: int


@dataclass(frozen=True)
class Shop:
    """A database with one store and forty products at 9 EUR."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "error",
            "SYNCOPS_HOME": str(self.folder),
            "SYNCOPS_OPERATOR": "a test",
            "DJANGO_SETTINGS_MODULE": "project.settings",
        }

    def run(self, door: str, *words: str, data: bytes | None = None, **env: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, *DOORS[door], *words],
            cwd=ROOT, env=self.env | env, input=data or b"", capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        # How long it took is the one thing that is never the same twice.
        out = re.sub(r'("seconds": )\{[^}]*\}', r"\1{}", done.stdout.decode())
        return Outcome(out, done.stderr.decode(), done.returncode)

    def both(self, *words: str, data: bytes | None = None, **env: str) -> Outcome:
        """The outcome of the console script, once manage.py was seen to give the same."""
        with ThreadPoolExecutor() as pool:
            one, other = pool.map(lambda door: self.run(door, *words, data=data, **env), DOORS)
        assert (one.out, one.err, one.code) == (other.out, other.err, other.code)
        return one

    def file(self, data: bytes) -> str:
        path = self.folder / "prices.csv"
        path.write_bytes(data)
        return str(path)

    def contents(self) -> list[str]:
        """All rows of the database."""
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as database:
            return list(database.iterdump())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("shop"))
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=made.env, check=True, timeout=120
    )
    assert made.run("console", "stores", "add", "eu", "--provider", "memory").code == 0
    rows = "".join(f"K{number:02},9,EUR\n" for number in range(40))
    words = ("import", "-", "--store", "eu", "--unknown", "create")
    done = made.run("console", *words, data=f"sku,price,currency\n{rows}".encode())
    assert done.code == 0, done.err
    return made


def good(bad: str, header: str = "sku,price,currency") -> bytes:
    """A list in which line 3 is `bad` and all else is fine."""
    rows = [f"K{number:02},{10 + number}.50," for number in range(2, 40)]
    return "\n".join([header, rows[0], bad, *rows[1:], ""]).encode()


#: Data, exit status, code, and what the line on stderr has to name.
REFUSED = [
    (b"", "F_EMPTY", "empty"),
    (b"sku,price\n", "F_EMPTY", "line 1"),
    (b"sku,price\nK01,12\nK02,\xff\n", "F_ENCODING", "line 3"),
    (b"sku,price\nK\x0001,12\n", "F_NOT_TABULAR", "NUL"),
    (b"<html><body>502 Bad Gateway</body></html>", "F_NOT_TABULAR", "HTML"),
    (b"sku price\nK01 12\n", "F_HEADER", "line 1"),
    (b"sku,price,preis\nK01,12,13\n", "F_HEADER", "line 1"),
    (b'sku,price\nK01,1.50\nK02,"1,50"\n', "F_DECIMAL", "line 3"),
    (b"sku,price\nK01,1.299\n", "F_DECIMAL", "line 2"),
    (gzip.compress(b"sku,price\nK01,12\n")[:20], "F_ARCHIVE", "gzip"),
]


@pytest.mark.parametrize(("data", "code", "place"), REFUSED, ids=[f"{c}-{p}" for _, c, p in REFUSED])
def test_a_file_that_is_no_price_list(shop: Shop, data: bytes, code: str, place: str) -> None:
    before = shop.contents()
    with ThreadPoolExecutor() as pool:
        told = pool.submit(shop.run, "manage.py", "import", shop.file(data), "--json")
        plain = shop.run("console", "import", "-", data=data)
    document = json.loads(told.result().out)
    assert (told.result().code, document["exit_code"], document["ok"]) == (6, 6, False)
    assert document["schema"] == "syncops.import/1"
    assert document["error"]["code"] == code
    assert (plain.code, plain.out) == (6, "")
    first = plain.err.splitlines()[0]
    assert first.startswith("error: ")
    assert place in first
    assert "Traceback" not in plain.err
    assert shop.contents() == before


@pytest.mark.parametrize("path", ["none.csv", ".", "prices.csv/inner"])
def test_a_file_that_is_not_there(shop: Shop, path: str) -> None:
    shop.file(good(""))
    done = shop.both("import", str(shop.folder / path), "--json")
    assert (done.code, json.loads(done.out)["error"]["code"]) == (2, "UsageError")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err


#: A row, its code, its column, and how the cell is quoted.
ROWS = [
    ('K01,"12', "E_QUOTE", "row", "'K01,\"12'"),
    ("K01,12,5,0", "E_COLUMNS", "row", "'K01,12,5,0'"),
    ("1.23E+12,12,", "E_SKU", "sku", "'1.23E+12'"),
    ("k01,12,", "E_UNKNOWN_SKU", "sku", "'k01'"),
    ("K05,99,", "E_DUP", "sku", "'K05'"),
    ("K01,,", "E_EMPTY", "price", "''"),
    ("K01,NaN,", "E_SYNTAX", "price", "'NaN'"),
    ("K01,0,", "E_ZERO", "price", "'0'"),
    ("K01,-5,", "E_NEGATIVE", "price", "'-5'"),
    ("K01,12.5055,", "E_DECIMALS", "price", "'12.5055'"),
    ("K01,99999999999999,", "E_RANGE", "price", "'99999999999999'"),
    ("K00,12,USD", "E_CURRENCY", "currency", "'USD'"),
]


def test_bad_rows_end_with_6_or_4_and_each_is_told_with_its_place(shop: Shop) -> None:
    before = shop.contents()
    lines = ["sku,price,currency", *(f"K{number:02},{10 + number}.50," for number in range(2, 40))]
    first = len(lines) + 1
    data = "\n".join([*lines, *(row for row, *_ in ROWS), ""]).encode()
    skip = ("--on-error", "skip", "--dry-run", "--override", "G_UNKNOWN=a test")
    with ThreadPoolExecutor() as pool:
        told = pool.submit(shop.run, "manage.py", "import", "-", "--json", data=data)
        left = pool.submit(shop.run, "manage.py", "import", "-", *skip, "--json", data=data)
        plain = shop.run("console", "import", "-", data=data)
    document = json.loads(told.result().out)
    assert (told.result().code, document["exit_code"], document["status"]) == (6, 6, "refused")
    codes = [code for _, code, _, _ in ROWS]
    assert document["codes"] == {code: 2 if code == "E_DUP" else 1 for code in codes}
    assert plain.code == 6
    assert "Traceback" not in plain.err
    for line, (_, code, column, raw) in enumerate(ROWS, first):
        (error,) = [each for each in document["errors"] if each["line"] == line]
        assert (error["code"], error["column"] or "row", repr(error["raw"])) == (code, column, raw)
        (said,) = [each for each in plain.err.splitlines() if each.startswith(f"  line {line}, ")]
        assert said.startswith(f"  line {line}, {column} {raw}: ")
        assert f"{code}: " in plain.err
    assert (left.result().code, json.loads(left.result().out)["exit_code"]) == (4, 4)
    assert shop.contents() == before


def test_a_near_sku_is_suggested(shop: Shop) -> None:
    assert "(did you mean K01?)" in shop.run("console", "import", "-", data=good("k01,12,")).err


def test_a_rail_ends_with_5_and_says_how_to_pass_it(shop: Shop) -> None:
    before = shop.contents()
    rows = "".join(f"K{number:02},9,\n" for number in range(10)) + "N1,9,\nN2,9,\n"
    done = shop.both(
        "import", shop.file(f"sku,price,currency\n{rows}".encode()), "--on-error", "skip", "--no-deliver"
    )
    assert done.code == 5
    assert "G_UNKNOWN: 2 of 12" in done.err
    assert "--override G_UNKNOWN=" in done.err
    assert shop.contents() == before


@pytest.mark.parametrize(
    "words",
    [
        ("--override", "G_UNKNOWN"),
        ("--map", "price"),
        ("--store", "*"),
        ("--decimal", ";"),
        ("--rejects", "/nowhere/rejects.csv"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_asked_for_ends_with_2(shop: Shop, words: tuple[str, ...]) -> None:
    before = shop.contents()
    done = shop.run("console", "import", "-", "--json", "--on-error", "skip", *words, data=good("K01,,"))
    assert (done.code, json.loads(done.out)["exit_code"]) == (2, 2)
    assert done.err.startswith("error: ")
    assert shop.contents() == before


def test_a_database_that_does_not_answer_ends_with_75(shop: Shop) -> None:
    url = "postgres://nobody@127.0.0.1:1/none"
    done = shop.both("import", "-", "--json", data=good("K01,12,"), DATABASE_URL=url)
    assert (done.code, json.loads(done.out)["exit_code"]) == (75, 75)
    assert "Traceback" not in done.err


def test_I54_nothing_of_a_file_reaches_the_terminal_as_a_control_character(shop: Shop) -> None:
    evil = "\x1b[2J\x07\u202e\x9b31m"
    data = f"sku,price,currency,{evil}\n{evil},12,EUR,\nK01,{evil},{evil},\n".encode()
    done = shop.both("import", shop.file(data), "--json")
    assert done.code == 6
    assert all(character.isprintable() or character == "\n" for character in done.out + done.err)
    assert "\\x1b[2J" in done.err


def test_I50_the_document_has_every_field_of_the_schema(shop: Shop) -> None:
    done = shop.both("import", "-", "--dry-run", "--json", data=good("K01,12,"))
    document = json.loads(done.out)
    assert (document["schema"], document["status"], document["exit_code"], document["dry_run"]) == (
        "syncops.import/1", "dry run", 0, True,
    )  # fmt: skip
    assert set(document["file"]) == {
        "name", "sha256", "bytes", "encoding", "delimiter", "decimal", "header_line",
    }  # fmt: skip
    assert document["rows"] == {
        "read": 39, "valid": 39, "created": 0, "changed": 39, "unchanged": 0, "rejected": 0, "unknown": 0,
        "duplicate": 0, "stale": 0,
    }  # fmt: skip
    assert document["refs"] == {"marked": 0, "stores": {}}
    assert (document["run"], document["rails"], document["rejects"], document["delivered"]) == (
        None,
        [],
        None,
        {},
    )
    assert {"seconds", "next"} <= set(document)
    assert document["changes"][0] == {
        "line": 2, "sku": "K02", "old": "9.00", "new": "12.50", "currency": "EUR",
    }  # fmt: skip


def test_I50_rows_are_listed_for_whoever_asks_for_rows(shop: Shop) -> None:
    words = ("import", "-", "--dry-run", "--format")
    rows = [
        json.loads(line)
        for line in shop.run("console", *words, "ndjson", data=good("K01,12,")).out.splitlines()
    ]
    assert len(rows) == 39
    short = shop.run("manage.py", *words, "json", data=good("K01,12,"))
    assert json.loads(short.out)["changes"] == rows[:20]
