"""What the tests of the importer share: databases that really commit, and catalogues of three shapes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from syncops.importing.report import Imported, Options
from syncops.models import Store
from syncops.operations import import_
from tests.importing.catalogues import ALL, Catalogue


@pytest.fixture(params=ALL, ids=repr)
def catalogue(request: pytest.FixtureRequest, transactional_db: Any) -> Catalogue:
    """Each catalogue in turn, on tables that are empty and commit."""
    return request.param


@pytest.fixture
def stores(transactional_db: Any) -> list[Store]:
    """Two stores that are on and one that is off."""
    return [
        Store.objects.create(slug=slug, provider="memory", sync_prices=slug != "off")
        for slug in ("eu", "us", "off")
    ]


@pytest.fixture
def imports(transactional_db: Any) -> Callable[..., Imported]:
    """Import bytes, without delivery: `imports(catalogue, data, **options)`."""

    def run(catalogue: Catalogue, data: bytes, **options: Any) -> Imported:
        asked = Options(**{"source": catalogue.label, "deliver": False, **options})
        return import_.run("-", asked, stream=io.BytesIO(data))

    return run
