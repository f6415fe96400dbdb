"""P01, P02: what a provider says of itself, and how its batches are cut."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncops.errors import ConfigurationError, UsageError
from syncops.providers import registry
from syncops.providers.base import Provider
from syncops.providers.http import Http
from syncops.providers.memory import Memory
from syncops.values import Listing

CAPABILITIES = {
    "group_by": {None},
    "mode": {"sync", "async"},
    "atomicity": {"per_item", "all_or_nothing", "prefix"},
    "echoes": {True, False},
    "names_bad_item": {True, False},
    "replaces_unlisted": {True, False},
    "read_cap": {None},
    "names": {"same_call", "other_call", "unsupported"},
}


@pytest.mark.parametrize("kind", [Http, Memory])
def test_P01_a_provider_says_what_it_can(kind: type[Provider]) -> None:
    for name, values in CAPABILITIES.items():
        assert getattr(kind, name) in values, name
    assert kind.page_size > 0
    provider = kind("eu", {"base_url": "http://127.0.0.1:1", "batch_limit": 7}, {})
    try:
        assert provider.max_items == 7
    finally:
        provider.close()


class Narrow(Memory):
    """Small calls, by count and by bytes."""

    max_bytes = 40

    def size(self, listing: Listing) -> int:
        return len(listing.name)


@given(sizes=st.lists(st.integers(1, 60), max_size=40), most=st.integers(1, 6))
def test_P02_batches_keep_order_count_and_bytes(sizes: list[int], most: int) -> None:
    listings = [Listing(str(place), "n" * size, Decimal(1), "EUR") for place, size in enumerate(sizes)]
    batches = list(Narrow("eu", {"batch_limit": most}, {}).plan(listings))
    assert [each for batch in batches for each in batch] == listings
    for batch in batches:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or sum(len(each.name) for each in batch) <= 40


def test_a_provider_is_found_by_its_alias(settings: Any) -> None:
    settings.SYNCOPS = {
        "PROVIDERS": {"narrow": "tests.unit.test_providers.Narrow", "lost": "tests.unit.nowhere.Lost"}
    }
    assert registry.find("narrow").__name__ == "Narrow"
    assert registry.find("http") is Http
    with pytest.raises(ConfigurationError, match="nowhere"):
        registry.find("lost")
    with pytest.raises(UsageError) as refused:
        registry.find("ebay")
    assert "narrow" in refused.value.hint


def test_credentials_reach_the_provider_and_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCOPS_EU_TOKEN", "s3cret")
    provider = registry.make("memory", "eu", {})
    assert provider.credentials["token"] == "s3cret"
    assert "s3cret" not in repr(provider)
