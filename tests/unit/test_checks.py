"""System checks: each wrong declaration or setting gets its own id, its place and a hint."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import CheckMessage, Error, Warning, registry, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, Concat
from django.test import override_settings

from project.catalog.models import PriceRecord, Product
from project.catalog.sync import ProductSource
from syncops import checks
from syncops.checks import check_databases, check_layout, check_settings, check_sources
from syncops.checks.environment import _check_databases
from syncops.checks.layout import _check_layout
from syncops.providers.base import Provider
from syncops.sources import Source, Watch
from tests.shop.models import Article, Book, Gadget, Offer, Tariff, Unwatched, Variant
from tests.shop.sync import ArticleSource, GadgetSource


def declare(model: Any, **parts: Any) -> Source:
    """A Source that nobody registered."""
    return type(f"{model.__name__}Source", (Source,), {"model": model, **parts})()


def product(**parts: Any) -> Source:
    """The catalogue's own declaration with some parts replaced."""
    own = {
        name: getattr(ProductSource, name) for name in ("sku", "name", "store", "price", "currency", "watch")
    }
    return declare(Product, **{**own, **parts})


def ids(messages: list[CheckMessage]) -> list[str]:
    return [each.id.removeprefix("syncops.") for each in messages]


def only(messages: list[CheckMessage], number: str) -> CheckMessage:
    """The one message, with its id and a hint."""
    assert ids(messages) == [number], messages
    assert messages[0].hint
    return messages[0]


def test_the_declarations_that_ship_are_right() -> None:
    assert check_sources([product()]) == []
    assert check_sources([ArticleSource()]) == []
    assert check_sources([]) == []


@pytest.mark.parametrize("part", ["sku", "name", "store", "price", "currency"])
@pytest.mark.parametrize("path", ["nonsense", "sku__upper", "price__nonsense", "store__nonsense", ""])
def test_E001_a_path_that_does_not_exist_is_named(part: str, path: str) -> None:
    found = check_sources([product(**{part: path})])
    message = only(found, "E001")
    assert isinstance(message, Error)
    assert message.msg.startswith(f"catalog.Product: {part}: ")


def test_E001_the_hint_lists_what_there_is() -> None:
    assert "currency" in str(only(check_sources([product(price="price__amuont")]), "E001").hint)


@pytest.mark.parametrize(
    "expression", [F("nonsense"), Coalesce("nonsense", Value("EUR")), Concat("sku", F("price__no"))]
)
def test_E001_a_path_inside_an_expression_is_checked(expression: Any) -> None:
    assert ids(check_sources([product(currency=expression)])) == ["E001"]


@pytest.mark.parametrize("path", ["sku", "price", "price__product", "store__name"])
def test_E002_the_store_path_has_to_end_in_a_store(path: str) -> None:
    found = [each for each in check_sources([product(store=path)]) if each.id != "syncops.W001"]
    assert only(found, "E002").msg == f"catalog.Product: store: {path!r} does not end in syncops.Store."


def test_E002_to_many_paths_to_a_store_are_right() -> None:
    assert ids(check_sources([ArticleSource()])) == []  # many to many
    assert "E002" not in ids(check_sources([GadgetSource()]))  # over a table of offers


@pytest.mark.parametrize(
    ("watch", "says"),
    [
        (Watch(PriceRecord), "has no path, not to the product"),
        (Watch(PriceRecord, product="product__store"), "leads to syncops.Store"),
        (Watch(PriceRecord, product="amount"), "leads to no model"),
        (Watch(PriceRecord, product="prodcut"), "has no part 'prodcut'"),
        (Watch(PriceRecord, product="product__sku__x"), "goes on after a field"),
        (Watch(Unwatched), "has no path, not to the product"),
    ],
)
def test_E003_a_watch_has_to_lead_to_the_product(watch: Watch, says: str) -> None:
    message = only(check_sources([product(watch=[*ProductSource.watch, watch])]), "E003")
    assert says in message.msg
    assert watch.model._meta.label in message.msg


