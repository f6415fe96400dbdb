"""The verdict table, one test a row, and the arithmetic of waiting (D18)."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncops import errors
from syncops.retry import (
    ItemEffect,
    Next,
    StoreEffect,
    backoff,
    classify,
    classify_item,
    fingerprint,
    local_refusal,
)
from syncops.values import Done, ItemResult, Listing

MUG = Listing("A-1", "Mug", Decimal("12.50"), "EUR")


@pytest.mark.parametrize(
    ("outcome", "store", "items", "following"),
    [
        (Done(()), StoreEffect.RESET, None, Next.GO_ON),
        (errors.CallRefused(status=413), StoreEffect.NEUTRAL, ItemEffect.UNTOUCHED, Next.HALVE),
        (errors.CallRefused(status=400), StoreEffect.NEUTRAL, ItemEffect.UNTOUCHED, Next.BISECT),
        (errors.CallRefused(status=422), StoreEffect.NEUTRAL, ItemEffect.UNTOUCHED, Next.BISECT),
        (errors.Unauthorized(status=401), StoreEffect.DENIED, ItemEffect.UNTOUCHED, Next.STOP),
        (errors.EndpointMissing(status=404), StoreEffect.PAUSE, ItemEffect.UNTOUCHED, Next.STOP),
        (errors.Throttled(status=429, retry_after=7), StoreEffect.FAULT, ItemEffect.UNTOUCHED, Next.STOP),
        (errors.Conflict(status=409), StoreEffect.NEUTRAL, ItemEffect.RETRY, Next.STOP),
        (errors.ServerFault(status=500), StoreEffect.FAULT, ItemEffect.UNKNOWN, Next.STOP),
        (
            errors.ServerFault(status=503, answered_before_body=True),
            StoreEffect.FAULT,
            ItemEffect.UNTOUCHED,
            Next.STOP,
        ),
        (errors.Unreachable(), StoreEffect.FAULT, ItemEffect.UNTOUCHED, Next.STOP),
        (errors.OutcomeUnknown(), StoreEffect.FAULT, ItemEffect.UNKNOWN, Next.STOP),
        (errors.OutcomeUnknown(status=200), StoreEffect.NEUTRAL, ItemEffect.UNKNOWN, Next.STOP),
        (KeyError("a bug of ours"), StoreEffect.FAULT, ItemEffect.UNTOUCHED, Next.STOP),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{getattr(value, 'status', '')}" if isinstance(value, Exception) else None
    ),
)
def test_verdict_on_a_call(
    outcome: Done | Exception, store: StoreEffect, items: ItemEffect | None, following: Next
) -> None:
    verdict = classify(outcome)
    assert (verdict.store, verdict.items, verdict.next) == (store, items, following)


def test_verdict_keeps_what_the_marketplace_asked_for() -> None:
    assert classify(errors.Throttled(retry_after=7)).retry_after == 7


@pytest.mark.parametrize(
    ("result", "effect", "code"),
    [
        (ItemResult("A-1", "ok", price=Decimal("12.5"), currency="EUR"), ItemEffect.CONFIRMED, ""),
        (ItemResult("A-1", "ok"), ItemEffect.CONFIRMED, ""),
        (ItemResult("A-1", "ok", price=Decimal(1250), currency="EUR"), ItemEffect.PARKED, "coerced"),
        (ItemResult("A-1", "ok", price=Decimal("12.50"), currency="USD"), ItemEffect.PARKED, "coerced"),
        (ItemResult("A-1", "rejected", "unknown_sku"), ItemEffect.PARKED, "unknown_sku"),
        (ItemResult("A-1", "retry", "locked"), ItemEffect.RETRY, "locked"),
        (None, ItemEffect.UNKNOWN, "no_answer"),
    ],
)
def test_verdict_on_an_item(result: ItemResult | None, effect: ItemEffect, code: str) -> None:
    verdict = classify_item(MUG, result)
    assert (verdict.effect, verdict.code) == (effect, code)


@pytest.mark.parametrize(
    ("price", "currency", "code"),
    [
        ("12.505", "EUR", "decimals"),
        ("1.5", "JPY", "decimals"),
        ("1.255", "KWD", None),
        ("1", "", "currency"),
    ],
)
def test_a_listing_that_cannot_be_sent_anywhere(price: str, currency: str, code: str | None) -> None:
    refused = local_refusal(Listing("A", "n", Decimal(price), currency))
    assert (refused.code if refused else None) == code


@given(
    streak=st.integers(1, 200),
    asked=st.none() | st.floats(0, 100_000),
    seed=st.integers(0, 2**32),
)
def test_D18_never_earlier_than_asked_and_within_the_bounds(
    streak: int, asked: float | None, seed: int
) -> None:
    delay = backoff(streak, base=30, cap=3600, floor=5, retry_after=asked, uniform=random.Random(seed))
    ceiling = min(3600, 30 * 2 ** min(streak - 1, 60))
    assert delay >= 5
    if asked is None:
        assert delay <= ceiling
    else:
        assert delay >= asked
        assert delay <= max(ceiling, asked + min(30, asked / 10))


def test_failures_of_one_cause_share_a_fingerprint() -> None:
    one = fingerprint("http", "locked", "item A-17 is locked by 'job 9' since 12:30")
    two = fingerprint("http", "locked", "item B-2 is locked by 'job 777' since 09:01")
    other = fingerprint("http", "locked", "the catalogue is locked")
    assert one == two != other
