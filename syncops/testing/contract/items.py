"""What a provider makes of items: results by sku, money and names as they are, every listing read.

The rule: an item is believed only by its sku.
"""
# ruff: noqa: S101, N802 - a contract is asserted, and its tests carry the number of what they prove

from __future__ import annotations

from decimal import Decimal

import pytest

from syncops.testing.arrangement import Fake, Fault
from syncops.testing.contract.bench import Bench
from syncops.values import Listing, Refusal, RemoteItem

A = Listing("A-1", "Mug", Decimal("12.50"), "EUR")
B = Listing("B-2", "Bowl", Decimal("7.00"), "EUR")
C = Listing("C-3", "Plate", Decimal("0.99"), "EUR")


class ItemTests(Bench):
    """Pushing, planning and reading."""

    def test_P02_what_is_pushed_is_shown_and_can_be_fetched(self, fake: Fake) -> None:
        with self.make_provider(fake) as provider:
            results = self._push(provider, A, B)
            assert {sku: each.status for sku, each in results.items()} == {"A-1": "ok", "B-2": "ok"}
            fetched = provider.fetch(["B-2", "A-1", "nobody-has-it"], self.deadline)
        assert set(fetched) == {"A-1", "B-2"}, "what is not on the marketplace is left out of fetch()"
        for listing in (A, B):
            self._same(fake.shown()[listing.sku], listing)
            self._same(fetched[listing.sku], listing)

    def test_P05_a_push_is_idempotent(self, fake: Fake) -> None:
        with self.make_provider(fake) as provider:
            first = self._push(provider, A, B)
            shown = dict(fake.shown())
            second = self._push(provider, A, B)
        for sku in ("A-1", "B-2"):
            assert first[sku].status == second[sku].status == "ok"
            assert (first[sku].price, first[sku].currency) == (second[sku].price, second[sku].currency)
        assert dict(fake.shown()) == shown

    def test_P05_results_are_matched_by_sku_and_not_by_their_order(self, fake: Fake) -> None:
        with self._armed(fake, Fault.REORDERED) as provider:
            self._needs(provider, echoes=True)
            results = self._push(provider, A, B, C)
        for listing in (A, B, C):
            assert results[listing.sku].status == "ok"
            assert results[listing.sku].price == listing.price, f"{listing.sku} got another item's echo"

    @pytest.mark.parametrize(("fault", "status"), [(Fault.REFUSED, "rejected"), (Fault.BUSY, "retry")])
    def test_P05_a_part_of_the_items_fails(self, fake: Fake, fault: Fault, status: str) -> None:
        with self._armed(fake, fault, skus=["B-2"]) as provider:
            self._needs(provider, atomicity="per_item", names_bad_item=True)
            results = self._push(provider, A, B, C)
        assert {sku: each.status for sku, each in results.items()} == {
            "A-1": "ok",
            "B-2": status,
            "C-3": "ok",
        }
        assert results["B-2"].code, "a refused item has a code"
        assert "B-2" not in fake.shown()

    def test_D05_an_item_that_the_answer_leaves_out_has_no_result(self, fake: Fake) -> None:
        with self._armed(fake, Fault.OMITTED, skus=["B-2"]) as provider:
            results = self._push(provider, A, B, C)
        assert set(results) == {"A-1", "C-3"}, "a result that nobody gave must not be made up"

    def test_P05_coercion_is_seen_in_the_echo(self, fake: Fake) -> None:
        with self._armed(fake, Fault.COERCED, skus=["A-1"], price=Decimal("12.95")) as provider:
            self._needs(provider, echoes=True)
            results = self._push(provider, A, B)
            assert results["A-1"].price == Decimal("12.95"), "the echo is what the marketplace shows"
            assert results["B-2"].price == B.price
            assert provider.fetch(["A-1"], self.deadline)["A-1"].price == Decimal("12.95")

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            ("1250", "JPY"), ("0", "JPY"), ("1E+3", "JPY"), ("12.50", "EUR"), ("0.05", "EUR"),
            ("99999999.99", "EUR"), ("12.5", "EUR"), ("1.250", "KWD"), ("0.001", "KWD"),
        ],
    )  # fmt: skip
    def test_P05_prices_with_0_2_and_3_decimals(self, fake: Fake, amount: str, currency: str) -> None:
        listing = Listing("A-1", "Mug", Decimal(amount), currency)
        with self.make_provider(fake) as provider:
            if (refusal := provider.validate(listing)) is not None:
                pytest.skip(f"{type(provider).__name__}.validate refuses it: {refusal.message}")
            result = self._push(provider, listing)["A-1"]
            assert result.status == "ok"
            assert result.price in ({listing.price} if provider.echoes else {listing.price, None})
            self._same(provider.fetch(["A-1"], self.deadline)["A-1"], listing)
        assert fake.shown()["A-1"].price == listing.price

    @pytest.mark.parametrize(
        "name",
        [
            'Tom & Jerry\'s "Mug" <b>50% off</b>',
            "Töpfe Ελληνικά עברית 日本語 🏺",
            "a\\b + c = d; e?f#g/h",
            "&amp;&#39;",
        ],
    )
    def test_P05_names_arrive_as_they_are(self, fake: Fake, name: str) -> None:
        listing = Listing("A-1", name, Decimal("1.00"), "EUR")
        with self.make_provider(fake) as provider:
            self._needs(provider, names="same_call")
            assert self._push(provider, listing)["A-1"].status == "ok"
            assert provider.fetch(["A-1"], self.deadline)["A-1"].name == name
        assert fake.shown()["A-1"].name == name

    @pytest.mark.parametrize("sku", ["A&B=1/2 ?#%", "Größe-M", "日本-1", "a'b\"c", "A+B", ".."])
    def test_P05_a_sku_of_any_letters_finds_its_item(self, fake: Fake, sku: str) -> None:
        listing = Listing(sku, "Mug", Decimal("1.00"), "EUR")
        with self.make_provider(fake) as provider:
            if (refusal := provider.validate(listing)) is not None:
                pytest.skip(f"{type(provider).__name__}.validate refuses it: {refusal.message}")
            assert self._push(provider, listing)[sku].status == "ok"
            assert set(provider.fetch([sku], self.deadline)) == {sku}

    # Planning

    def test_P02_plan_keeps_every_listing_once_and_in_order(self, fake: Fake) -> None:
        with self.make_provider(fake) as provider:
            given = [
                Listing(f"S-{number}", "Mug", Decimal(1), "EUR")
                for number in range(3 * provider.max_items + 1)
            ]
            batches = list(provider.plan(given))
            assert [listing for batch in batches for listing in batch] == given
            assert max(map(len, batches)) <= provider.max_items
            assert all(batches), "an empty batch is a call for nothing"
            if provider.max_bytes is not None:
                for batch in batches:
                    size = sum(map(provider.size, batch))
                    assert len(batch) == 1 or size <= provider.max_bytes
            assert list(provider.plan([])) == []

    def test_P02_validate_refuses_or_says_nothing(self, fake: Fake) -> None:
        with self.make_provider(fake) as provider:
            assert isinstance(provider.validate(A), Refusal | None)

    # Reading

    def test_P05_paging_loses_no_item_while_items_move(self, fake: Fake) -> None:
        with self.make_provider(fake) as provider:
            total = 2 * provider.page_size + 1
            if provider.read_cap is not None and provider.read_cap < total:
                pytest.skip(
                    f"{type(provider).__name__}.read_cap is {provider.read_cap}: it has no third page"
                )
            fake.show(
                *(RemoteItem(f"S-{number:06}", Decimal("1.00"), "EUR", "Mug") for number in range(total))
            )
            stays = set(fake.shown())
            seen: dict[str, RemoteItem] = {}
            calls = 0
            for page in provider.pages(self.deadline):
                calls += 1
                assert calls <= 10, "reading three pages never ends"
                seen.update({item.sku: item for item in page.items})
                if calls == 1:
                    # One that was read goes, and one appears in front: by position, all others move.
                    gone = page.items[0].sku
                    fake.hide(gone)
                    stays.discard(gone)
                elif calls == 2:
                    fake.show(RemoteItem("A-new", Decimal("1.00"), "EUR", "Mug"))
        assert calls > 1, "the fake gives everything in one page, so nothing was tried"
        assert not stays - set(seen), (
            f"{len(stays - set(seen))} listings were on the marketplace and not read"
        )
        assert {item.price for item in seen.values()} == {Decimal("1.00")}
        assert {item.currency for item in seen.values()} == {"EUR"}

    def test_P02_an_empty_marketplace_has_no_items(self, fake: Fake) -> None:
        with self.make_provider(fake) as provider:
            assert [item for page in provider.pages(self.deadline) for item in page.items] == []
            assert dict(provider.fetch(["A-1"], self.deadline)) == {}
            assert dict(provider.fetch([], self.deadline)) == {}

    def test_P02_fetch_finds_more_than_one_call_can_carry(self, fake: Fake) -> None:
        skus = [f"S-{number:04}" for number in range(250)]
        fake.show(*(RemoteItem(sku, Decimal("1.00"), "EUR", "Mug") for sku in skus))
        with self.make_provider(fake) as provider:
            assert set(provider.fetch(skus, self.deadline)) == set(skus)

    def test_P02_check_is_content_with_a_marketplace_that_works(self, fake: Fake) -> None:
        with self.make_provider(fake) as provider:
            provider.check(self.deadline)
