"""The provider `memory` under the contract, so that tests on it mean something elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from syncops import errors
from syncops.errors import ConfigurationError, ProviderError
from syncops.providers.memory import Memory
from syncops.testing import Fake, Fault, ProviderContract
from syncops.values import Done, ItemResult, Listing, RemoteItem

TOKEN = "t0ken-nobody-may-read"


class Shelves(Fake):
    """The shelf of one store. It has no wire, so nothing can go wrong on one."""

    faults = frozenset(Fault) - {Fault.DRIPPING, Fault.REDIRECTED, Fault.INDISCREET, Fault.THROTTLED_UNTIL}

    def __init__(self) -> None:
        self.shelf = Memory.shelf("eu")

    def shown(self) -> dict[str, RemoteItem]:
        return {
            sku: RemoteItem(sku, each.price, each.currency, each.name)
            for sku, each in self.shelf.items.items()
        }

    def show(self, *items: RemoteItem) -> None:
        for item in items:
            assert item.price is not None
            assert item.currency is not None
            self.shelf.items[item.sku] = Listing(item.sku, item.name or "", item.price, item.currency)

    def hide(self, *skus: str) -> None:
        for sku in skus:
            del self.shelf.items[sku]

    def arm(
        self, fault: Fault, *, skus: Collection[str] = (), price: Decimal | None = None, seconds: int = 0
    ) -> None:
        whole: dict[Fault, ProviderError] = {
            Fault.GARBAGE: errors.OutcomeUnknown(status=200),
            Fault.THROTTLED: errors.Throttled(status=429, retry_after=seconds),
            Fault.UNAUTHORIZED: errors.Unauthorized(status=401),
            Fault.MISSING: errors.EndpointMissing(status=404),
            Fault.BROKEN: errors.ServerFault(status=503),
            Fault.UNREACHABLE: errors.Unreachable(),
        }
        if fault in whole:
            self.shelf.failures.append(whole[fault])
        else:
            self.shelf.answers.append(self._answer(fault, frozenset(skus), price))

    def _answer(
        self, fault: Fault, skus: frozenset[str], price: Decimal | None
    ) -> Callable[[Sequence[Listing]], Done | ProviderError]:
        def answer(batch: Sequence[Listing]) -> Done | ProviderError:
            if fault is Fault.COERCED and price is not None:
                batch = [replace(each, price=price) if each.sku in skus else each for each in batch]
            refused = skus if fault in {Fault.REFUSED, Fault.BUSY} else frozenset()
            self.shelf.items.update({each.sku: each for each in batch if each.sku not in refused})
            results = [ItemResult(each.sku, "ok", price=each.price, currency=each.currency) for each in batch]
            match fault:
                case Fault.LOST:
                    return errors.OutcomeUnknown()
                case Fault.REORDERED:
                    results.reverse()
                case Fault.OMITTED:
                    results = [each for each in results if each.sku not in skus]
                case Fault.REFUSED:
                    results = [
                        ItemResult(each.sku, "rejected", "unknown_sku") if each.sku in skus else each
                        for each in results
                    ]
                case Fault.BUSY:
                    results = [
                        ItemResult(each.sku, "retry", "locked") if each.sku in skus else each
                        for each in results
                    ]
            return Done(tuple(results))

        return answer


class TestMemory(ProviderContract):
    secrets = (TOKEN,)

    @pytest.fixture
    def fake(self) -> Shelves:
        return Shelves()

    def make_provider(self, fake: Fake) -> Memory:
        return Memory("eu", {}, {"token": TOKEN})


@pytest.mark.parametrize("limit", [0, -1, "many", None, "", [1]])
def test_a_batch_limit_that_cannot_be_is_refused(limit: object) -> None:
    with (
        Memory("eu", {"batch_limit": limit}, {}) as provider,
        pytest.raises(ConfigurationError, match="batch_limit"),
    ):
        list(provider.plan([Listing("A", "Mug", Decimal(1), "EUR")]))


def test_two_stores_share_no_shelf() -> None:
    with Memory("eu", {}, {}) as eu, Memory("us", {}, {}) as us:
        eu.push([Listing("A", "Mug", Decimal(1), "EUR")], 1)
        assert set(eu.fetch(["A"], 1)) == {"A"}
        assert us.fetch(["A"], 1) == {}


def test_every_kind_of_call_can_be_made_to_fail_once() -> None:
    with Memory("eu", {}, {}) as provider:
        for call in (
            lambda: provider.push([], 1),
            lambda: provider.page(None, 1),
            lambda: provider.fetch([], 1),
            lambda: provider.check(1),
        ):
            Memory.shelf("eu").failures.append(errors.Unauthorized())
            with pytest.raises(errors.Unauthorized):
                call()
            call()
