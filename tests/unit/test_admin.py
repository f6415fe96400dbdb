"""The admin, through Django's test client: the toggle, what is refused, and pages that only show."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from project.catalog.models import PriceRecord, Product
from syncops import lanes, outbox, sources
from syncops.models import Attempt, Change, Drift, Failure, PriceEdit, RemoteListing, Run, Store
from syncops.testing import marked
from tests.conftest import make_product

RECORDS = ["change", "attempt", "failure", "remotelisting", "drift", "run", "priceedit"]


def address(model: str, page: str = "changelist", *args: object) -> str:
    app = "catalog" if model in {"product", "pricerecord"} else "syncops"
    return reverse(f"admin:{app}_{model}_{page}", args=args)


def text(response: Any) -> str:
    """What a person reads on a page."""
    assert response.status_code == 200
    body = re.sub(r"(?s)<(script|style|nav|header).*?</\1>", " ", response.content.decode())
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def filled(store: Store, **changed: Any) -> dict[str, Any]:
    """The store's form as a browser sends it."""
    form = {"name": store.name, "provider": store.provider, "options": "{}", "sync_prices": "on", **changed}
    return {name: value for name, value in form.items() if value is not None}


def errors(response: Any) -> str:
    assert response.status_code == 200, "it was saved"
    return " ".join(str(each) for each in response.context["adminform"].form.errors.values())


def waiting() -> set[tuple[str, str, str]]:
    return set(Change.objects.values_list("store", "ref", "reason"))


@pytest.fixture
def shelf(store: Store) -> list[Product]:
    """Three products of the store, with nothing that waits."""
    products = [make_product(store, sku) for sku in ("A-1", "B-2", "C-3")]
    Change.objects.all().delete()
    return products


# The toggle


def test_C32_switching_off_in_the_admin_drops_what_waits(
    admin_client: Client, store: Store, shelf: Any
) -> None:
    outbox.mark_all("eu", using="default")
    assert Change.objects.count() == 3
    response = admin_client.post(address("store", "change", "eu"), filled(store, sync_prices=None))
    assert response.status_code == 302
    assert not Store.objects.get().sync_prices
    assert not Change.objects.exists()


def test_C32_switching_on_in_the_admin_marks_the_whole_store(
    admin_client: Client, store: Store, shelf: Any
) -> None:
    Store.objects.update(sync_prices=False)
    response = admin_client.post(address("store", "change", "eu"), filled(store))
    assert response.status_code == 302
    assert waiting() == {("eu", str(product.pk), "resync") for product in shelf}


def test_C32_saving_a_store_that_was_on_marks_nothing(admin_client: Client, store: Store, shelf: Any) -> None:
    response = admin_client.post(address("store", "change", "eu"), filled(store, name="Europe"))
    assert response.status_code == 302
    assert Store.objects.get().name == "Europe"
    assert waiting() == set()


def in_the_list(admin_client: Client, **on: bool) -> Any:
    form = {"form-TOTAL_FORMS": len(on), "form-INITIAL_FORMS": len(on), "_save": "Save"}
    # In the order of the page.
    for number, slug in enumerate(sorted(on)):
        form[f"form-{number}-slug"] = slug
        if on[slug]:
            form[f"form-{number}-sync_prices"] = "on"
    return admin_client.post(address("store"), form)


def test_C32_the_toggle_in_the_list(admin_client: Client, store: Store, shelf: Any) -> None:
    Store.objects.create(slug="us", provider="memory")
    outbox.mark_all("eu", using="default")
    assert in_the_list(admin_client, eu=False, us=True).status_code == 302
    assert waiting() == set()
    assert dict(Store.objects.values_list("slug", "sync_prices")) == {"eu": False, "us": True}
    assert in_the_list(admin_client, eu=True, us=True).status_code == 302
    assert waiting() == {("eu", str(product.pk), "resync") for product in shelf}


def test_C32_the_actions_switch_many_at_once(admin_client: Client, store: Store, shelf: Any) -> None:
    Store.objects.create(slug="us", provider="memory", sync_prices=False)
    chosen = {"_selected_action": ["eu", "us"]}
    done = admin_client.post(address("store"), {**chosen, "action": "switch_off"}, follow=True)
    assert "Switched off: eu" in text(done)
    assert not Store.objects.filter(sync_prices=True).exists()
    done = admin_client.post(address("store"), {**chosen, "action": "switch_on"}, follow=True)
    assert "Switched on: eu, us" in text(done)
    assert waiting() == {("eu", str(product.pk), "resync") for product in shelf}
    again = admin_client.post(address("store"), {**chosen, "action": "switch_on"}, follow=True)
    assert "none, they were already" in text(again)
    assert Change.objects.count() == 3


