"""`syncops.testing.marked`: what a user's own tests see of capture."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase, TransactionTestCase

from project.catalog.models import PriceRecord, Product
from syncops import outbox, testing
from syncops.models import Change, Store
from syncops.testing import marked
from tests.conftest import make_product


def reprice(product: Product, amount: str, using: str = "default") -> None:
    price = PriceRecord.objects.using(using).get(product=product)
    price.amount = Decimal(amount)
    price.save()


def ref(product: Product, store: str = "eu") -> tuple[str, str, str]:
    return (store, "catalog.Product", str(product.pk))


class InATestCase(TestCase):
    """Nothing is committed in these, and there is no broker."""

    databases = {"default", "other"}

    @classmethod
    def setUpTestData(cls) -> None:
        cls.store = Store.objects.create(slug="eu", provider="memory")
        cls.first = make_product(cls.store, "A-1")
        cls.second = make_product(cls.store, "B-2")

    def test_C14_a_save_is_seen(self) -> None:
        with marked() as changes:
            reprice(self.first, "9")
        assert changes.refs == [ref(self.first)]
        assert changes.keys == [str(self.first.pk)]

    def test_C14_twice_in_one_test_and_the_same_ref_both_times(self) -> None:
        for amount in ("9", "8", "8"):
            with marked() as changes:
                reprice(self.first, amount)
            assert changes.refs == [ref(self.first)]

    def test_C14_what_was_marked_before_and_after_is_not_seen(self) -> None:
        reprice(self.first, "9")
        with marked() as changes:
            reprice(self.second, "9")
        reprice(self.first, "8")
        assert changes.refs == [ref(self.second)]

    def test_C14_nothing_marked_is_an_empty_list(self) -> None:
        with marked() as changes:
            PriceRecord.objects.get(product=self.first)
        assert changes.refs == []
        assert changes.keys == []

    def test_C14_it_can_be_looked_at_on_the_way(self) -> None:
        with marked() as changes:
            assert changes.refs == []
            reprice(self.second, "9")
            assert changes.refs == [ref(self.second)]
            reprice(self.first, "9")
        assert changes.refs == sorted([ref(self.first), ref(self.second)])

    def test_C14_blocks_inside_each_other_see_what_is_inside_them(self) -> None:
        with marked() as outer:
            reprice(self.first, "9")
            with marked() as inner:
                reprice(self.second, "9")
            with marked() as empty:
                pass
        assert outer.keys == sorted([str(self.first.pk), str(self.second.pk)])
        assert inner.keys == [str(self.second.pk)]
        assert empty.keys == []

    def test_C01_what_a_savepoint_rollback_undoes_is_not_seen(self) -> None:
        with marked() as changes:
            with transaction.atomic():
                reprice(self.first, "9")
            with suppress(RuntimeError), transaction.atomic():
                reprice(self.second, "9")
                raise RuntimeError
        assert changes.refs == [ref(self.first)]

    def test_C01_a_block_in_a_savepoint_that_is_rolled_back_loses_nothing_of_those_around_it(self) -> None:
        with marked() as outer:
            reprice(self.first, "9")
            with suppress(RuntimeError), transaction.atomic():
                with marked() as inner:
                    reprice(self.second, "9")
                assert inner.refs == [ref(self.second)]
                raise RuntimeError
            with transaction.atomic(), marked() as released:
                reprice(self.second, "8")
        assert released.refs == [ref(self.second)]
        assert outer.refs == sorted([ref(self.first), ref(self.second)])

    def test_C02_released_savepoints_around_the_block_keep_what_they_marked(self) -> None:
        with marked() as outer:
            with transaction.atomic():
                reprice(self.first, "9")
            with transaction.atomic(), marked() as inner, transaction.atomic():
                reprice(self.second, "9")
        assert inner.refs == [ref(self.second)]
        assert outer.refs == sorted([ref(self.first), ref(self.second)])

    def test_C14_the_hooks_of_others_are_not_touched(self) -> None:
        ran = []
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            transaction.on_commit(lambda: ran.append("mine"))
            with marked() as changes:
                reprice(self.first, "9")
        assert changes.refs == [ref(self.first)]
        assert ran == ["mine"]
        assert len(callbacks) == 2
        # The batch was written by its own hook, as after a commit, and by nobody before.
        assert list(Change.objects.values_list("ref", flat=True)) == [str(self.first.pk)]

    def test_C14_a_commit_that_a_test_plays_inside_the_block_is_seen(self) -> None:
        with marked() as changes, self.captureOnCommitCallbacks(execute=True):
            reprice(self.first, "9")
        assert changes.refs == [ref(self.first)]

    def test_C14_looking_leaves_no_change_behind(self) -> None:
        with marked() as changes:
            reprice(self.first, "9")
            assert changes.refs
        assert not Change.objects.exists()

    def test_C14_set_based_writes_and_the_switch_are_seen(self) -> None:
        with marked() as changes:
            outbox.mark_products(Product.objects.filter(pk=self.first.pk), source=_source(), using="default")
        assert changes.refs == [ref(self.first)]
        Store.objects.update(sync_prices=False)
        with marked() as changes:
            Store.objects.update(sync_prices=True)
        assert changes.refs == sorted([ref(self.first), ref(self.second)])

    def test_C32_a_store_that_is_off_marks_nothing(self) -> None:
        Store.objects.update(sync_prices=False)
        with marked() as changes:
            reprice(self.first, "9")
        assert changes.refs == []

    def test_C26_a_move_names_both_stores(self) -> None:
        us = Store.objects.create(slug="us", provider="memory")
        product = Product.objects.get(pk=self.first.pk)
        with marked() as changes:
            product.store = us
            product.save()
        assert changes.refs == [ref(product, "eu"), ref(product, "us")]
        assert changes.keys == [str(product.pk)]
        assert changes.refs[0].store == "eu"

    def test_C12_each_database_has_its_own(self) -> None:
        there = Store.objects.using("other").create(slug="eu", provider="memory")
        product = make_product(there, "O-1")
        with marked() as here, marked(using="other") as elsewhere:
            reprice(product, "9", using="other")
        assert here.refs == []
        assert elsewhere.refs == [ref(product)]

    def test_an_exception_goes_through_and_what_waited_is_kept(self) -> None:
        with marked() as outer:
            reprice(self.first, "9")
            with suppress(ZeroDivisionError), marked():
                reprice(self.second, "9")
                raise ZeroDivisionError
        assert outer.keys == sorted([str(self.first.pk), str(self.second.pk)])

    def test_a_broken_transaction_does_not_hide_why_it_is_broken(self) -> None:
        with pytest.raises(Exception, match=r"(?i)unique"), transaction.atomic(), marked():
            Product.objects.create(store=self.store, sku="A-1", name="again")


class InATransactionTestCase(TransactionTestCase):
    """Here everything is committed."""

    def setUp(self) -> None:
        self.store = Store.objects.create(slug="eu", provider="memory")
        self.product = make_product(self.store, "A-1")

    def test_C14_committed_saves_are_seen(self) -> None:
        for amount in ("9", "8"):
            with marked() as changes:
                with transaction.atomic():
                    reprice(self.product, amount)
                reprice(self.product, amount)
            assert changes.refs == [ref(self.product)]

    def test_C14_a_block_changes_nothing_about_what_is_committed(self) -> None:
        Change.objects.all().delete()
        with transaction.atomic():
            reprice(self.product, "9")
            with marked() as changes:
                reprice(self.product, "8")
        assert changes.refs == [ref(self.product)]
        assert list(Change.objects.values_list("ref", flat=True)) == [str(self.product.pk)]

    def test_C02_batches_that_are_merged_inside_the_block_keep_what_they_had(self) -> None:
        second, third = (make_product(self.store, sku) for sku in ("B-2", "C-3"))
        Change.objects.all().delete()
        with transaction.atomic():
            reprice(self.product, "9")
            with transaction.atomic():
                reprice(second, "9")
            with marked() as changes, transaction.atomic():
                reprice(third, "9")
        assert changes.refs == [ref(third)]
        written = Change.objects.values_list("ref", flat=True)
        assert sorted(written) == sorted(str(each.pk) for each in (self.product, second, third))

    def test_C07_a_save_in_autocommit_is_seen(self) -> None:
        with marked() as changes:
            reprice(self.product, "9")
        assert changes.refs == [ref(self.product)]

    def test_C04_a_transaction_that_is_rolled_back_marked_nothing(self) -> None:
        with marked() as changes, suppress(RuntimeError), transaction.atomic():
            reprice(self.product, "9")
            raise RuntimeError
        assert changes.refs == []


def _source() -> Any:
    from syncops import sources

    return sources.get("catalog.Product")


def test_marked_needs_no_pytest() -> None:
    code = (
        "import sys, django; django.setup(); import syncops.testing as t; t.marked;"
        "assert 'pytest' not in sys.modules, 'pytest was imported'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_what_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        testing.Nonsense  # noqa: B018
