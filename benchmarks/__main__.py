"""`python -m benchmarks`: measure, and print one table.

The rule: a database or a peer that is not there is skipped with its reason; nothing is made up for it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.databases import DATABASES, Absent
from benchmarks.report import Figure, table


def main(arguments: list[str] | None = None) -> int:
    """Measure on each database in turn and print the table. 1 where a measurement broke off."""
    options = _options(arguments)
    sizes = _sizes(options)
    began = time.monotonic()
    found: dict[str, list[Figure]] = {}
    broken = False
    skipped = {}
    for name in options.database or DATABASES:
        label, make = DATABASES[name]
        print(f"measuring on {label} …", file=sys.stderr, flush=True)
        found[label] = []
        try:
            with make() as url:
                for figure in _measure(url, sizes):
                    print(f"  {figure.what}: {figure.text}", file=sys.stderr, flush=True)
                    found[label].append(figure)
        except Absent as fault:
            skipped[label] = str(fault)
        except subprocess.CalledProcessError as fault:
            skipped[label] = f"broke off (status {fault.returncode}, see above)"
            broken = True
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", end="; ")
    print(f"{time.monotonic() - began:.0f} s. Ratios of processor time (client + server), wall time in [].\n")
    print(table(found))
    for label, why in skipped.items():
        print(f"{label}: {why}")
    return 1 if broken else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="syncops against its peers")
    parser.add_argument(
        "--quick", action="store_true", help="smaller and fewer: under 30 s, and less certain"
    )
    parser.add_argument("--rows", type=int, help="rows of the price lists (100,000; with --quick 5,000)")
    parser.add_argument("--rounds", type=int, help="samples of each side of a comparison")
    parser.add_argument(
        "--saves", type=int, help="saves in the long transaction (100,000; with --quick 2,000)"
    )
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this one (repeatable)")
    parser.add_argument("--only", choices=("capture", "import"), help="only this part")
    return parser.parse_args(arguments)


def _sizes(options: argparse.Namespace) -> dict[str, Any]:
    rows = options.rows or (5_000 if options.quick else 100_000)
    long = options.saves or (2_000 if options.quick else 100_000)
    rounds = options.rounds or (2 if options.quick else 5)
    peer_rounds = max(1, rounds // 3)
    memory = (rows // 5, rows) if options.quick else (rows // 2, 5 * rows)
    sizes = {
        "capture": {
            "rounds": {"1000": rounds if options.quick else 2 * rounds, "10": 25 * rounds, "1": 50 * rounds},
            "long": long,
        },
        "import": {
            "rows": rows,
            "peer_rows": max(1, rows // 5),
            "rounds": rounds,
            "peer_rounds": peer_rounds,
            "memory": memory,
        },
    }
    return sizes if options.only is None else {options.only: sizes[options.only]}


def _measure(url: str, sizes: dict[str, Any]) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="syncops-bench-home-") as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNCOPS_")}
        environment |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "SYNCOPS_HOME": home,
        }
        command = [sys.executable, "-m", "benchmarks.measure", json.dumps(sizes)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as measuring:
            assert measuring.stdout is not None
            try:
                for line in measuring.stdout:
                    yield Figure.of(json.loads(line))
            except BaseException:
                measuring.terminate()
                raise
        if measuring.returncode:
            raise subprocess.CalledProcessError(measuring.returncode, command)


if __name__ == "__main__":
    sys.exit(main())
