"""What the tests of the importer share: databases that really commit, and catalogues of three shapes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncops.importing.report import Imported, Options
from syncops.models import Store
from syncops.operations import import_
from tests.importing.catalogues import ALL, Catalogue, wipe


@pytest.fixture
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Tables that commit, empty before and after.

    The fixture of this name in pytest-django truncates every table there is, which PostgreSQL takes a second for.
    """
    with django_db_blocker.unblock():
        wipe()
        yield
        wipe()


@pytest.fixture(params=ALL, ids=repr)
def catalogue(request: pytest.FixtureRequest, transactional_db: None) -> Catalogue:
    """Each catalogue in turn, on tables that are empty and commit."""
    return request.param


@pytest.fixture
def stores(transactional_db: None) -> list[Store]:
    """Two stores that are on and one that is off."""
    return [
        Store.objects.create(slug=slug, provider="memory", sync_prices=slug != "off")
        for slug in ("eu", "us", "off")
    ]


@pytest.fixture
def imports(transactional_db: None) -> Callable[..., Imported]:
    """Import bytes, without delivery: `imports(catalogue, data, **options)`."""

    def run(catalogue: Catalogue, data: bytes, **options: Any) -> Imported:
        asked = Options(**{"source": catalogue.label, "deliver": False, **options})
        return import_.run("-", asked, stream=io.BytesIO(data))

    return run
