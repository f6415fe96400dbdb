"""A large price list, from the file to the marketplace, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from project.marketplace.server import Marketplace
from tests.acceptance import price_lists
from tests.acceptance.conftest import Site


@pytest.fixture
def market() -> Iterator[Marketplace]:
    with price_lists.big_market() as marketplace:
        yield marketplace


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "count", [30_000, pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_I40_every_price_of_a_large_list_reaches_the_marketplace(
    site: Callable[..., Site], database: str, count: int
) -> None:
    here = site(database, None)
    price_lists.add_store(here)
    small = price_lists.write_list(here.folder / "small.csv", 10_000, turn=1)
    first = price_lists.write_list(here.folder / "first.csv", count, turn=2)
    second = price_lists.write_list(here.folder / "second.csv", count, turn=3)
    create = ("--store", "eu", "--unknown", "create", "--json")

    done, little = price_lists.measured(here, "import", str(small), *create)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"]["created"] == 10_000
    assert price_lists.on_marketplace(here) == price_lists.prices(10_000, turn=1)

    done, _ = price_lists.measured(here, "import", str(first), *create)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert (rows["created"], rows["changed"]) == (count - 10_000, 10_000)
    assert price_lists.on_marketplace(here) == price_lists.prices(count, turn=2)

    done, much = price_lists.measured(here, "import", str(second), "--store", "eu", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rows"]["changed"] == told["refs"]["marked"] == told["delivered"]["eu"]["delivered"] == count
    assert price_lists.in_database(here) == price_lists.prices(count, turn=3)
    assert price_lists.on_marketplace(here) == price_lists.prices(count, turn=3)
    assert here.changes() == 0
    assert much - little < 40, f"{little:.0f} MiB for 10,000 rows, {much:.0f} MiB for {count:,}"