def test_E003_children_and_parents_share_the_key_of_the_product() -> None:
    right = Watch(Article, fields=("code", "title", "cost", "money"))
    parts = {"sku": "code", "name": "title", "store": "stores", "price": "cost", "currency": "money"}
    assert check_sources([declare(Book, **parts, watch=[right])]) == []
    assert check_sources([declare(Article, **parts, watch=[right, Watch(Book)])]) == []


def test_E004_a_watched_field_has_to_exist() -> None:
    message = only(
        check_sources([product(watch=[*ProductSource.watch, Watch(Product, fields=("skuu",))])]), "E004"
    )
    assert "'skuu'" in message.msg
    assert "sku" in str(message.hint)


@pytest.mark.parametrize("price", ["sku", "store", Cast("price__amount", FloatField()), Value("9.99")])
def test_E005_a_price_has_to_be_a_decimal(price: Any) -> None:
    message = only(check_sources([product(price=price)]), "E005")
    assert "DecimalField" in message.msg


@pytest.mark.parametrize(
    "price", [F("price__amount"), F("price__amount") * 2, Coalesce("price__amount", Value(None))]
)
def test_E005_a_decimal_expression_is_right(price: Any) -> None:
    assert check_sources([product(price=price)]) == []


def test_E006_two_sources_with_one_label() -> None:
    message = only(check_sources([product(), product(), ArticleSource()]), "E006")
    assert "2 sources are called catalog.Product" in message.msg


# What would go unnoticed


def test_W001_a_column_that_no_watch_looks_at() -> None:
    found = check_sources([product(watch=[Watch(PriceRecord, product="product", fields=("amount",))])])
    assert {each.msg.split("change of ")[1].split(" ")[0] for each in found} == {
        "catalog.Product.sku", "catalog.Product.name", "catalog.Product.store", "catalog.PriceRecord.currency",
    }  # fmt: skip
    assert all(isinstance(each, Warning) and each.id == "syncops.W001" and each.hint for each in found)


def test_W001_a_watch_of_all_fields_looks_at_everything() -> None:
    assert check_sources([product(watch=[Watch(Product), Watch(PriceRecord, product="product")])]) == []


def test_W001_an_attname_is_the_field() -> None:
    watch = [Watch(Product, fields=("sku", "name", "store_id")), Watch(PriceRecord, product="product")]
    found = ids(check_sources([product(watch=watch)]))
    assert "W001" not in found


def test_W001_a_hop_on_the_way_can_lead_elsewhere() -> None:
    message = only(check_sources([GadgetSource()]), "W001")
    assert message.msg.startswith("shop.Gadget: a change of shop.Variant.gadget would go unnoticed")
    assert "Watch(Variant" in str(message.hint)
    watch = [*GadgetSource.watch, Watch(Variant, product="gadget", fields=("gadget",))]
    parts = {name: getattr(GadgetSource, name) for name in ("sku", "name", "store", "price", "currency")}
    assert check_sources([declare(Gadget, **parts, watch=watch)]) == []


def test_W001_a_table_on_the_way_to_the_store_counts() -> None:
    watch = [each for each in GadgetSource.watch if each.model is not Offer]
    parts = {name: getattr(GadgetSource, name) for name in ("sku", "name", "store", "price", "currency")}
    found = check_sources([declare(Gadget, **parts, watch=watch)])
    said = [each.msg for each in found]
    assert any("shop.Offer.store" in text for text in said)
    assert any("shop.Offer.gadget" in text for text in said)


def test_W001_a_parent_is_written_without_its_child() -> None:
    parts = {"sku": "code", "name": "title", "store": "stores", "price": "cost", "currency": "money"}
    found = check_sources([declare(Book, **parts, watch=[Watch(Book)])])
    assert "shop.Article.code" in " ".join(each.msg for each in found)


def test_W001_the_name_of_the_store_is_not_watched() -> None:
    message = only(check_sources([product(name="store__name")]), "W001")
    assert "syncops.Store.name" in message.msg


