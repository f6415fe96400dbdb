"""What would become of a ref: the pure parts of the plan."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from syncops.delivery.plan import equal
from syncops.models import RemoteListing
from syncops.providers.memory import Memory
from syncops.values import Listing


@pytest.mark.parametrize(
    ("known", "same"),
    [
        ({"confirmed_at": datetime(2026, 1, 1, tzinfo=UTC)}, True),
        ({"confirmed_at": None}, False),
        (
            {
                "confirmed_at": datetime(2026, 1, 1, tzinfo=UTC),
                "unconfirmed_since": datetime(2026, 1, 2, tzinfo=UTC),
            },
            False,
        ),
        ({"confirmed_at": datetime(2026, 1, 1, tzinfo=UTC), "name": "Cup"}, False),
        ({"confirmed_at": datetime(2026, 1, 1, tzinfo=UTC), "currency": "USD"}, False),
    ],
)
def test_D08_only_what_was_confirmed_is_equal(known: dict[str, Any], same: bool) -> None:
    remote = RemoteListing(
        **({"sku": "A", "price": Decimal("12.5"), "currency": "EUR", "name": "Mug"} | known)
    )
    listing = Listing("A", "Mug", Decimal("12.50"), "EUR")
    assert equal(listing, remote, Memory("eu", {}, {})) is same
    assert not equal(listing, None, Memory("eu", {}, {}))
