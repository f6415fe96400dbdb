"""What a provider says of a call that failed as a whole.

The rule: a call that may have been applied is never called refused, and no text holds a secret.
"""
# ruff: noqa: S101, N802 - a contract is asserted, and its tests carry the number of what they prove

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from syncops import errors
from syncops.providers.base import Provider
from syncops.testing.arrangement import Fake, Fault
from syncops.testing.contract.bench import Bench, E
from syncops.values import Listing

A = Listing("A-1", "Mug", Decimal("12.50"), "EUR")

#: Kinds of calls that can fail as a whole. A push alone carries items, so it is the one that is made.
Call = Callable[[Provider, float], object]
CALLS: Mapping[str, Call] = {
    "push": lambda provider, deadline: provider.push([A], deadline),
    "page": lambda provider, deadline: provider.page(None, deadline),
    "fetch": lambda provider, deadline: provider.fetch(["A-1"], deadline),
    "check": lambda provider, deadline: provider.check(deadline),
}
each_call = pytest.mark.parametrize("call", CALLS)


class CallTests(Bench):
    """Every way in which a call ends without a result."""

    @each_call
    def test_P05_an_answer_nobody_understands_is_an_unknown_outcome(self, fake: Fake, call: str) -> None:
        error = self._fails(fake, Fault.GARBAGE, call, errors.OutcomeUnknown)
        assert error.status is not None, "it was answered, so the store is not at fault"

    def test_P05_a_call_that_was_applied_without_an_answer_is_unknown_and_can_be_read(
        self, fake: Fake
    ) -> None:
        with self._armed(fake, Fault.LOST) as provider:
            error = self._failure(errors.OutcomeUnknown, lambda: provider.push([A], self.patience))
            assert error.status is None
        with self.make_provider(fake) as provider:
            self._same(provider.fetch(["A-1"], self.deadline)["A-1"], A)

    @each_call
    @pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.THROTTLED_UNTIL])
    def test_P05_a_throttle_says_how_long(self, fake: Fake, fault: Fault, call: str) -> None:
        error = self._fails(fake, fault, call, errors.Throttled, seconds=7200)
        assert error.retry_after is not None
        # A date has whole seconds, and some pass on the way; a wait that is too short would break the limit.
        assert 7000 <= error.retry_after <= 7201

    @each_call
    def test_P05_credentials_that_are_not_accepted(self, fake: Fake, call: str) -> None:
        self._fails(fake, Fault.UNAUTHORIZED, call, errors.Unauthorized)

    @each_call
    def test_P03_an_answer_that_repeats_the_credentials_is_not_repeated(self, fake: Fake, call: str) -> None:
        self._fails(fake, Fault.INDISCREET, call, errors.Unauthorized)

    @each_call
    def test_P05_an_address_that_does_not_exist(self, fake: Fake, call: str) -> None:
        self._fails(fake, Fault.MISSING, call, errors.EndpointMissing)

    @each_call
    def test_P05_a_marketplace_that_fails(self, fake: Fake, call: str) -> None:
        self._fails(fake, Fault.BROKEN, call, errors.ServerFault)

    @each_call
    def test_P05_nobody_listens(self, fake: Fake, call: str) -> None:
        self._fails(fake, Fault.UNREACHABLE, call, errors.Unreachable)

    @each_call
    def test_P04_a_marketplace_that_drips_is_left_at_the_deadline(self, fake: Fake, call: str) -> None:
        # Its answer takes hours: that this ends at all is the proof.
        self._fails(fake, Fault.DRIPPING, call, errors.OutcomeUnknown, deadline=self.patience)

    @each_call
    def test_P04_a_redirect_is_refused(self, fake: Fake, call: str) -> None:
        self._fails(fake, Fault.REDIRECTED, call, errors.EndpointMissing)
        assert dict(fake.shown()) == {}

    def _fails(
        self, fake: Fake, fault: Fault, call: str, kind: type[E], *, deadline: float = 0, **details: Any
    ) -> E:
        with self._armed(fake, fault, **details) as provider:
            return self._failure(kind, lambda: CALLS[call](provider, deadline or self.deadline))