def test_W001_a_path_inside_an_expression_counts() -> None:
    watch = [Watch(Product), Watch(PriceRecord, product="product", fields=("currency",))]
    message = only(
        check_sources([product(watch=watch, price=Coalesce(F("price__amount"), Value(None)))]), "W001"
    )
    assert "catalog.PriceRecord.amount" in message.msg


@pytest.mark.parametrize(
    "expression",
    [
        Value("EUR"),
        Case(When(Q(sku="x") & ~Q(name=F("sku")), then=Value("EUR")), default=F("price__currency")),
        Subquery(PriceRecord.objects.filter(product=OuterRef("pk")).values("currency")[:1]),
        Case(
            When(Exists(PriceRecord.objects.filter(product=OuterRef("pk"))), then=Value("EUR")),
            default=Value("USD"),
        ),
    ],
)
def test_an_expression_of_any_kind_is_looked_through(expression: Any) -> None:
    assert check_sources([product(currency=expression)]) == []


def test_a_primary_key_never_changes() -> None:
    assert check_sources([product(sku="pk")]) == []
    assert check_sources([product(sku="id", currency=Value("EUR"))]) == []


def test_every_fault_of_a_declaration_is_told_at_once() -> None:
    wrong = product(
        sku="no", store="name", price="sku", watch=[Watch(Tariff), Watch(Product, fields=("no",))]
    )
    assert {"E001", "E002", "E003", "E004", "E005"} <= set(ids(check_sources([wrong])))


# Settings


def configured(**settings: Any) -> list[CheckMessage]:
    with override_settings(SYNCOPS=settings):
        return check_settings()


def test_the_settings_that_ship_are_right() -> None:
    assert check_settings() == []
    assert configured() == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"PROVIDRES": {}}, "PROVIDRES"),
        ({"ON_CAPTURE_ERROR": "ignore"}, "ON_CAPTURE_ERROR"),
        ({"LEASE": 10, "TIMEOUT": 30}, "LEASE"),
        ({"LEASE": "long"}, "cannot be read"),
        ({"SWEEP": 0}, "SWEEP"),
        ({"RETRY_CAP": -1}, "RETRY_CAP"),
        ({"RETRY_BASE": "30"}, "RETRY_BASE"),
        ({"ITEM_ATTEMPTS": 1.5}, "ITEM_ATTEMPTS"),
        ({"BATCH_LIMIT": True}, "BATCH_LIMIT"),
        ({"TURN": float("nan")}, "TURN"),
        ({"SETTLE": "soon"}, "SETTLE"),
        ({"PROVIDERS": None}, "cannot be read"),
    ],
)
def test_E011_a_setting_that_cannot_be(settings: dict[str, Any], says: str) -> None:
    assert says in only(configured(**settings), "E011").msg


def test_E011_settings_that_are_not_a_mapping() -> None:
    with override_settings(SYNCOPS=["PROVIDERS"]):
        assert ids(check_settings()) == ["E011"]


class Half(Provider):
    """A provider that can only push."""

    def push(self, batch: Any, deadline: float) -> Any: ...


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("acme.ebay.Ebay", "acme.ebay.Ebay"),
        ("syncops.providers.http.Nothing", "Nothing"),
        ("nodots", "nodots"),
        ("syncops.values.Listing", "is not a Provider class"),
        ("syncops.conf.get", "is not a Provider class"),
        ("tests.unit.test_checks.Half", "check, fetch, page"),
    ],
)
def test_E012_a_provider_that_cannot_be_used(path: str, says: str) -> None:
    message = only(configured(PROVIDERS={"acme": path}), "E012")
    assert "'acme'" in message.msg
    assert says in message.msg


@pytest.mark.parametrize("path", ["nowhere.at_all", "syncops.conf.SHIPPED_PROVIDERS", "nodots"])
def test_E014_credentials_that_cannot_be_called(path: str) -> None:
    assert path in only(configured(CREDENTIALS=path), "E014").msg


# Databases


