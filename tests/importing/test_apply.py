"""Applying a plan: all or nothing, the right refs, and nobody else's price overwritten."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, models, transaction
from django.test.utils import isolate_apps
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from project.catalog.models import PriceRecord
from syncops import sources
from syncops.errors import Unavailable
from syncops.importing import apply
from syncops.importing.report import Imported, Options
from syncops.models import Change, PriceEdit, Run, Store
from syncops.operations import import_
from syncops.sources import Source, Watch
from syncops.values import Ending, exponent
from tests.conftest import make_product
from tests.importing.catalogues import (
    ALL,
    Catalogue,
    Gadgets,
    Mark,
    Shipped,
    price_list,
    take_marks,
    wipe,
)
from tests.shop.models import Gadget, Tariff, Variant

Imports = Callable[..., Imported]

on_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has one writer at a time and no row locks"
)


@contextmanager
def before(statement: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something once, just before the first statement of this connection that contains those words."""
    waiting = [act]

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if waiting and statement in sql:
            waiting.pop()()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert not waiting, f"no statement had {statement!r}"


#: The last thing that a plan asks the database before anything is written.
PLANNED = "SELECT count(key), count(*) - count(key)"


# All or nothing ----------------------------------------------------------------------------------------------


def written() -> tuple[int, int, int]:
    return Run.objects.count(), PriceEdit.objects.count(), Change.objects.count()


