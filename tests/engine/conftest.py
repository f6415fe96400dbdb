"""What the engine's tests share: databases that really commit, and a way to see what was marked."""

from __future__ import annotations

from typing import Any

import pytest

from syncops.models import Change


@pytest.fixture
def committing(transactional_db: Any) -> None:
    """Transactions that really commit, on every alias."""


@pytest.fixture
def marked() -> Any:
    """A function that takes what is marked and empties the outbox: sorted (store, ref) pairs."""

    def take(using: str = "default") -> list[tuple[str, str]]:
        rows = sorted(Change.objects.using(using).values_list("store_id", "ref"))
        Change.objects.using(using).all().delete()
        return rows

    return take
