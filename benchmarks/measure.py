"""Everything that is measured on one database: `python -m benchmarks.measure ARGUMENTS`, one JSON a figure.

The rule: one program a database, so that neither warms up the other, and `DATABASE_URL` says which.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

from benchmarks.report import Figure


def measure(sizes: dict[str, Any]) -> Iterator[Figure]:
    """Every figure on the database of the environment."""
    from benchmarks import arrangement, capture, import_

    arrangement.make_tables()
    if "capture" in sizes:
        yield from capture.figures(capture.Size(**sizes["capture"]))
    if "import" in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield from import_.figures(import_.Size(**sizes["import"]), Path(folder))


if __name__ == "__main__":
    django.setup()
    for figure in measure(json.loads(sys.argv[1])):
        print(json.dumps(figure.record()), flush=True)
