"""The benchmarks run and print every row they promise. What the figures are is not a test's affair."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]

ROWS = (
    "1,000 saves in a transaction, watched / bare (C50)",
    "1,000 saves in a transaction, extra statements (C05, C50)",
    "10 saves in a transaction, watched / bare (C50)",
    "1 save in a transaction, watched / bare (C50)",
    "1 save in a transaction, extra statements (C05, C50)",
    "saves of 90 in a transaction / the first (C52)",
    "import, 30% of 200 changed / bare COPY",
    "import, 1% of 200 changed / bare COPY",
    "import, --dry-run / a run in which nothing changed (I61)",
    "django-import-export, best bulk configuration / import",
    "import, peak memory of a fresh process",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYNCOPS_BENCH_POSTGRESQL": settings.POSTGRESQL_URL}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "1", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_row_is_printed(database: str, request: pytest.FixtureRequest) -> None:
    if database == "postgresql":
        request.getfixturevalue("postgresql")
    done = run("--rows", "200", "--saves", "90", "--database", database)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" | ") for line in done.stdout.splitlines()]
    for row in ROWS:
        found = [cells for cells in lines if row in cells[0]]
        assert len(found) == 1, f"{row}\n{done.stdout}"
        assert found[0][1].strip() not in {"", "–"}, done.stdout


@pytest.mark.quick
def test_a_server_that_does_not_answer_is_skipped_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as bound:  # bound, and nobody listens
        bound.bind(("127.0.0.1", 0))
        url = f"postgres://nobody@127.0.0.1:{bound.getsockname()[1]}/none"
        monkeypatch.setattr(settings, "POSTGRESQL_URL", url)
        done = run("--database", "postgresql")
    assert done.returncode == 0, done.stderr
    assert "PostgreSQL: no PostgreSQL: connection" in done.stdout


SHAPES = """
import django
django.setup()
from django.apps import apps

def shape(app, name):
    model = apps.get_model(app, name)
    fields = []
    for field in model._meta.local_fields:
        _, path, arguments, options = field.deconstruct()
        for other in ("related_name", "to", "validators"):  # not a matter of the table
            options.pop(other, None)
        fields.append((field.column, path, arguments, repr(options)))
    rules = [repr(each.deconstruct()[2] | {"name": ""}) for each in model._meta.constraints]
    return fields, rules

for name in ("Product", "PriceRecord"):
    assert shape("catalog", name) == shape("twin", name), name
print("alike")
"""


@pytest.mark.quick
def test_the_twin_has_the_shape_of_the_catalogue() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHAPES],
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "alike\n", done.stderr
