"""What every test may use. A service that is not there skips its tests, and fails them under CI=true."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pytest_sessionstart(session: pytest.Session) -> None:
    """Without a PostgreSQL there is nothing to run on it; in CI there has to be one."""
    if settings.ON_POSTGRESQL and not _answers(5432):
        if os.environ.get("CI") == "true":
            pytest.exit("PostgreSQL does not answer on port 5432, and CI has to have it", returncode=1)
        print("PostgreSQL does not answer on port 5432: its tests are skipped")  # noqa: T201
        pytest.exit("skipped: no PostgreSQL", returncode=0)


def need(service: str, port: int) -> None:
    """Skip the test where a service does not answer; fail it in CI, where all of them are to run."""
    if _answers(port):
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{service} does not answer on port {port}, and CI has to have it")
    pytest.skip(f"{service} does not answer on port {port}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, run what touches a database: everything else has run with SQLite already."""
    if not settings.ON_POSTGRESQL:
        return
    kept, left = [], []
    for item in items:
        names = getattr(item, "fixturenames", ())
        touches = item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(names)
        (kept if touches or hasattr(getattr(item, "cls", None), "databases") else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.fixture(scope="session")
def postgresql() -> str:
    need("PostgreSQL", 5432)
    return str(settings.POSTGRESQL_URL)


@pytest.fixture(scope="session")
def redis_url() -> str:
    need("Redis", 6379)
    return "redis://127.0.0.1:6379/11"


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    need("RabbitMQ", 5672)
    return "amqp://guest:guest@127.0.0.1:5672//"


@pytest.fixture(autouse=True)
def _clean_providers() -> Iterator[None]:
    from syncops.providers.memory import Memory

    Memory.clear()
    yield
    Memory.clear()


@pytest.fixture
def store(db: Any) -> Any:
    """A store of the provider `memory`, switched on."""
    from syncops.models import Store

    return Store.objects.create(slug="eu", provider="memory")


@pytest.fixture
def product(store: Any) -> Any:
    return make_product(store, "A-1")


def make_product(
    store: Any, sku: str, amount: str = "12.50", currency: str = "EUR", name: str = "Mug"
) -> Any:
    from project.catalog.models import PriceRecord, Product

    made = Product.objects.using(store._state.db).create(store=store, sku=sku, name=name)
    PriceRecord.objects.using(store._state.db).create(product=made, amount=Decimal(amount), currency=currency)
    return made


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    """Empty PostgreSQL's tables by DELETE between tests: TRUNCATE syncs a file for each table, every time.

    Django runs it in one transaction, and its foreign keys are checked at the end of that.
    """
    from django.db import connections

    with pytest.MonkeyPatch.context() as patched:
        for connection in connections.all():
            if connection.vendor == "postgresql":
                quote = connection.ops.quote_name
                patched.setattr(
                    connection.ops,
                    "sql_flush",
                    lambda _style, tables, quote=quote, **_: [
                        f"DELETE FROM {quote(table)};" for table in tables
                    ],
                )
        yield