def test_nobody_switches_without_the_permission(client: Client, store: Store, django_user_model: Any) -> None:
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_store"))
    client.force_login(user)
    assert client.get(address("store", "change", "eu")).status_code == 200
    assert client.post(address("store", "change", "eu"), filled(store, sync_prices=None)).status_code == 403
    client.post(address("store"), {"_selected_action": ["eu"], "action": "switch_off"})
    in_the_list(client, eu=False)
    assert Store.objects.get().sync_prices


# The store's form


def test_a_new_store_has_a_choice_of_the_providers_there_are(admin_client: Client, db: Any) -> None:
    with override_settings(SYNCOPS={"PROVIDERS": {"acme": "syncops.providers.memory.Memory"}}):
        page = admin_client.get(address("store", "add"))
        choices = page.context["adminform"].form.fields["provider"].choices
        assert [alias for alias, _ in choices] == ["acme", "http", "memory"]
        new = {
            "slug": "us",
            "name": "",
            "provider": "acme",
            "options": '{"batch_limit": 50}',
            "sync_prices": "on",
        }
        assert admin_client.post(address("store", "add"), new).status_code == 302
    made = Store.objects.get(slug="us")
    assert (made.provider, made.options, made.sync_prices) == ("acme", {"batch_limit": 50}, True)


def test_the_slug_stays_what_it_was(admin_client: Client, store: Store) -> None:
    assert admin_client.post(address("store", "change", "eu"), filled(store, slug="other")).status_code == 302
    assert list(Store.objects.values_list("slug", flat=True)) == ["eu"]


def test_a_provider_that_is_gone_is_shown_and_has_to_be_replaced(admin_client: Client, store: Store) -> None:
    Store.objects.filter(pk="eu").update(provider="ebay")
    page = admin_client.get(address("store", "change", "eu"))
    assert '<option value="ebay" selected>ebay (not configured)</option>' in page.content.decode()
    response = admin_client.post(address("store", "change", "eu"), filled(store, provider="ebay"))
    assert "There is no provider “ebay”." in errors(response)


@pytest.mark.parametrize(
    "options",
    [
        '{"token": "s3cret-1"}', '{"API_TOKEN": "s3cret-1"}', '{"password": "s3cret-1"}',
        '{"client_secret": "s3cret-1"}',
        '{"key": "s3cret-1"}', '{"api-key": "s3cret-1"}', '{"apiKey": "s3cret-1"}', '{"access_key": "s3cret-1"}',
        '{"auth": {"token": "s3cret-1"}}', '{"accounts": [{"password": "s3cret-1"}]}',
        '{"token": {"value": "s3cret-1"}}',
        '{"base_url": "https://me:s3cret-1@example.org"}', '{"urls": ["https://me:s3cret-1@example.org"]}',
    ],
)  # fmt: skip
def test_a_secret_in_the_options_is_refused_and_told_where_to_live(
    admin_client: Client, store: Store, options: str
) -> None:
    response = admin_client.post(address("store", "change", "eu"), filled(store, options=options))
    told = errors(response)
    assert "looks like a secret" in told
    assert "SYNCOPS_EU_" in told
    assert "s3cret-1" not in told
    assert Store.objects.get().options == {}


@pytest.mark.parametrize("options", ["[]", '"https://example.org"', "7", "true"])
def test_options_have_to_be_an_object(admin_client: Client, store: Store, options: str) -> None:
    response = admin_client.post(address("store", "change", "eu"), filled(store, options=options))
    assert "a JSON object" in errors(response)


@pytest.mark.parametrize("options", ["{", "{'a': 1}", "nonsense"])
def test_options_have_to_be_json(admin_client: Client, store: Store, options: str) -> None:
    response = admin_client.post(address("store", "change", "eu"), filled(store, options=options))
    assert "Enter a valid JSON" in errors(response)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("", {}),
        ("null", {}),
        ('{"base_url": "https://example.org/a@b", "rate_key": "eu", "monkey": 1}', None),
        ('{"nested": {"list": [1, {"a": null}]}}', None),
    ],
)
def test_other_options_are_kept(admin_client: Client, store: Store, options: str, kept: Any) -> None:
    import json

    response = admin_client.post(address("store", "change", "eu"), filled(store, options=options))
    assert response.status_code == 302
    assert Store.objects.get().options == (json.loads(options) if kept is None else kept)