def test_E013_a_database_alias_that_does_not_exist() -> None:
    with override_settings(SYNCOPS={"DATABASES": ("default", "nowhere")}):
        message = only(check_databases(), "E013")
    assert "'nowhere'" in message.msg
    assert "default" in str(message.hint)


@pytest.mark.parametrize("aliases", ["default", ()])
def test_E013_one_alias_needs_its_comma(aliases: Any) -> None:
    with override_settings(SYNCOPS={"DATABASES": aliases}):
        assert ids(check_databases()) == ["E013"]


def test_databases_are_left_alone_where_the_settings_cannot_be_read() -> None:
    with override_settings(SYNCOPS={"NONSENSE": 1}):
        assert check_databases() == []
        assert ids(check_settings()) == ["E011"]


class Known:
    def __init__(self, vendor: str) -> None:
        self.vendor = vendor


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def pretend(name: str) -> None:
        monkeypatch.setattr("syncops.checks.environment.connections", {"default": Known(name)})

    with override_settings(SYNCOPS={}):
        yield pretend


@pytest.mark.parametrize(("version", "fine"), [((3, 34, 1), False), ((3, 35, 0), True), ((3, 100, 0), True)])
def test_E015_sqlite_has_to_know_returning(vendor: Any, version: tuple[int, ...], fine: bool) -> None:
    vendor("sqlite")
    assert ids(list(_check_databases(version))) == ([] if fine else ["E015"])


def test_E015_an_old_sqlite_is_nothing_to_postgresql(vendor: Any) -> None:
    vendor("postgresql")
    assert list(_check_databases((3, 1, 0))) == []


def test_E016_other_databases(vendor: Any) -> None:
    vendor("mysql")
    assert "mysql" in only(list(_check_databases((3, 40, 0))), "E016").msg


# Django's own layout


def test_E017_this_django_is_laid_out_as_the_batch_needs_it() -> None:
    before = connections[DEFAULT_DB_ALIAS].run_on_commit
    assert check_layout() == []
    assert connections[DEFAULT_DB_ALIAS].run_on_commit is before


def test_E017_the_proof_never_connects() -> None:
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    assert list(_check_layout(connection)) == []
    assert connection.connection is None


def without(**changed: Any) -> Any:
    """A throwaway connection of a Django that is a little different."""
    own = type(connections.create_connection(DEFAULT_DB_ALIAS))
    different = type("DatabaseWrapper", (own,), changed)
    return different({**connections[DEFAULT_DB_ALIAS].settings_dict}, DEFAULT_DB_ALIAS)


def hooks_of_two(self: Any, func: Any, robust: bool = False) -> None:
    self.run_on_commit.append((set(self.savepoint_ids), func))


def hooks_elsewhere(self: Any, func: Any, robust: bool = False) -> None:
    self.hooks = [func]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"on_commit": hooks_of_two}, "ValueError"),
        ({"on_commit": hooks_elsewhere}, "does not hold"),
        ({"on_commit": None}, "TypeError"),
        ({"savepoint_rollback": lambda self, sid: None}, "does not drop"),
    ],
)
def test_E017_another_layout_is_noticed(changed: dict[str, Any], says: str) -> None:
    found = list(_check_layout(without(**changed)))
    assert set(ids(found)) == {"E017"}
    assert any(re.search(says, each.msg) for each in found)


# Registration


def test_the_checks_run_with_all_others() -> None:
    assert checks.check_settings in registry.registry.get_checks()
    number = len(registry.registry.get_checks())
    checks.register()
    assert len(registry.registry.get_checks()) == number
    assert ids(run_checks(tags=["syncops"])) == ["W001"]  # the test catalogue's Variant, wrong on purpose


def test_manage_check_stops_for_an_error_and_says_what_to_do() -> None:
    with override_settings(SYNCOPS={"DATABASES": ("nowhere",)}), pytest.raises(SystemCheckError) as raised:
        call_command("check", tag=["syncops"], stdout=io.StringIO(), stderr=io.StringIO())
    assert "(syncops.E013)" in str(raised.value)
    assert "HINT" in str(raised.value)
