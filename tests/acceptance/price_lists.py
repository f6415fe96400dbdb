"""Price lists for tests with real processes, and a site that imports them by the real command.

The rule: the prices of two rounds differ in every row, by little and by no common ratio, so no guard rail is
in the way of a list of any length.
"""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from project.marketplace.server import Marketplace
from tests.acceptance.conftest import ROOT, TOKEN, Site

SYNCOPS = str(Path(sys.executable).with_name("syncops"))
#: Items that a call of the test's marketplace may have.
BATCH = 1000


def big_market() -> Marketplace:
    return Marketplace(token=TOKEN, batch_limit=BATCH, keep_items=0)


def price(number: int, turn: int) -> Decimal:
    """What product `number` costs in a round: 20.00 to 24.99."""
    return Decimal(2000 + (number * 7919 + turn * 104729) % 500) / 100


def prices(count: int, turn: int) -> dict[str, Decimal]:
    return {f"A-{number}": price(number, turn) for number in range(count)}


def write_list(file: Path, count: int, turn: int) -> Path:
    with file.open("w") as out:
        out.write("sku,price,currency\n")
        out.writelines(f"A-{number},{price(number, turn)},EUR\n" for number in range(count))
    return file


def command(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `syncops …` to its end."""
    return subprocess.run(
        [SYNCOPS, *words], env=site.env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def add_store(site: Site) -> None:
    done = command(
        site, "stores", "add", "eu", "--provider", "http",
        "--option", f"base_url={site.market.url}", "--option", f"batch_limit={BATCH}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def in_database(site: Site) -> dict[str, Decimal]:
    rows = site.rows(
        "SELECT p.sku, r.amount FROM catalog_pricerecord r JOIN catalog_product p ON p.id = r.product_id"
    )
    return {sku: Decimal(str(amount)) for sku, amount in rows}


def on_marketplace(site: Site) -> dict[str, Decimal]:
    return {sku: Decimal(str(shown["price"])) for sku, shown in site.market.listings("eu").items()}


#: Runs the command line in a process that writes its own peak memory, in KiB, into a file at its end. What
#: wait4 says of a child begins with the memory of the process that started it.
_MEASURED = """
import sys
from cli.main import run
code = run(sys.argv[2:])
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
with open(sys.argv[1], "w") as file:
    file.write(peak)
sys.exit(code)
"""


def measured(site: Site, *words: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run `syncops …` to its end; its peak memory in MiB."""
    peak = site.folder / f"peak-{os.urandom(4).hex()}"
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(peak), *words],
        env=site.env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    return done, int(peak.read_text()) / 1024