def test_the_page_of_a_store_says_how_it_stands(admin_client: Client, store: Store, shelf: Any) -> None:
    outbox.mark_all("eu", using="default")
    outbox.mark_all("eu", using="default")
    Attempt.objects.create(store=store, token=1, items=3, duration=0.5, verdict="ok")
    for number, (again, muted) in enumerate(
        [(None, False), (None, False), (timezone.now(), False), (None, True)]
    ):
        Failure.objects.create(
            store=store, source="catalog.Product", ref=str(number), sku=f"S-{number}", code="refused",
            next_attempt_at=again, muted=muted,
        )  # fmt: skip
    lanes.pause("eu", "401 <twice>", using="default")
    page = admin_client.get(address("store", "change", "eu"))
    shown = text(page)
    for fact in (
        "3 products",
        "paused: nothing is sent until it is resumed, 401 <twice>",
        "2 parked",
        "1 retrying",
    ):
        assert fact in shown
    assert "never" not in shown
    assert "nothing waits" not in shown
    links = [
        html.unescape(link)
        for link in re.findall(r'href="([^"]*store__slug__exact[^"]*)"', page.content.decode())
    ]
    assert len(links) == 4
    seen = {link.split("syncops/")[1]: admin_client.get(link).context["cl"].result_count for link in links}
    assert seen == {
        "change/?store__slug__exact=eu": 6,
        "attempt/?store__slug__exact=eu": 1,
        "failure/?store__slug__exact=eu&state=parked": 2,
        "failure/?store__slug__exact=eu&state=retrying": 1,
    }


def test_the_page_of_a_new_store_says_so(admin_client: Client, store: Store) -> None:
    shown = text(admin_client.get(address("store", "change", "eu")))
    for fact in ("0 products", "nothing waits", "ready to send", "never", "0 parked", "0 retrying"):
        assert fact in shown
    assert "How it stands" not in text(admin_client.get(address("store", "add")))


def test_the_state_of_a_lane_that_is_held(admin_client: Client, store: Store, transactional_db: Any) -> None:
    lease = lanes.take("eu", owner="worker-7", using="default")
    try:
        assert re.search(
            r"sending, until .+, worker-7", text(admin_client.get(address("store", "change", "eu")))
        )
    finally:
        lanes.release(lease)


# The catalogue's own pages


def test_C20_an_admin_edit_marks_the_product(admin_client: Client, shelf: list[Product]) -> None:
    price = shelf[0].price
    form = {"product": shelf[0].pk, "amount": "9.99", "currency": "EUR"}
    with marked() as changes:
        assert admin_client.post(address("pricerecord", "change", price.pk), form).status_code == 302
    assert PriceRecord.objects.get(pk=price.pk).amount == Decimal("9.99")
    assert changes.refs == [("eu", "catalog.Product", str(shelf[0].pk))]


def test_C20_list_editable_marks_exactly_what_was_edited(admin_client: Client, shelf: list[Product]) -> None:
    prices = list(PriceRecord.objects.order_by("-pk"))
    form = {"form-TOTAL_FORMS": 3, "form-INITIAL_FORMS": 3, "_save": "Save"}
    for number, price in enumerate(prices):
        form[f"form-{number}-id"] = price.pk
        form[f"form-{number}-amount"] = "8.00" if number else str(price.amount)
    with marked() as changes:
        assert admin_client.post(address("pricerecord"), form).status_code == 302
    assert changes.keys == sorted(str(price.product_id) for price in prices[1:])


def test_C20_the_price_on_the_page_of_the_product(admin_client: Client, shelf: list[Product]) -> None:
    product = shelf[1]
    form = {
        "store": "eu", "sku": product.sku, "name": product.name, "price-TOTAL_FORMS": 1, "price-INITIAL_FORMS": 1,
        "price-0-id": product.price.pk, "price-0-product": product.pk, "price-0-amount": "5", "price-0-currency": "EUR",
    }  # fmt: skip
    with marked() as changes:
        assert admin_client.post(address("product", "change", product.pk), form).status_code == 302
    assert changes.keys == [str(product.pk)]


# Records


