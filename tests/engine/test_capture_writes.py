"""C20–C22, C26, C30, C32: which writes are noticed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import serializers
from django.core.management import call_command
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from project.catalog.models import PriceRecord, Product
from syncops import outbox, signals
from syncops.delivery import deliver
from syncops.models import Change, Store
from tests.conftest import make_product
from tests.shop.models import Article, ArticleProxy, Book, Gadget, Offer, Tariff, Unwatched, Variant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def us(db: Any) -> Store:
    return Store.objects.create(slug="us", provider="memory")


@pytest.fixture
def quiet(product: Product, marked: Any) -> Product:
    marked()
    return product


def key(instance: Any) -> str:
    pk = instance.pk
    return pk.hex if hasattr(pk, "hex") and connection.vendor == "sqlite" else str(pk)


def test_C20_every_way_to_save_is_noticed(quiet: Product, marked: Any) -> None:
    ref = [("eu", key(quiet))]
    price = PriceRecord.objects.get(product=quiet)
    price.save()
    assert marked() == ref
    PriceRecord.objects.update_or_create(product=quiet, defaults={"amount": Decimal(3)})
    assert marked() == ref
    PriceRecord.objects.get_or_create(product=quiet, defaults={"amount": Decimal(3)})
    assert marked() == []
    async_to_sync(price.asave)()
    assert marked() == ref
    price.amount = models.F("amount") + 1
    price.save()
    assert marked() == ref
    made = Product.objects.create(store=quiet.store, sku="new", name="New")
    assert marked() == [("eu", key(made))]


def test_C20_a_fixture_is_noticed_and_nothing_is_dereferenced(
    quiet: Product, marked: Any, tmp_path: Any
) -> None:
    fixture = tmp_path / "prices.json"
    fixture.write_text(serializers.serialize("json", PriceRecord.objects.all()))
    with CaptureQueriesContext(connection) as seen:
        call_command("loaddata", str(fixture), verbosity=0)
    assert marked() == [("eu", key(quiet))]
    assert not [each for each in seen if "SELECT" in each["sql"][:7] and "catalog_product" in each["sql"]]


def test_C20_a_store_that_a_fixture_switches_on_is_marked_whole(
    quiet: Product, marked: Any, tmp_path: Any
) -> None:
    fixture = tmp_path / "stores.json"
    fixture.write_text(serializers.serialize("json", Store.objects.all()))
    Store.objects.filter(pk="eu").update(sync_prices=False)
    call_command("loaddata", str(fixture), verbosity=0)
    assert marked() == [("eu", key(quiet))]


@pytest.mark.parametrize(
    ("fields", "noticed"),
    [
        (["amount"], True),
        (["currency"], True),
        (["product"], True),
        (["product_id"], True),
        (None, True),
        ([], False),
    ],
)
def test_C21_update_fields_of_a_price(quiet: Product, marked: Any, fields: Any, noticed: bool) -> None:
    PriceRecord.objects.get(product=quiet).save(update_fields=fields)
    assert bool(marked()) is noticed


@pytest.mark.parametrize(
    ("fields", "noticed"), [(["sku"], True), (["store"], True), (["store_id"], True), (["name"], True)]
)
def test_C21_update_fields_of_a_product(quiet: Product, marked: Any, fields: Any, noticed: bool) -> None:
    quiet.save(update_fields=fields)
    assert bool(marked()) is noticed


def test_C21_a_field_that_is_not_watched_is_passed_over(store: Store, marked: Any) -> None:
    article = Article.objects.create(code="C", title="T", cost=Decimal(5))
    article.stores.add(store)
    marked()
    article.stock = 9
    article.save(update_fields=["stock"])
    assert marked() == []
    article.save(update_fields=["stock", "cost"])
    assert marked() == [("eu", key(article))]


def test_C22_a_proxy_and_a_multi_table_child_are_the_product(store: Store, marked: Any) -> None:
    book = Book.objects.create(code="B", title="Book", cost=Decimal(7), pages=9)
    book.stores.add(store)
    marked()
    book.cost = Decimal(8)
    book.save()
    assert marked() == [("eu", key(book))]
    proxy = ArticleProxy.objects.get(pk=book.pk)
    proxy.save()
    assert marked() == [("eu", key(book))]
    book.save(update_fields=["pages"])
    assert marked() == []


def test_C22_a_model_that_is_made_later_is_connected_too(store: Store, marked: Any) -> None:
    article = Article.objects.create(code="L", title="Late", cost=Decimal(7))
    article.stores.add(store)
    marked()
    late = type(
        "LateProxy",
        (Article,),
        {"__module__": "tests.shop.models", "Meta": type("Meta", (), {"proxy": True, "app_label": "shop"})},
    )
    try:
        late.objects.get(pk=article.pk).save()
        assert marked() == [("eu", key(article))]
    finally:
        from django.apps import apps

        del apps.all_models["shop"]["lateproxy"]
        apps.clear_cache()


def test_C26_a_product_that_moves_marks_both_stores(quiet: Product, us: Store, marked: Any) -> None:
    loaded = Product.objects.get(pk=quiet.pk)
    loaded.store = us
    loaded.save()
    assert marked() == [("eu", key(quiet)), ("us", key(quiet))]
    loaded.save()
    assert ("us", key(quiet)) in marked()


def test_C26_a_product_that_was_never_loaded_knows_where_it_was_saved(
    quiet: Product, us: Store, marked: Any
) -> None:
    made = Product(store=quiet.store, sku="made", name="Made")
    made.save()
    made.store = us
    marked()
    made.save()
    assert marked() == [("eu", key(made)), ("us", key(made))]


def test_C26_a_move_that_was_rolled_back_is_not_forgotten(quiet: Product, us: Store, marked: Any) -> None:
    third = Store.objects.create(slug="third", provider="memory")
    loaded = Product.objects.get(pk=quiet.pk)
    loaded.store = us
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        loaded.save()
        raise ZeroDivisionError
    assert marked() == []
    loaded.store = third
    loaded.save()
    assert {("eu", key(quiet)), ("third", key(quiet))} <= set(marked())


def test_C26_a_refreshed_product_knows_where_it_was_then(quiet: Product, us: Store, marked: Any) -> None:
    third = Store.objects.create(slug="third", provider="memory")
    loaded = Product.objects.get(pk=quiet.pk)
    Product.objects.filter(pk=quiet.pk).update(store=us)
    loaded.refresh_from_db()
    loaded.store = third
    marked()
    loaded.save()
    assert {("us", key(quiet)), ("third", key(quiet))} <= set(marked())


def test_C26_a_price_row_that_moves_marks_both_products(quiet: Product, store: Store, marked: Any) -> None:
    bare = Product.objects.create(store=store, sku="bare", name="Bare")
    marked()
    price = PriceRecord.objects.get(product=quiet)
    price.product = bare
    price.save()
    assert marked() == sorted([("eu", key(quiet)), ("eu", key(bare))])


def test_a_delete_marks_by_value(quiet: Product, marked: Any) -> None:
    number = key(quiet)
    quiet.delete()
    assert set(marked()) == {("eu", number)}


def test_a_queryset_delete_and_a_price_that_goes_are_noticed(quiet: Product, marked: Any) -> None:
    PriceRecord.objects.filter(product=quiet).delete()
    assert marked() == [("eu", key(quiet))]
    number = key(quiet)
    Product.objects.filter(pk=quiet.pk).delete()
    assert set(marked()) == {("eu", number)}


def test_a_delete_of_a_deferred_product_is_noticed(quiet: Product, marked: Any) -> None:
    number = key(quiet)
    Product.objects.only("sku").get(pk=quiet.pk).delete()
    assert set(marked()) == {("eu", number)}


def test_to_many_links_mark_when_made_and_when_cut(store: Store, us: Store, marked: Any) -> None:
    article = Article.objects.create(code="M", title="Many", cost=Decimal(5))
    assert marked() == []
    article.stores.add(store, us)
    here = key(article)
    assert marked() == [("eu", here), ("us", here)]
    article.stores.remove(us)
    assert ("us", here) in marked()
    us.articles.add(article)
    assert ("us", here) in marked()
    us.articles.remove(article)
    assert ("us", here) in marked()
    article.stores.set([us])
    assert {("eu", here), ("us", here)} <= set(marked())
    us.articles.clear()
    assert ("us", here) in marked()
    article.stores.add(store)
    marked()
    article.stores.clear()
    assert ("eu", here) in marked()


def test_a_deleted_article_is_marked_in_every_store_it_was_in(store: Store, us: Store, marked: Any) -> None:
    article = Article.objects.create(code="D", title="Gone", cost=Decimal(5))
    article.stores.add(store, us)
    here = key(article)
    marked()
    article.delete()
    assert set(marked()) == {("eu", here), ("us", here)}


def test_a_price_two_tables_away_and_stores_through_offers(store: Store, us: Store, marked: Any) -> None:
    gadget = Gadget.objects.create(name="G", sku="G-1")
    variant = Variant.objects.create(gadget=gadget)
    tariff = Tariff.objects.create(variant=variant, amount=Decimal("9.99"))
    offer = Offer.objects.create(gadget=gadget, store=store)
    marked()
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        tariff.save()
    assert [each["sql"].split()[0] for each in seen if "syncops" not in each["sql"]].count("SELECT") == 0
    assert marked() == [("eu", key(gadget))]
    offer = Offer.objects.get(pk=offer.pk)
    offer.store = us
    offer.save()
    assert set(marked()) == {("eu", key(gadget)), ("us", key(gadget))}
    offer.delete()
    assert ("us", key(gadget)) in marked()
    Offer.objects.create(gadget=gadget, store=us)
    marked()
    tariff.delete()
    assert marked() == [("us", key(gadget))]


def test_a_model_that_nobody_watches_costs_nothing(store: Store, marked: Any) -> None:
    with CaptureQueriesContext(connection) as seen:
        Unwatched.objects.create(name="x").delete()
    assert not [each for each in seen if "syncops" in each["sql"]]
    assert marked() == []


def test_C30_a_receiver_that_saves_after_a_delivery_does_not_loop(quiet: Product) -> None:
    saves = []

    def stamp(skus: tuple[str, ...], **_: object) -> None:
        saves.append(skus)
        Product.objects.get(sku=skus[0]).save()

    signals.delivered.connect(stamp)
    try:
        quiet.save()
        rounds = 0
        while Change.objects.exists():
            deliver("eu")
            rounds += 1
            assert rounds < 5
    finally:
        signals.delivered.disconnect(stamp)
    assert len(saves) == 1


def switch_by_save(on: bool) -> None:
    store = Store.objects.get(pk="eu")
    store.sync_prices = on
    store.save()


def switch_by_update(on: bool) -> None:
    Store.objects.filter(provider="memory").update(sync_prices=on)


def switch_by_bulk_update(on: bool) -> None:
    store = Store.objects.get(pk="eu")
    store.sync_prices = on
    Store.objects.bulk_update([store], ["sync_prices"])


@pytest.mark.parametrize("switch", [switch_by_save, switch_by_update, switch_by_bulk_update])
def test_C32_the_toggle_drops_and_marks_whichever_way_it_is_written(
    quiet: Product, marked: Any, switch: Any
) -> None:
    make_product(quiet.store, "A-2")
    assert Change.objects.exists()
    switch(False)
    assert marked() == []
    quiet.save()
    assert marked() == []
    switch(True)
    assert Change.objects.filter(reason="resync").count() == 2
    switch(True)
    assert Change.objects.count() == 2


def test_C32_a_store_switched_on_and_rolled_back_stays_as_it_was(quiet: Product, marked: Any) -> None:
    switch_by_save(False)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        switch_by_save(True)
        raise ZeroDivisionError
    assert marked() == []


def test_C32_a_whole_store_is_marked_by_one_statement_a_source(store: Store) -> None:
    for number in range(30):
        make_product(store, f"A-{number}")
    Change.objects.all().delete()
    with CaptureQueriesContext(connection) as seen:
        assert outbox.mark_all("eu", using="default") == 30
    inserts = [each for each in seen if "INSERT INTO" in each["sql"]]
    assert len(inserts) == 3  # the shipped catalogue, and the two of tests.shop


def test_C32_a_store_that_is_off_is_marked_for_nothing_however_many_change(
    store: Store, us: Store, marked: Any
) -> None:
    products = [make_product(each, f"A-{number}") for each in (store, us) for number in range(2)]
    switch_by_save(False)
    Change.objects.all().delete()
    with transaction.atomic():
        for product in products:
            product.save()
    assert {slug for slug, _ in marked()} == {"us"}
    with transaction.atomic():
        for product in products:
            product.delete()
    assert {slug for slug, _ in marked()} == {"us"}
    assert outbox.mark_all("eu", using="default") == 0
