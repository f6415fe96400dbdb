"""Money on the wire: exact, at the currency's decimals, never rounded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncops.values import exponent, fits, money, wire


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("12.5", "EUR", "12.50"),
        ("12.5000", "EUR", "12.50"),
        ("1250", "JPY", "1250"),
        ("1250.0000", "JPY", "1250"),
        ("1.25", "KWD", "1.250"),
        ("0.0001", "CLF", "0.0001"),
        ("1E+3", "EUR", "1000.00"),
    ],
)
def test_wire(amount: str, currency: str, text: str) -> None:
    assert wire(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.001", "EUR"), ("12.5", "JPY"), ("1.2345", "KWD"), ("NaN", "EUR")]
)
def test_what_would_need_rounding_is_refused(amount: str, currency: str) -> None:
    assert not fits(Decimal(amount), currency)
    with pytest.raises(ValueError, match=currency):
        wire(Decimal(amount), currency)


@given(
    amount=st.decimals(0, 10**9, places=4),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF", "XXX"]),
)
def test_text_is_the_same_amount_or_refused(amount: Decimal, currency: str) -> None:
    if fits(amount, currency):
        text = wire(amount, currency)
        assert Decimal(text) == amount
        assert len(text.partition(".")[2]) == exponent(currency)
    assert Decimal(money(amount, currency)) == amount