@pytest.fixture
def records(store: Store, shelf: Any) -> dict[str, Any]:
    """One record of each kind, some with texts from outside."""
    evil = "<script>alert(1)</script>"
    run = Run.objects.create(operation="import", store="eu", operator="ann", arguments={"file": evil})
    outbox.mark_products(
        Product.objects.filter(pk=shelf[0].pk),
        source=sources.get("catalog.Product"),
        run=run.pk,
        using="default",
    )
    return {
        "run": run,
        "change": Change.objects.get(),
        "attempt": Attempt.objects.create(
            store=store, run=run, token=1, items=3, duration=0.5, verdict="ok", request_id=evil
        ),
        "failure": Failure.objects.create(
            store=store, source="catalog.Product", ref="1", sku=evil, code="refused", message=evil
        ),
        "remotelisting": RemoteListing.objects.create(
            store=store, sku="A-1", name=evil, price=Decimal("1.00")
        ),
        "drift": Drift.objects.create(store=store, sku="A-1", kind="price", remote={"name": evil}),
        "priceedit": PriceEdit.objects.create(
            run=run, source="catalog.Product", ref="1", new_price=Decimal(2)
        ),
    }


@pytest.mark.parametrize("model", RECORDS)
def test_records_are_shown_and_every_post_is_refused(
    admin_client: Client, records: dict[str, Any], model: str
) -> None:
    record = records[model]
    pages = [address(model), address(model, "change", record.pk), address(model, "history", record.pk)]
    for page in pages:
        response = admin_client.get(page)
        assert response.status_code == 200
        assert b"<script>alert" not in response.content
    shown = admin_client.get(pages[1]).content.decode()
    assert not re.search(rf'name="_save"|deletelink|syncops/{model}/add/', shown)
    before = type(record).objects.values().get()
    for page in (*pages[:2], address(model, "add"), address(model, "delete", record.pk)):
        assert (
            admin_client.post(page, {"action": "delete_selected", "_selected_action": record.pk}).status_code
            == 403
        )
    assert admin_client.get(address(model, "add")).status_code == 403
    assert admin_client.get(address(model, "delete", record.pk)).status_code == 403
    assert type(record).objects.values().get() == before


@pytest.mark.parametrize("model", RECORDS)
def test_records_are_for_those_who_may_see_them(client: Client, django_user_model: Any, model: str) -> None:
    client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
    assert client.get(address(model)).status_code == 403


@pytest.mark.parametrize(
    ("model", "query", "number"),
    [
        ("failure", "state=parked", 1), ("failure", "state=retrying", 0), ("failure", "state=muted", 0),
        ("failure", "q=refused", 1), ("failure", "q=refuse", 0), ("remotelisting", "confirmation=never+sent", 1),
        ("remotelisting", "confirmation=confirmed", 0), ("remotelisting", "confirmation=unconfirmed", 0),
        ("drift", "state=open", 1), ("drift", "state=verified", 0), ("drift", "state=repaired%2C+not+verified", 0),
        ("attempt", "verdict=ok", 1), ("change", "reason=manual", 1), ("change", "reason=drift", 0),
        ("run", "q=ann", 1),
        ("failure", "state=nonsense", 1),
    ],
)  # fmt: skip
def test_filters(admin_client: Client, records: Any, model: str, query: str, number: int) -> None:
    response = admin_client.get(f"{address(model)}?{query}")
    assert response.status_code == 200
    assert response.context["cl"].result_count == number


def test_a_run_leads_to_the_prices_it_changed(admin_client: Client, records: Any) -> None:
    other = Run.objects.create(operation="undo")
    PriceEdit.objects.create(run=other, source="catalog.Product", ref="9", new_price=Decimal(3))
    page = admin_client.get(address("run", "change", records["run"].pk)).content.decode()
    (link,) = re.findall(r'href="([^"]*run__id__exact[^"]*)"', page)
    response = admin_client.get(link)
    assert [each.ref for each in response.context["cl"].result_list] == ["1"]


def queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(page).status_code == 200
    return len(captured)


@pytest.mark.parametrize("model", ["store", *RECORDS])
def test_a_list_costs_the_same_whatever_its_length(admin_client: Client, records: Any, model: str) -> None:
    page = address(model)
    admin_client.get(page)
    few = queries(admin_client, page)
    for number in range(5):
        store = Store.objects.create(slug=f"s-{number}", provider="memory")
        run = Run.objects.create(operation="import")
        Change.objects.create(store=store, source="catalog.Product", ref=str(number), run=run)
        Attempt.objects.create(store=store, run=run, token=1, items=1, duration=1, verdict="ok")
        Failure.objects.create(store=store, source="catalog.Product", ref=str(number), sku="S", code="c")
        RemoteListing.objects.create(store=store, sku="S")
        Drift.objects.create(store=store, sku="S", kind="price")
        PriceEdit.objects.create(run=run, source="catalog.Product", ref=str(number), new_price=Decimal(1))
    assert queries(admin_client, page) == few