def test_I40_prices_edits_changes_and_the_run_are_one_commit(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    catalogue.add("A", "12", stores)
    catalogue.add("B", "30", stores[:1])
    catalogue.add("C", "7", stores[:1])
    take_marks()

    done = imports(catalogue, price_list(("A", "13"), ("B", "30"), ("C", "8")))

    assert (done.status, done.ending) == ("applied", Ending.DONE)
    assert {sku: price for sku, (price, _) in catalogue.prices().items()} == {"A": 13, "B": 30, "C": 8}
    places = {store for store, _, ref in take_marks() if ref == catalogue.ref("A")}
    assert places == ({"eu", "us"} if catalogue.many else {"eu"})
    run = Run.objects.get(pk=done.run)
    assert run.operation == "import"
    assert run.finished is not None
    edits = PriceEdit.objects.order_by("line").values_list(
        "run_id", "source", "ref", "line", "old_price", "old_currency", "new_price", "new_currency"
    )
    code = catalogue.currency
    assert list(edits) == [
        (run.pk, catalogue.label, catalogue.ref("A"), 2, Decimal(12), code, Decimal(13), code),
        (run.pk, catalogue.label, catalogue.ref("C"), 4, Decimal(7), code, Decimal(8), code),
    ]


@pytest.mark.parametrize("statement", ["syncops_change", "syncops_priceedit", "syncops_run"])
def test_I40_whatever_fails_nothing_is_written(
    catalogue: Catalogue, stores: list[Store], imports: Imports, statement: str
) -> None:
    catalogue.add("A", "12", stores)
    take_marks()
    prices = catalogue.prices()

    def fail() -> None:
        raise DatabaseError("the disk is full")

    # The update of the Run, by which it is finished, is the last statement of all.
    verb = "UPDATE" if statement == "syncops_run" else "INSERT INTO"
    with pytest.raises(DatabaseError, match="disk is full"), before(f'{verb} "{statement}"', fail):
        imports(catalogue, price_list(("A", "13")))

    assert catalogue.prices() == prices
    assert written() == (0, 0, 0)


def test_I40_the_changes_are_marked_as_an_import_under_its_run(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    catalogue.add("A", "12", stores[:1])
    take_marks()
    done = imports(catalogue, price_list(("A", "13")))
    assert list(Change.objects.values_list("store_id", "reason", "run_id")) == [("eu", "import", done.run)]
    assert dict(done.marked) == {"eu": 1}


# Only what differs -------------------------------------------------------------------------------------------


def test_I41_the_same_file_again_writes_nothing_and_names_the_run(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    catalogue.add("A", "12", stores[:1])
    catalogue.add("B", "30", stores[:1])
    data = price_list(("A", "13"), ("B", "31"))
    first = imports(catalogue, data, store="eu")
    take_marks()
    before_again = written()

    again = imports(catalogue, data, store="eu")

    assert (again.status, again.ending, again.run) == ("unchanged", Ending.DONE, None)
    assert (again.rows["changed"], again.rows["unchanged"]) == (0, 2)
    assert written() == before_again
    assert any(str(first.run) in note for note in again.notes)


def test_I41_another_store_with_the_same_list_is_not_told_that_it_was_done(
    stores: list[Store], imports: Imports
) -> None:
    for store in stores[:2]:
        make_product(store, f"{store.slug}-1", "12.50")
        make_product(store, "A", "12.50" if store.slug == "eu" else "13.50")
    data = price_list(("A", "13.50"))
    first = imports(Shipped(), data, store="eu")
    other = imports(Shipped(), data, store="us")
    assert first.run is not None
    assert other.rows["unchanged"] == 1
    assert not any("applied this very file" in note for note in other.notes)


# Nobody else's price -----------------------------------------------------------------------------------------


def test_I46_a_price_that_changed_since_the_plan_is_left_alone(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    for sku in ("A", "B"):
        catalogue.add(sku, "12", stores[:1])
    take_marks()

    with before(PLANNED, lambda: catalogue.save_price("A", Decimal(15), catalogue.currency)):
        done = imports(catalogue, price_list(("A", "13"), ("B", "14")))

    assert {sku: price for sku, (price, _) in catalogue.prices().items()} == {"A": 15, "B": 14}
    assert (done.rows["changed"], done.rows["stale"]) == (1, 1)
    assert done.ending is Ending.LEFTOVERS
    assert [(each.sku, each.new) for each in done.changes] == [("B", 14)]
    assert list(PriceEdit.objects.values_list("ref", flat=True)) == [catalogue.ref("B")]
    assert list(Change.objects.filter(reason="import").values_list("ref", flat=True)) == [catalogue.ref("B")]


def test_I46_a_product_that_was_deleted_since_the_plan_is_stale(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    gone = catalogue.add("A", "12", stores[:1])
    with before(PLANNED, gone.delete):
        done = imports(catalogue, price_list(("A", "13")))
    assert (done.rows["changed"], done.rows["stale"]) == (0, 1)
    assert PriceEdit.objects.count() == 0


@pytest.mark.parametrize("catalogue", [Shipped(), Gadgets()], ids=repr)
def test_I46_a_price_that_was_made_since_the_plan_is_left_alone(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    catalogue.add("A", None, stores[:1])
    with before(PLANNED, lambda: catalogue.save_price("A", Decimal(15), "EUR")):
        done = imports(catalogue, price_list(("A", "13")), currency="EUR")
    assert catalogue.prices()["A"] == (15, "EUR")
    assert (done.rows["changed"], done.rows["stale"]) == (0, 1)
    assert PriceEdit.objects.count() == 0


def test_I46_a_product_that_was_made_since_the_plan_is_left_alone(
    stores: list[Store], imports: Imports
) -> None:
    with before(PLANNED, lambda: make_product(stores[0], "A", "15")):
        done = imports(
            Shipped(),
            price_list(("A", "13"), ("B", "14")),
            currency="EUR", unknown="create", store="eu", overrides={"G_UNKNOWN": "new"},
        )  # fmt: skip
    assert {sku: price for sku, (price, _) in Shipped().prices().items()} == {"A": 15, "B": 14}
    assert (done.rows["created"], done.rows["stale"]) == (1, 1)


# Products without a price ------------------------------------------------------------------------------------


def test_a_product_without_a_price_gets_one(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    catalogue.add("A", None, stores)
    catalogue.add("B", "5", stores[:1])
    take_marks()
    done = imports(catalogue, price_list(("A", "13"), ("B", "5")), currency=catalogue.currency)
    assert catalogue.prices()["A"] == (13, catalogue.currency)
    assert (done.rows["changed"], done.rows["unchanged"]) == (1, 1)
    assert {(store, ref) for store, _, ref in take_marks()} == {
        (store, catalogue.ref("A")) for store in (("eu", "us") if catalogue.many else ("eu",))
    }
    assert PriceEdit.objects.values_list("old_price", "old_currency", "new_price").get()[::2] == (None, 13)


def test_a_product_with_no_row_to_hold_a_price_is_refused_before_anything_is_written(
    stores: list[Store], imports: Imports
) -> None:
    """The price of a gadget hangs on its variant, and this gadget has none."""
    Gadget.objects.create(sku="A", name="A")
    Gadgets().add("B", "5", stores[:1])
    done = imports(Gadgets(), price_list(("A", "13"), ("B", "6")))
    assert (done.status, dict(done.codes)) == ("refused", {"E_NO_PRICE": 1})
    assert (done.errors[0].line, done.errors[0].column, done.errors[0].raw) == (2, "sku", "A")
    done = imports(Gadgets(), price_list(("A", "13"), ("B", "6")), on_error="skip")
    assert (done.rows["changed"], done.rows["rejected"]) == (1, 1)
    assert Tariff.objects.get().amount == 6


# Own save(), auto_now ----------------------------------------------------------------------------------------


class OwnSave:
    """What a model with a `save()` of its own has."""

    def save(self, **kwargs: Any) -> None:
        models.Model.save(self, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def own_save(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The catalogue's price model has a `save()` of its own; the list is what went through it."""
    saved: list[Any] = []
    plain = catalogue.price_model.save

    def save(self: Any, *args: Any, **kwargs: Any) -> None:
        saved.append(self)
        plain(self, *args, **kwargs)

    monkeypatch.setattr(catalogue.price_model, "save", save)
    return saved


def test_I42_a_model_with_its_own_save_goes_through_it_and_says_so(
    catalogue: Catalogue, stores: list[Store], imports: Imports, own_save: list[Any]
) -> None:
    catalogue.add("A", "12", stores)
    catalogue.add("B", "5", stores[:1])
    take_marks()
    own_save.clear()

    done = imports(catalogue, price_list(("A", "13"), ("B", "5")))

    assert len(own_save) == 1
    assert any("save()" in note for note in done.notes)
    assert catalogue.prices()["A"] == (13, catalogue.currency)
    expected = {"eu": 1, "us": 1} if catalogue.many else {"eu": 1}
    assert dict(done.marked) == expected
    imported = Change.objects.filter(reason="import", run_id=done.run)
    assert set(imported.values_list("store_id", "ref")) == {(s, catalogue.ref("A")) for s in expected}
    assert PriceEdit.objects.values_list("old_price", "new_price").get() == (12, 13)
    take_marks()
    own_save.clear()
    assert imports(catalogue, price_list(("A", "13"), ("B", "5"))).rows["changed"] == 0
    assert (own_save, take_marks()) == ([], set())


def test_I42_a_model_with_its_own_save_gets_its_first_price_through_it(
    catalogue: Catalogue, stores: list[Store], imports: Imports, own_save: list[Any]
) -> None:
    catalogue.add("A", None, stores[:1])
    own_save.clear()
    done = imports(catalogue, price_list(("A", "13")), currency=catalogue.currency)
    assert done.rows["changed"] == 1
    assert len(own_save) == 1
    assert catalogue.prices()["A"] == (13, catalogue.currency)


def test_I46_a_model_with_its_own_save_leaves_stale_prices_alone(
    catalogue: Catalogue, stores: list[Store], imports: Imports, own_save: list[Any]
) -> None:
    for sku in ("A", "B"):
        catalogue.add(sku, "12", stores[:1])
    with before(PLANNED, lambda: catalogue.save_price("A", Decimal(15), catalogue.currency)):
        done = imports(catalogue, price_list(("A", "13"), ("B", "14")))
    assert {sku: price for sku, (price, _) in catalogue.prices().items()} == {"A": 15, "B": 14}
    assert (done.rows["changed"], done.rows["stale"]) == (1, 1)


def test_I46_a_currency_that_changed_since_the_plan_is_stale(stores: list[Store], imports: Imports) -> None:
    """12 EUR became 12 USD: 13 was meant in euro."""
    make_product(stores[0], "A", "12")

    def switch() -> None:
        PriceRecord.objects.update(currency="USD")

    with before(PLANNED, switch):
        done = imports(Shipped(), price_list(("A", "13")))
    assert (done.rows["stale"], Shipped().prices()["A"]) == (1, (12, "USD"))


def test_I46_a_currency_that_changed_since_the_plan_is_stale_for_a_model_with_its_own_save(
    stores: list[Store], imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product(stores[0], "A", "12")
    monkeypatch.setattr(PriceRecord, "save", lambda self, **kwargs: self.save_base(using=kwargs["using"]))
    with before(PLANNED, lambda: PriceRecord.objects.update(currency="USD")):
        done = imports(Shipped(), price_list(("A", "13")))
    assert (done.rows["stale"], Shipped().prices()["A"]) == (1, (12, "USD"))


@pytest.fixture
def stamped(transactional_db: Any) -> Iterator[type[models.Model]]:
    """A model with columns that say when it was written, in a registry of its own, with a table."""
    with isolate_apps("tests.shop") as apart:
        apart.all_models["syncops"]["store"] = Store

        class Stamped(models.Model):
            code = models.CharField(max_length=20, unique=True)
            store = models.ForeignKey(Store, models.DO_NOTHING, related_name="+", db_constraint=False)
            price = models.DecimalField(max_digits=10, decimal_places=2)
            currency = models.CharField(max_length=3)
            touched = models.DateTimeField(auto_now=True)
            day = models.DateField(auto_now=True)
            made = models.DateTimeField(auto_now_add=True)

            class Meta:
                app_label = "shop"

        with connection.schema_editor() as editor:
            editor.create_model(Stamped)
        yield Stamped
        with connection.schema_editor() as editor:
            editor.delete_model(Stamped)


@pytest.mark.parametrize("own_save", [False, True], ids=["set-based", "own save"])
def test_columns_that_say_when_a_row_was_written_are_stamped(
    stamped: Any, stores: list[Store], monkeypatch: pytest.MonkeyPatch, own_save: bool
) -> None:
    class StampedSource(Source):
        model = stamped
        sku, name, store, price, currency = "code", "code", "store", "price", "currency"
        watch = [Watch(stamped)]

    monkeypatch.setitem(sources._registry, "shop.Stamped", StampedSource())
    if own_save:
        monkeypatch.setattr(stamped, "save", OwnSave.save)
    long_ago = datetime(2020, 2, 2, 12, tzinfo=UTC)
    for sku in ("A", "B"):
        stamped.objects.create(code=sku, store=stores[0], price=9, currency="EUR")
    stamped.objects.update(touched=long_ago, day=long_ago.date(), made=long_ago)
    began = timezone.now()

    options = Options(source="shop.Stamped", deliver=False)
    done = import_.run("-", options, stream=io.BytesIO(price_list(("A", "10"), ("B", "9"))))

    assert done.rows["changed"] == 1
    written, untouched = stamped.objects.order_by("code")
    assert (written.price, written.made) == (10, long_ago)
    assert began <= written.touched <= timezone.now()
    assert written.day >= began.date()
    assert (untouched.touched, untouched.day) == (long_ago, long_ago.date())


# Other sources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", ["12", None], ids=["changed", "first"])
def test_I43_a_source_that_watches_the_same_price_is_marked_too(
    stores: list[Store], imports: Imports, monkeypatch: pytest.MonkeyPatch, price: str | None
) -> None:
    """Tariffs are the price of gadgets, and this source lists variants by them."""

    class VariantSource(Source):
        model = Variant
        sku, name, store = "gadget__sku", "gadget__name", "gadget__offers__store"
        price, currency = "tariff__amount", "gadget__name"
        watch = [Watch(Tariff, product="variant", fields=("amount",))]

    other = VariantSource()
    monkeypatch.setitem(sources._registry, other.label, other)
    gadget = Gadgets().add("A", price, stores)
    take_marks()
    imports(Gadgets(), price_list(("A", "13")))
    assert take_marks() == {
        (store, label, str(key))
        for store in ("eu", "us")
        for label, key in (("shop.Gadget", gadget.pk), ("shop.Variant", gadget.variant.pk))
    }


# Locks -------------------------------------------------------------------------------------------------------


@on_postgresql
@pytest.mark.parametrize("own_save", [False, True], ids=["set-based", "own save"])
@pytest.mark.parametrize("priced", [True, False], ids=["priced", "first prices"])
def test_I42_two_imports_in_opposite_order_do_not_deadlock(
    catalogue: Catalogue, stores: list[Store], monkeypatch: pytest.MonkeyPatch, own_save: bool, priced: bool
) -> None:
    """Both have planned before either writes; then one is served after the other."""
    skus = [f"S{number:03}" for number in range(60)]
    with transaction.atomic():
        for sku in skus:
            catalogue.add(sku, "10" if priced else None, stores[:1])
    take_marks()
    if own_save:
        monkeypatch.setattr(catalogue.price_model, "save", OwnSave.save)
        monkeypatch.setattr(apply, "BATCH", 7)
    barrier = threading.Barrier(2)
    ended: list[Imported | Exception] = []

    def run(data: bytes) -> None:
        def meet(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith('INSERT INTO "syncops_run"'):
                barrier.wait(30)
            return execute(sql, params, many, context)

        try:
            options = Options(source=catalogue.label, deliver=False, currency=catalogue.currency)
            with connections["default"].execute_wrapper(meet):
                ended.append(import_.run("-", options, stream=io.BytesIO(data)))
        except Exception as error:
            ended.append(error)
        finally:
            connections["default"].close()

    lists = (
        price_list(*((sku, 20 + place) for place, sku in enumerate(skus))),
        price_list(*((sku, 120 + place) for place, sku in reversed(list(enumerate(skus))))),
    )
    threads = [threading.Thread(target=run, args=(data,)) for data in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not any(thread.is_alive() for thread in threads)
    won = [each for each in ended if isinstance(each, Imported) and each.rows["changed"] == 60]
    assert len(won) == 1, ended
    (lost,) = [each for each in ended if each is not won[0]]
    if isinstance(lost, Imported):
        assert lost.rows["stale"] == 60
    else:
        # Rows that only one of the two can make: the other one is told to come again.
        assert isinstance(lost, Unavailable)
        assert not priced
    prices = [price for _, (price, _) in sorted(catalogue.prices().items())]
    assert prices in ([20 + place for place in range(60)], [120 + place for place in range(60)])
    assert Run.objects.filter(counts__changed=60).count() == 1
    assert PriceEdit.objects.count() == 60


@on_postgresql
def test_I42_a_row_that_somebody_holds_ends_the_import_after_the_lock_timeout(
    catalogue: Catalogue, stores: list[Store], imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.add("A", "12", stores[:1])
    take_marks()
    monkeypatch.setattr(apply, "LOCK_TIMEOUT", 50)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                list(catalogue.price_model.objects.select_for_update())
                held.set()
                release.wait(30)
        finally:
            connections["default"].close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(Unavailable) as caught:
            imports(catalogue, price_list(("A", "13")))
    finally:
        release.set()
        holder.join(30)
    assert caught.value.hint
    assert (catalogue.prices()["A"][0], written()) == (12, (0, 0, 0))
    # The connection is as good as before.
    assert imports(catalogue, price_list(("A", "13"))).rows["changed"] == 1


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="a whole database is locked in SQLite only")
def test_I42_a_database_that_somebody_holds_ends_the_import(
    catalogue: Catalogue, stores: list[Store], imports: Imports
) -> None:
    catalogue.add("A", "12", stores[:1])
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                held.set()
                release.wait(30)
        finally:
            connections["default"].close()

    holder = threading.Thread(target=hold)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(Unavailable):
            imports(catalogue, price_list(("A", "13")))
    finally:
        release.set()
        holder.join(30)
        connection.close()
    assert (catalogue.prices()["A"][0], Run.objects.count()) == (12, 0)


# The same refs as the receivers ------------------------------------------------------------------------------

SKUS = [f"K{number}" for number in range(10)]
CURRENCIES = ("EUR", "JPY", "USD")
PRICES = ("1", "2", "2.00", "7.5", "12.50", "12.25", "199")


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """A catalogue and a file: stores on and off, products in several, prices missing, other currencies."""
    slugs = ["eu", "us", "jp"]
    products = {
        sku: (
            draw(st.lists(st.sampled_from(slugs), min_size=1, unique=True)),
            draw(st.sampled_from([None, *PRICES])),
            draw(st.sampled_from(CURRENCIES)),
        )
        for sku in SKUS[:8]
    }
    rows = [
        (sku, draw(st.sampled_from(PRICES)), draw(st.sampled_from(["", "", "", *CURRENCIES])))
        for sku in draw(st.lists(st.sampled_from(SKUS), min_size=6, unique=True))
    ]
    return {
        "stores": {slug: draw(st.booleans()) for slug in slugs},
        "products": products,
        "rows": rows,
        "store": draw(st.sampled_from([None, None, *slugs])),
        "unknown": draw(st.sampled_from(["reject", "ignore"])),
    }


#: A world in which everything happens, whatever the others are like.
LIVELY: dict[str, Any] = {
    "stores": {"eu": True, "us": True, "jp": False},
    "products": {
        "K0": (["eu", "jp", "us"], "12.50", "EUR"),
        "K1": (["us"], "2", "JPY"),
        "K2": (["jp"], "2", "JPY"),
        "K3": (["us", "eu"], None, "EUR"),
        "K4": (["eu"], "7.5", "USD"),
        "K5": (["eu"], "7.5", "EUR"),
    },
    "rows": [
        ("K0", "199", ""), ("K1", "1", ""), ("K2", "199", ""), ("K3", "2", "EUR"), ("K4", "1", "EUR"),
        ("K5", "7.5", ""), ("K9", "1", ""),
    ],
    "store": None,
    "unknown": "reject",
}  # fmt: skip


def build(catalogue: Catalogue, world: dict[str, Any]) -> None:
    wipe()
    with transaction.atomic():
        fill(catalogue, world)
    take_marks()


def fill(catalogue: Catalogue, world: dict[str, Any]) -> None:
    made = {
        slug: Store.objects.create(slug=slug, provider="memory", sync_prices=on)
        for slug, on in world["stores"].items()
    }
    for sku, (slugs, price, currency) in world["products"].items():
        places = [made[slug] for slug in (slugs if catalogue.many else slugs[:1])]
        code = "EUR" if isinstance(catalogue, Gadgets) else currency
        # A price that its currency cannot have would be another test's.
        amount = None if price is None or not fine(price, code) else price
        catalogue.add(sku, amount, places, code)


def fine(price: str, currency: str) -> bool:
    return max(0, -Decimal(price).normalize().as_tuple().exponent) <= exponent(currency)  # type: ignore[operator]


def expected_changes(catalogue: Catalogue, world: dict[str, Any]) -> dict[str, tuple[Decimal, str]]:
    """Which products the file changes, worked out row by row from what the ORM says."""
    now, found = catalogue.prices(), {}
    for sku, price, stated in world["rows"]:
        if sku not in now:
            continue
        slugs = world["products"][sku][0]
        if world["store"] and world["store"] not in (slugs if catalogue.many else slugs[:1]):
            continue
        old, has = now[sku]
        code = stated or has or ""
        if not code or (has and code != has):
            continue
        if old != Decimal(price) and fine(price, code):
            found[sku] = (Decimal(price), code)
    return found


@pytest.mark.parametrize("own_save", [False, True], ids=["set-based", "own save"])
def test_I43_the_refs_and_prices_are_those_that_saving_each_product_gives(
    catalogue: Catalogue, own_save: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if own_save:
        monkeypatch.setattr(catalogue.price_model, "save", OwnSave.save)
    seen = {"changed": 0, "first": 0, "marked": 0}

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @example(LIVELY)
    @given(worlds())
    def compare(world: dict[str, Any]) -> None:
        build(catalogue, world)
        changes = expected_changes(catalogue, world)
        seen["first"] += sum(catalogue.prices()[sku][0] is None for sku in changes)
        with transaction.atomic():
            for sku, (price, currency) in changes.items():
                catalogue.save_price(sku, price, currency)
        saved, marks = catalogue.prices(), by_sku(catalogue, take_marks())

        build(catalogue, world)
        options = Options(
            source=catalogue.label, store=world["store"], on_error="skip", unknown=world["unknown"],
            deliver=False, overrides={"G_UNKNOWN": "a test"},
        )  # fmt: skip
        data = price_list(*world["rows"], header="sku,price,currency")
        done = import_.run("-", options, stream=io.BytesIO(data))

        assert done.rows["changed"] == len(changes)
        assert catalogue.prices() == saved
        assert sum(done.marked.values()) == len(marks)
        imported = set(Change.objects.filter(reason="import").values_list("store_id", "source", "ref"))
        assert by_sku(catalogue, imported) == by_sku(catalogue, take_marks()) == marks
        seen["changed"] += len(changes)
        seen["marked"] += len(marks)

    compare()
    assert seen["changed"] >= 4, "the worlds are too dull to prove anything"
    assert seen["marked"] >= 3
    assert seen["first"] > 0


def by_sku(catalogue: Catalogue, marks: set[Mark]) -> set[Mark]:
    """The same marks with skus for refs: keys are new in each catalogue, skus are not."""
    skus = catalogue.refs()
    return {(store, source, skus[ref]) for store, source, ref in marks}


def test_all_catalogues_are_tested() -> None:
    assert {each.label for each in ALL} == {source.label for source in sources.all()}
