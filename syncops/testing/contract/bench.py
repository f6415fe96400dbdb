"""What the tests of the contract share: a provider on a fake, a push with its results, a failure looked into.

The rule: nothing is skipped without the attribute that says why.
"""
# ruff: noqa: S101 - a contract is asserted, and its tests carry the number of what they prove

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from syncops import errors
from syncops.values import Accepted, Done, ItemResult, Listing, RemoteItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncops.providers.base import Provider
    from syncops.testing.arrangement import Fake, Fault

E = TypeVar("E", bound=errors.ProviderError)


class Bench:
    """What a test class that inherits the contract gives, and what the tests do with it."""

    #: Whatever the provider was given that nobody else may read.
    secrets: Sequence[str] = ()
    #: Seconds for a call that is to succeed, and for one that is to run into its deadline.
    deadline = 20.0
    patience = 0.5

    @pytest.fixture
    def fake(self) -> Iterator[Fake]:
        """The marketplace on the other side, empty, for one test."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `fake`: see syncops.testing.Fake")

    def make_provider(self, fake: Fake) -> Provider:
        """A provider that talks to `fake`, made after a fault was armed."""
        raise NotImplementedError(f"{type(self).__name__} needs make_provider(self, fake)")

    def _armed(self, fake: Fake, fault: Fault, **details: Any) -> Provider:
        if fault not in fake.faults:
            pytest.skip(f"{type(fake).__name__}.faults is without {fault.name}: {fault.value}")
        fake.arm(fault, **details)
        return self.make_provider(fake)

    def _needs(self, provider: Provider, **attributes: object) -> None:
        for name, wanted in attributes.items():
            if (has := getattr(provider, name)) != wanted:
                pytest.skip(f"{type(provider).__name__}.{name} is {has!r}")

    def _push(self, provider: Provider, *listings: Listing) -> dict[str, ItemResult]:
        """Push one batch, poll for its outcome where it is asynchronous, and match the results by sku."""
        answer: Done | Accepted = provider.push(listings, self.deadline)
        for _ in range(100):
            if isinstance(answer, Done):
                assert len({each.sku for each in answer.results}) == len(answer.results), "a sku twice"
                return {each.sku: each for each in answer.results}
            assert provider.mode == "async", "only an asynchronous provider accepts without a result"
            answer = provider.poll(answer.handle, self.deadline)
        raise AssertionError("an accepted call was polled 100 times without an outcome")

    def _failure(self, kind: type[E], act: Callable[[], object]) -> E:
        """Act, expect exactly that failure, and look through all that it says for secrets."""
        with pytest.raises(errors.ProviderError) as raised:
            act()
        error = raised.value
        assert isinstance(error, kind), f"{kind.__name__} was due, not {type(error).__name__}: {error}"
        each: BaseException | None = error
        while each is not None:
            told = "\n".join(map(repr, (str(each), each, vars(each), getattr(each, "__notes__", ()))))
            for secret in self.secrets:
                assert secret not in told, f"{type(each).__name__} tells a secret"
            each = each.__cause__ or each.__context__
        return error

    def _same(self, shown: RemoteItem, listing: Listing) -> None:
        assert (shown.price, shown.currency) == (listing.price, listing.currency)
