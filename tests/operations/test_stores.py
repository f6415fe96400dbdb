"""`stores`: T20, and no secret in the database."""

from __future__ import annotations

from typing import Any

import pytest

from syncops import lanes
from syncops.errors import ConfigurationError, UsageError
from syncops.models import Change, Store
from syncops.operations import stores
from syncops.values import Ending
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_store_is_made_and_listed(db: Any) -> None:
    made = stores.add("eu", provider="memory", title="Europe", options={"batch_limit": 5})
    assert (made.store, made.title, made.provider, made.sync, made.options) == (
        "eu",
        "Europe",
        "memory",
        True,
        {"batch_limit": 5},
    )
    assert stores.store_list().stores == (made,)
    assert stores.show("eu") == made


@pytest.mark.parametrize("slug", ["", "a b", "../x", "é"])
def test_a_slug_that_cannot_be(db: Any, slug: str) -> None:
    with pytest.raises(UsageError):
        stores.add(slug, provider="memory")


def test_a_store_is_not_made_twice(store: Store) -> None:
    with pytest.raises(UsageError, match="already"):
        stores.add("eu", provider="memory")


def test_what_the_provider_cannot_work_with_is_refused_before_it_is_stored(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        stores.add("us", provider="http")
    stores.add("us", provider="http", options={"base_url": "http://127.0.0.1:1", "rate_key": "one account"})
    with pytest.raises(ConfigurationError):
        stores.change("us", options={"base_url": "nonsense"})
    assert stores.show("us").options["base_url"] == "http://127.0.0.1:1"


def test_a_lane_that_rests_is_resumed_too(store: Store) -> None:
    lease = lanes.take("eu", owner="w", using="default")
    lanes.failed(lease, delay=600)
    lanes.release(lease)
    assert stores.show("eu").lane == "open"
    assert stores.resume("eu").lane == "idle"


def test_a_provider_that_is_not_there_is_said_with_those_that_are(db: Any) -> None:
    with pytest.raises(UsageError) as refused:
        stores.add("eu", provider="ebay")
    assert "memory" in refused.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"token": "x"},
        {"api_key": "x"},
        {"api_key_2": "x"},
        {"ApiSecret": "x"},
        {"key": "x"},
        {"auth": {"client": [{"secret": "x"}]}},
        {"base_url": "https://me:pw@example.com"},
        {"rate_key": "https://me:pw@example.com"},
    ],
)
def test_a_secret_is_refused_and_never_stored(store: Store, options: dict[str, Any]) -> None:
    for act in (
        lambda: stores.add("us", provider="memory", options=options),
        lambda: stores.change("eu", options=options),
    ):
        with pytest.raises(UsageError) as refused:
            act()
        assert "environment" in refused.value.hint
    assert Store.objects.get().options == {}


def test_options_are_set_and_taken_away(store: Store) -> None:
    stores.change("eu", options={"timeout": 5, "batch_limit": 7})
    assert stores.change("eu", options={"timeout": ""}, title="T").options == {"batch_limit": 7}
    assert stores.show("eu").title == "T"


def test_C32_switching_by_command_marks_and_drops(store: Store) -> None:
    make_product(store, "A")
    assert stores.change("eu", sync=False).lane == "off"
    assert not Change.objects.exists()
    stores.change("eu", sync=True)
    assert list(Change.objects.values_list("reason", flat=True)) == ["resync"]


def test_pausing_and_resuming(store: Store) -> None:
    assert stores.pause("eu", reason="stocktaking").lane_reason == "stocktaking"
    assert stores.resume("eu").lane == "idle"


def test_a_check_says_what_is_wrong(store: Store) -> None:
    assert stores.check("eu").ending is Ending.DONE
    stores.add("shop", provider="http", options={"base_url": "http://127.0.0.1:1"})
    found = stores.check("shop")
    assert found.ending is Ending.DIFFERENCES
    assert "127.0.0.1" in found.message or "onnect" in found.message


def test_a_pattern_that_matches_nothing_is_said(store: Store) -> None:
    assert [each.store for each in stores.store_list(["e?"]).stores] == ["eu"]
    with pytest.raises(UsageError, match=r"us\*"):
        stores.store_list(["us*"])
    with pytest.raises(UsageError):
        stores.show("us")
