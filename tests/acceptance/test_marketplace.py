"""The sandbox marketplace, spoken to over real connections.

The rule: what a fault did is read from the client's side and from the marketplace's own log, never assumed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from project.marketplace import faults, protocol
from project.marketplace.server import Marketplace
from project.marketplace.storage import ForeignFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "t0ken-for-tests"
#: Made once: httpx would load all certificates for each client, and none is needed here.
TLS = ssl.create_default_context()
NOW = 1_700_000_000.0
HOSTILE = "<script>alert('x')</script>\"&amp;\u202e\x00"


class Clock:
    """A wall clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Tags(HTMLParser):
    """The tags of a page as a browser sees them, each with the names of its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def market(clock: Clock) -> Iterator[Marketplace]:
    with Marketplace(token=TOKEN, batch_limit=5, clock=clock) as marketplace:
        yield marketplace


@pytest.fixture
def client(market: Marketplace) -> Iterator[httpx.Client]:
    with connect(market) as opened:
        yield opened


def connect(market: Marketplace, timeout: float = 20.0) -> httpx.Client:
    return httpx.Client(
        base_url=market.url,
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=timeout,
        trust_env=False,
        verify=TLS,
    )


def item(sku: str, price: Any = "12.50", currency: Any = "EUR", **more: Any) -> dict[str, Any]:
    return {"sku": sku, "price": price, "currency": currency, **more}


def put(client: httpx.Client, *items: Any, store: str = "eu") -> httpx.Response:
    return client.put(f"/stores/{store}/prices", json={"items": list(items)})


def give_up(market: Marketplace, entry: dict[str, Any]) -> None:
    """A client has sent one item, lost its patience and hung up, and the marketplace is holding its call."""
    with connect(market, timeout=0.1) as impatient, pytest.raises(httpx.ReadTimeout):
        put(impatient, entry)
    market.wait_held("eu")


def results(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {result["sku"]: result for result in answer.json()["results"]}


def prices(market: Marketplace, store: str = "eu") -> dict[str, str | None]:
    return {sku: listing["price"] for sku, listing in market.listings(store).items()}


# The protocol


def test_put_stores_and_echoes_the_text_as_it_came(market: Marketplace, client: httpx.Client) -> None:
    answer = put(client, item("A-1", "012.500", name="Mug & Töpfe 🏺"), item("B-2", "1250", "JPY"))

    assert answer.json()["results"] == [
        {"sku": "A-1", "status": "ok", "price": "012.500", "currency": "EUR"},
        {"sku": "B-2", "status": "ok", "price": "1250", "currency": "JPY"},
    ]
    assert market.listings("eu") == {
        "A-1": {"name": "Mug & Töpfe 🏺", "price": "012.500", "currency": "EUR"},
        "B-2": {"name": None, "price": "1250", "currency": "JPY"},
    }


def test_a_name_that_is_not_told_again_stays(market: Marketplace, client: httpx.Client) -> None:
    put(client, item("A", name="Mug"))
    put(client, item("A", "9"))

    assert market.listings("eu") == {"A": {"name": "Mug", "price": "9", "currency": "EUR"}}
    assert client.get("/stores/eu/prices").json() == {
        "items": [{"sku": "A", "price": "9", "currency": "EUR", "name": "Mug"}],
        "next": None,
    }


@pytest.mark.parametrize(
    "price",
    [
        12.5,
        12,
        True,
        None,
        "",
        "-1",
        "+1",
        "1e3",
        "1,50",
        "1 ",
        ".5",
        "5.",
        "NaN",
        "١٢",
        "0x1",
        "1_000",
        "1" * 31,
    ],
)
def test_a_price_that_is_not_plain_text_is_refused_alone(
    market: Marketplace, client: httpx.Client, price: Any
) -> None:
    answered = results(put(client, item("bad", price), item("good")))

    assert (answered["bad"]["status"], answered["bad"]["code"]) == ("rejected", "bad_price")
    assert answered["good"]["status"] == "ok"
    assert list(market.listings("eu")) == ["good"]


@pytest.mark.parametrize("currency", ["eur", "EURO", "EU", "", None, 978, "ЕUR"])
def test_a_currency_has_three_capitals(client: httpx.Client, currency: Any) -> None:
    assert results(put(client, item("A", currency=currency)))["A"]["code"] == "bad_currency"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (item(""), "bad_sku"),
        (item("a\nb"), "bad_sku"),
        (item("s" * 201), "bad_sku"),
        (item("A", name=5), "bad_name"),
        (item("A", name="n" * 1001), "bad_name"),
    ],
)
def test_skus_and_names_have_limits(client: httpx.Client, entry: dict[str, Any], code: str) -> None:
    (answered,) = results(put(client, entry)).values()
    assert (answered["status"], answered["code"]) == ("rejected", code)


def test_text_that_no_database_can_hold_is_refused_alone(market: Marketplace, client: httpx.Client) -> None:
    body = (
        rb'{"items":[{"sku":"\ud800","price":"1","currency":"EUR"},{"sku":"A","price":"1","currency":"EUR"}]}'
    )
    answer = client.put("/stores/eu/prices", content=body)

    assert [result["status"] for result in answer.json()["results"]] == ["rejected", "ok"]
    assert market.log("eu")[0]["received"] == [["\ud800", "1"], ["A", "1"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"items":{}}',
        b'{"items":["A"]}',
        b'{"items":[{"price":"1","currency":"EUR"}]}',
        b'{"items":[{"sku":7,"price":"1","currency":"EUR"}]}',
        b'{"items":[{"sku":"A","price":NaN,"currency":"EUR"}]}',
        b'{"items":[{"sku":"A","price":"1","currency":"EUR"},{"sku":"A","price":"2","currency":"EUR"}]}',
        b'\xff{"items":[]}',
        b"[" * 200_000,
        b'{"items":[{"sku":"A","price":' + b"9" * 5_000 + b',"currency":"EUR"}]}',
    ],
)
def test_a_body_that_is_not_the_protocol_is_400(
    market: Marketplace, client: httpx.Client, body: bytes
) -> None:
    answer = client.put("/stores/eu/prices", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "malformed"
    assert market.listings("eu") == {}
    assert market.log("eu")[0]["status"] == 400


def test_over_the_batch_limit_is_413_and_nothing_is_applied(
    market: Marketplace, client: httpx.Client
) -> None:
    answer = put(client, *(item(f"S{n}") for n in range(6)))

    assert answer.status_code == 413
    assert market.listings("eu") == {}
    assert (market.log("eu")[0]["items"], market.log("eu")[0]["applied"]) == (6, 0)
    assert put(client, *(item(f"S{n}") for n in range(5))).status_code == 200


def test_too_many_bytes_is_413_and_the_client_can_read_it(market: Marketplace, client: httpx.Client) -> None:
    answer = client.put("/stores/eu/prices", content=b" " * (protocol.BODY_LIMIT + 1))

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert put(client, item("A")).status_code == 200


def test_a_client_that_sends_all_before_it_reads_gets_its_413_too(market: Marketplace) -> None:
    size = 16 * 1024 * 1024
    answer = talk(market, PUT + b"Content-Length: %d\r\n\r\n" % size + b" " * size)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer t\xf6ken"]
)
def test_a_wrong_token_is_401_and_creates_no_store(market: Marketplace, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    with httpx.Client(base_url=market.url, headers=headers, trust_env=False, verify=TLS) as stranger:
        answers = [
            put(stranger, item("A")),
            stranger.get("/stores/eu/prices"),
            stranger.get("/_sandbox/log"),
            stranger.get("/_sandbox/stats"),
            stranger.post("/_sandbox/faults", json={"kind": "error"}),
            stranger.delete("/_sandbox/faults"),
        ]
        front = stranger.get("/")

    assert [answer.status_code for answer in answers] == [401] * 6
    assert market.listings("eu") == {}
    assert [(call["status"], call["items"]) for call in market.log()] == [(401, 0), (401, 0)]
    assert "No store has been called yet" in front.text


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/stores/eu",
        "/stores/eu/prices/",
        "/stores//prices",
        "/stores/%0a/prices",
        "/stores/%ff/prices",
        "/stores/a%2fb/prices",
        "/stores/" + "s" * 101 + "/prices",
        "/shop/nobody",
        "/shop/eu/../../etc/passwd",
        "/_sandbox/other",
    ],
)
def test_an_unknown_path_is_404_and_logs_nothing(
    market: Marketplace, client: httpx.Client, path: str
) -> None:
    assert client.get(path).status_code == 404
    assert client.put(path, json={"items": []}).status_code == 404
    assert market.log() == []


def test_other_methods_are_refused_and_the_connection_stays_in_step(
    market: Marketplace, client: httpx.Client
) -> None:
    answer = client.post("/stores/eu/prices", json={"items": [item("A")]})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PUT")
    assert client.delete("/").status_code == 405
    assert client.head("/").status_code == 501
    assert put(client, item("A")).status_code == 200


def test_a_strict_store_refuses_an_unknown_sku(market: Marketplace, client: httpx.Client) -> None:
    market.set_strict("eu")
    market.set_listing("eu", "old", price="1", currency="EUR", name="Old")

    answered = results(put(client, item("old", "2"), item("new")))

    assert answered["old"]["status"] == "ok"
    assert (answered["new"]["status"], answered["new"]["code"]) == ("rejected", "unknown_sku")
    assert market.listings("eu") == {"old": {"name": "Old", "price": "2", "currency": "EUR"}}
    assert market.log("eu")[0]["applied"] == 1


def test_every_answer_has_a_request_id_of_its_own(market: Marketplace, client: httpx.Client) -> None:
    market.fault("throttle")
    market.fault("garbage")
    answers = [
        put(client, item("A")),
        put(client, item("A")),
        client.get("/stores/eu/prices"),
        client.get("/nothing"),
        client.get("/"),
        client.get("/_sandbox/stats"),
        client.head("/"),
        client.get("/stores/eu/prices", headers={"Authorization": "Bearer no"}),
        client.put("/stores/eu/prices", content=b"?"),
    ]
    ids = [answer.headers["X-Request-Id"] for answer in answers]

    assert len(set(ids)) == len(ids)
    assert [call["request_id"] for call in market.log("eu")] == [ids[0], ids[1], ids[2], ids[7], ids[8]]


def test_the_connection_is_kept_between_calls(client: httpx.Client) -> None:
    ports = set()
    for _ in range(3):
        with client.stream("GET", "/stores/eu/prices") as answer:
            ports.add(answer.extensions["network_stream"].get_extra_info("client_addr")[1])
            answer.read()
    assert len(ports) == 1


# Reading


def read_all(client: httpx.Client, limit: int, between: Callable[[], None] = lambda: None) -> list[str]:
    skus: list[str] = []
    cursor = None
    while True:
        page = client.get(
            "/stores/eu/prices", params={"limit": limit, **({"cursor": cursor} if cursor else {})}
        ).json()
        assert len(page["items"]) <= limit
        skus += [entry["sku"] for entry in page["items"]]
        if (cursor := page["next"]) is None:
            return skus
        between()


def test_pages_are_right_while_listings_come_and_go(market: Marketplace, client: httpx.Client) -> None:
    there = [f"S{n:03d}" for n in range(0, 100, 2)]
    for sku in there:
        market.set_listing("eu", sku, price="1", currency="EUR")
    new = iter(range(1, 100, 2))

    def move() -> None:
        # Before and after the cursor alike; each would shift the pages of an OFFSET.
        market.set_listing("eu", "A-first", price="1", currency="EUR")
        market.set_listing("eu", f"S{next(new):03d}", price="1", currency="EUR")
        market.delete_listing("eu", "S000")

    seen = read_all(client, 7, between=move)

    assert seen == sorted(set(seen))
    assert set(there) <= set(seen)


def test_the_last_page_has_no_cursor_and_a_limit_is_capped(market: Marketplace, client: httpx.Client) -> None:
    for n in range(501):
        market.set_listing("eu", f"S{n:03d}", price="1", currency="EUR")
    page = client.get("/stores/eu/prices", params={"limit": 10_000}).json()
    assert len(page["items"]) == 500
    assert page["next"] is not None
    rest = client.get("/stores/eu/prices", params={"cursor": page["next"]}).json()
    assert [entry["sku"] for entry in rest["items"]] == ["S500"]
    assert rest["next"] is None
    exact = client.get("/stores/eu/prices", params={"sku": ["S001", "S002"]}).json()
    assert exact["next"] is None


def test_cursors_carry_any_sku(market: Marketplace, client: httpx.Client) -> None:
    there = sorted(["a b", "a&b=c?", "é", "漢字", "🏺", "%2F", "~", "x" * 200])
    for sku in there:
        market.set_listing("eu", sku, price="1", currency="EUR")
    assert read_all(client, 1) == there


def test_single_skus_are_fetched_and_unknown_ones_left_out(market: Marketplace, client: httpx.Client) -> None:
    put(client, item("A"), item("B & C=1"), item("D"))
    answer = client.get("/stores/eu/prices", params={"sku": ["B & C=1", "A", "nobody", "A"]})
    assert [entry["sku"] for entry in answer.json()["items"]] == ["A", "B & C=1"]
    assert client.get("/stores/eu/prices", params={"sku": "nobody"}).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "limit=", "cursor=%FF", "cursor=*", "cursor=_w", "x=1&" * 1_001],
)
def test_a_query_that_cannot_be_read_is_400(client: httpx.Client, query: str) -> None:
    assert client.get(f"/stores/eu/prices?{query}").status_code == 400


def test_more_skus_than_a_page_is_413(client: httpx.Client) -> None:
    query = "&".join(f"sku={n}" for n in range(501))
    assert client.get(f"/stores/eu/prices?{query}").status_code == 413


def test_stores_are_apart(market: Marketplace, client: httpx.Client) -> None:
    put(client, item("A", "1"), store="eu")
    put(client, item("A", "2"), store="us")
    assert (prices(market, "eu"), prices(market, "us")) == ({"A": "1"}, {"A": "2"})
    assert [call["store"] for call in market.log("us")] == ["us"]


# The log


def test_the_log_has_every_price_in_the_order_it_came(market: Marketplace, client: httpx.Client) -> None:
    market.fault("error")
    for price in ("1", "2", "3"):
        put(client, item("A", price), item("B", 5))
    client.get("/stores/eu/prices")

    log = market.log("eu")
    assert [(call["method"], call["status"], call["items"], call["applied"]) for call in log] == [
        ("PUT", 503, 2, 0),
        ("PUT", 200, 2, 1),
        ("PUT", 200, 2, 1),
        ("GET", 200, 0, 0),
    ]
    assert log[0]["received"] == [["A", "1"], ["B", None]]
    assert market.received("eu", "A") == ["1", "2", "3"]
    assert [call["started"] for call in log] == ["2023-11-14T22:13:20.000000+00:00"] * 4
    assert all(call["started_monotonic"] <= call["ended_monotonic"] for call in log)
    assert market.stats("eu") == {"calls": 4, "items": 6, "max_in_flight": 1, "max_senders": 1, "listings": 1}


def test_the_log_over_http_pages_by_id(market: Marketplace, client: httpx.Client) -> None:
    for store in ("eu", "us", "eu"):
        put(client, item("A"), store=store)

    everything = client.get("/_sandbox/log").json()
    first = client.get("/_sandbox/log", params={"limit": 2}).json()
    rest = client.get("/_sandbox/log", params={"since": first["next"]}).json()

    assert everything == {"calls": market.log(), "next": None}
    assert first["calls"] + rest["calls"] == everything["calls"]
    assert [c["id"] for c in client.get("/_sandbox/log?store=us").json()["calls"]] == [
        everything["calls"][1]["id"]
    ]
    assert client.get("/_sandbox/log?since=x").status_code == 400
    assert client.get("/_sandbox/stats").json() == {
        "stores": {"eu": market.stats("eu"), "us": market.stats("us")}
    }


def test_the_log_keeps_to_its_cap_and_the_numbers_stay() -> None:
    with Marketplace(token=TOKEN, keep_items=20) as market, connect(market) as client:
        for n in range(30):
            put(client, item("A", str(n)), item("B"))
        kept = [call["id"] for call in market.log("eu")]
        assert 9 <= len(kept) <= 10
        assert kept == list(range(31 - len(kept), 31))
        assert market.received("eu", "A")[-1] == "29"
        assert (market.stats("eu")["calls"], market.stats("eu")["items"]) == (30, 60)


def test_two_calls_at_once_are_counted(market: Marketplace, client: httpx.Client) -> None:
    market.fault("slow", seconds=600)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(put, client, item("A", "1"))
        market.wait_held("eu")
        with connect(market) as second:
            put(second, item("A", "2"))
            second.get("/stores/eu/prices")
            put(second, item("A"), store="us")
        market.clear_faults()
        assert held.result().status_code == 200

    log = market.log("eu")
    assert [(call["method"], call["in_flight"], call["senders"]) for call in log] == [
        ("PUT", 1, 1),
        ("PUT", 2, 2),
        ("GET", 2, 1),
    ]
    assert (market.stats("eu")["max_in_flight"], market.stats("eu")["max_senders"]) == (2, 2)
    assert market.stats("us")["max_in_flight"] == 1
    assert market.listings("eu")["A"]["price"] == "1"  # the held call was applied last


def test_one_sender_is_never_counted_as_two(market: Marketplace) -> None:
    with connect(market) as one, connect(market) as other:
        for n in range(200):
            put((one, other)[n % 2], item("A", str(n)))
    assert market.stats("eu") == {
        "calls": 200,
        "items": 200,
        "max_in_flight": 1,
        "max_senders": 1,
        "listings": 1,
    }


def test_threads_that_start_together_are_all_answered(market: Marketplace) -> None:
    barrier = threading.Barrier(8)

    def send(n: int) -> list[int]:
        with connect(market) as client:
            barrier.wait(10)
            return [put(client, item(f"S{n}", str(price))).status_code for price in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(8))) == [[200] * 20] * 8
    assert prices(market) == {f"S{n}": "19" for n in range(8)}
    for n in range(8):
        assert market.received("eu", f"S{n}") == [str(price) for price in range(20)]


def test_a_client_that_gave_up_and_calls_again_is_one_sender(
    market: Marketplace, client: httpx.Client
) -> None:
    market.fault("slow", seconds=600)
    give_up(market, item("A", "1"))
    put(client, item("A", "2"))
    assert [(call["in_flight"], call["ended"] is None) for call in market.log("eu")] == [
        (1, True),
        (1, False),
    ]


# Faults


def test_throttle_in_seconds_and_as_a_date(market: Marketplace, client: httpx.Client) -> None:
    market.fault("throttle", retry_after=7)
    market.fault("throttle", retry_after=90, date=True)
    market.fault("throttle", retry_after="soon, perhaps")
    seconds, date, junk = (put(client, item("A")) for _ in range(3))

    assert [answer.status_code for answer in (seconds, date, junk)] == [429] * 3
    assert seconds.headers["Retry-After"] == "7"
    assert parsedate_to_datetime(date.headers["Retry-After"]).timestamp() == NOW + 90
    assert junk.headers["Retry-After"] == "soon, perhaps"
    assert market.listings("eu") == {}
    assert put(client, item("A")).status_code == 200


@pytest.mark.parametrize(("status", "applied"), [(500, False), (502, True), (503, False), (504, True)])
def test_error(market: Marketplace, client: httpx.Client, status: int, applied: bool) -> None:
    market.fault("error", status=status, applied=applied)
    assert put(client, item("A")).status_code == status
    assert bool(market.listings("eu")) is applied
    assert put(client, item("A")).status_code == 200


def test_unauthorized(market: Marketplace, client: httpx.Client) -> None:
    market.fault("unauthorized")
    market.fault("unauthorized", status=403)
    assert [put(client, item("A")).status_code for _ in range(3)] == [401, 403, 200]


@pytest.mark.parametrize("applied", [False, True])
def test_slow_is_applied_before_or_after_its_pause(
    market: Marketplace, client: httpx.Client, applied: bool
) -> None:
    market.fault("slow", seconds=600, applied=applied)
    give_up(market, item("A", "1"))
    assert market.received("eu", "A") == ["1"]
    assert prices(market) == ({"A": "1"} if applied else {})
    put(client, item("A", "2"))
    assert prices(market) == {"A": "2"}

    market.clear_faults()
    market.wait_idle("eu")

    # Without `applied` the marketplace carries out the call that its client gave up long ago.
    assert prices(market) == {"A": "2" if applied else "1"}
    assert market.received("eu", "A") == ["1", "2"]


def test_slow_answers_after_the_pause(market: Marketplace, client: httpx.Client) -> None:
    market.fault("slow", seconds=0.01)
    assert put(client, item("A")).status_code == 200


def test_lost_answer_was_applied_and_is_never_answered(market: Marketplace, client: httpx.Client) -> None:
    market.fault("lost_answer", seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        put(client, item("A", "1"))
    market.fault("lost_answer", seconds=600)
    with ThreadPoolExecutor(1) as pool, connect(market) as patient:
        waiting = pool.submit(put, patient, item("A", "2"))
        market.wait_held("eu")
        assert prices(market) == {"A": "2"}
        assert market.log("eu")[1]["ended"] is None
        market.clear_faults()
        assert isinstance(waiting.exception(), httpx.RemoteProtocolError)

    market.wait_idle("eu")
    assert [(call["fault"], call["status"], call["applied"]) for call in market.log("eu")] == [
        ("lost_answer", None, 1)
    ] * 2


def test_lost_answer_ends_when_its_client_gives_up(market: Marketplace) -> None:
    market.fault("lost_answer", seconds=600)
    with connect(market, timeout=0.1) as impatient, pytest.raises(httpx.ReadTimeout):
        put(impatient, item("A"))
    market.wait_idle("eu")
    assert market.log("eu")[0]["ended"] is not None


@pytest.mark.parametrize("applied", [False, True])
def test_reset_is_a_reset_and_not_a_close(market: Marketplace, client: httpx.Client, applied: bool) -> None:
    market.fault("reset", applied=applied)
    with pytest.raises(httpx.ReadError) as error:
        put(client, item("A"))
    assert "reset" in str(error.value).lower()
    assert bool(market.listings("eu")) is applied
    assert market.log("eu")[0]["status"] is None
    assert put(client, item("A")).status_code == 200


def test_partial_by_sku(market: Marketplace, client: httpx.Client) -> None:
    market.fault("partial", skus=["B"], code="locked", message="try later")
    market.fault("partial", skus=["A"], status="rejected", code="price_refused")
    first = results(put(client, item("A"), item("B"), item("C")))
    second = results(put(client, item("A", "9"), item("B"), item("C")))

    assert first["B"] == {"sku": "B", "status": "retry", "code": "locked", "message": "try later"}
    assert [first["A"]["status"], first["C"]["status"]] == ["ok", "ok"]
    assert (second["A"]["status"], second["A"]["code"]) == ("rejected", "price_refused")
    assert prices(market) == {"A": "12.50", "B": "12.50", "C": "12.50"}


def test_partial_waits_for_a_call_with_its_sku(market: Marketplace, client: httpx.Client) -> None:
    market.fault("partial", skus=["Z"])
    assert results(put(client, item("A")))["A"]["status"] == "ok"
    assert results(put(client, item("Z")))["Z"]["status"] == "retry"
    assert results(put(client, item("Z")))["Z"]["status"] == "ok"


def test_partial_by_every_item_and_by_rate(market: Marketplace, client: httpx.Client) -> None:
    market.fault("partial", every=2)
    answered = results(put(client, *(item(f"S{n}") for n in range(1, 6))))
    assert [sku for sku, result in answered.items() if result["status"] == "retry"] == ["S2", "S4"]
    assert list(market.listings("eu")) == ["S1", "S3", "S5"]

    fault = faults.Armed(faults.make_rule({"kind": "partial", "rate": 0.3, "seed": 4}), fired=1)
    skus = [f"S{n}" for n in range(1_000)]
    assert 230 < len(faults.touched(fault, skus)) < 370
    assert faults.touched(fault, skus) == faults.touched(fault, skus)


@pytest.mark.parametrize("applied", [True, False])
def test_missing_leaves_items_out_of_the_answer(
    market: Marketplace, client: httpx.Client, applied: bool
) -> None:
    market.fault("missing", skus=["B"], applied=applied)
    assert list(results(put(client, item("A"), item("B")))) == ["A"]
    assert ("B" in market.listings("eu")) is applied


def test_missing_and_reorder_of_a_read(market: Marketplace, client: httpx.Client) -> None:
    put(client, item("A"), item("B"), item("C"))
    market.fault("missing", skus=["B"], method="GET")
    market.fault("reorder", method="GET")
    read = [[entry["sku"] for entry in client.get("/stores/eu/prices").json()["items"]] for _ in range(3)]
    assert read == [["A", "C"], ["C", "B", "A"], ["A", "B", "C"]]


def test_reorder(market: Marketplace, client: httpx.Client) -> None:
    market.fault("reorder")
    assert list(results(put(client, item("A", "1"), item("B", "2"), item("C", "3")))) == ["C", "B", "A"]
    assert prices(market) == {"A": "1", "B": "2", "C": "3"}


def test_coerce_stores_and_echoes_another_price(market: Marketplace, client: httpx.Client) -> None:
    market.fault("coerce", skus=["A"])
    market.fault("coerce", skus=["A"], price="1.00", currency="USD")
    first = results(put(client, item("A", "12.50"), item("B", "12.50")))
    second = results(put(client, item("A", "12.50")))

    assert (first["A"]["price"], first["B"]["price"]) == ("12.95", "12.50")
    assert (second["A"]["price"], second["A"]["currency"]) == ("1.00", "USD")
    assert market.listings("eu")["A"] == {"name": None, "price": "1.00", "currency": "USD"}
    assert market.received("eu", "A") == ["12.50", "12.50"]
    assert faults.other_price("12.95") == "12.99"


def test_garbage_is_a_200_that_is_not_the_protocol(market: Marketplace, client: httpx.Client) -> None:
    market.fault("garbage")
    market.fault("garbage", body='{"results": 7}', applied=False)
    first, second = put(client, item("A")), put(client, item("B"))
    assert (first.status_code, second.status_code) == (200, 200)
    with pytest.raises(json.JSONDecodeError):
        first.json()
    assert second.json() == {"results": 7}
    assert list(market.listings("eu")) == ["A"]


def test_drip_sends_one_byte_at_a_time(market: Marketplace) -> None:
    market.fault("drip", seconds=0.0005)
    with connect(market) as client:
        answer = put(client, item("A"))
    assert results(answer)["A"]["status"] == "ok"

    market.fault("drip", seconds=600)
    with dial(market) as raw:
        head = f"GET /stores/eu/prices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        raw.sendall(head.encode())
        assert raw.recv(4096) == b"H"
    market.wait_in_flight("eu", 0)  # the client is gone, although the marketplace still drips


def test_rules_choose_store_method_times_and_every(market: Marketplace, client: httpx.Client) -> None:
    market.fault("error", store="us", method="GET", times=2)
    assert put(client, item("A"), store="us").status_code == 200
    assert [client.get(f"/stores/{s}/prices").status_code for s in ("eu", "us", "us", "us")] == [
        200,
        503,
        503,
        200,
    ]

    market.fault("error", every=3)
    assert [put(client, item("A")).status_code for _ in range(6)] == [200, 200, 503, 200, 200, 503]
    market.clear_faults()
    assert [put(client, item("A")).status_code for _ in range(3)] == [200] * 3

    market.fault("error", times=None)
    assert [put(client, item("A")).status_code for _ in range(4)] == [503] * 4


def test_a_rate_is_the_same_for_the_same_seed() -> None:
    def run(seed: int) -> list[bool]:
        armed: tuple[faults.Armed, ...] = (
            faults.Armed(faults.make_rule({"kind": "error", "rate": 0.25, "seed": seed})),
        )
        fired = []
        for _ in range(1_000):
            taken, armed = faults.decide(armed, store="eu", method="PUT", skus=["A"])
            fired.append(taken is not None)
        return fired

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 200 < sum(run(1)) < 300


def test_faults_over_http(market: Marketplace, client: httpx.Client) -> None:
    rules = [{"kind": "error", "status": 500}, {"kind": "throttle", "store": "us", "times": None}]
    shown = client.post("/_sandbox/faults", json=rules).json()["faults"]
    assert [(rule["kind"], rule["fired"]) for rule in shown] == [("error", 0), ("throttle", 0)]
    assert put(client, item("A"), store="us").status_code == 500
    assert put(client, item("A"), store="us").status_code == 429
    assert [rule["fired"] for rule in client.get("/_sandbox/faults").json()["faults"]] == [1]
    assert client.delete("/_sandbox/faults").json() == {"faults": []}
    assert put(client, item("A"), store="us").status_code == 200


@pytest.mark.parametrize(
    "rule",
    [
        5,
        {},
        {"kind": "unknown"},
        {"kind": ["error"]},
        {"kind": "error", "status": 200},
        {"kind": "error", "status": "500"},
        {"kind": "error", "skus": ["A"]},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "seconds": 1e9},
        {"kind": "slow", "seconds": True},
        {"kind": "throttle", "retry_after": "1\r\nX: y"},
        {"kind": "throttle", "times": 0},
        {"kind": "partial", "status": "ok"},
        {"kind": "partial", "skus": "AB"},
        {"kind": "partial", "skus": [1]},
        {"kind": "coerce", "method": "GET"},
        {"kind": "error", "rate": 2},
        {"kind": "error", "colour": "red"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_and_arms_nothing(
    market: Marketplace, client: httpx.Client, rule: Any
) -> None:
    answer = client.post("/_sandbox/faults", json=[{"kind": "error"}, rule])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_rule")
    assert put(client, item("A")).status_code == 200


def test_the_controls_are_never_hit_by_a_fault(market: Marketplace, client: httpx.Client) -> None:
    market.fault("error", times=None)
    assert client.get("/_sandbox/stats").status_code == 200
    assert client.get("/").status_code == 200


# Hostile clients


def dial(market: Marketplace) -> socket.socket:
    host, port = market.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def talk(market: Marketplace, data: bytes) -> bytes:
    with dial(market) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: raw.recv(65_536), b""))


PUT = b"PUT /stores/eu/prices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x00\xff\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000, b"414"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (PUT + b"Content-Length: -5\r\n\r\n", b"400"),
        (PUT + b"Content-Length: 1_0\r\n\r\n", b"400"),
        (PUT + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"400"),
        (PUT + b"Content-Length: 99999999999999\r\n\r\n", b"413"),
        (PUT + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (PUT + b"\r\n", b"400"),
    ],
)
def test_requests_that_are_not_http_get_an_answer(
    market: Marketplace, client: httpx.Client, request_bytes: bytes, status: bytes
) -> None:
    answer = talk(market, request_bytes)
    assert answer.split(b" ", 2)[1] == status, answer
    assert b"X-Request-Id: " in answer
    assert put(client, item("A")).status_code == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_applies_nothing(market: Marketplace) -> None:
    assert talk(market, PUT + b'Content-Length: 500\r\n\r\n{"items":[') == b""
    assert market.listings("eu") == {}
    assert [(call["status"], call["items"]) for call in market.log("eu")] == [(None, 0)]


def test_a_head_that_never_ends_is_given_up(market: Marketplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("project.marketplace.handler.HEAD_SECONDS", 0.05)
    with dial(market) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert raw.recv(1) == b""


# The shop page


def test_hostile_names_are_text(market: Marketplace, client: httpx.Client) -> None:
    sku = "<img src=x onerror=alert(1)>"
    store = "\"><script>alert(2)</script>'"
    put(client, item(sku, name=HOSTILE), store="hostile")
    market.set_listing(store.replace("/", ""), sku, price="1", currency="EUR", name=HOSTILE)

    shop = client.get("/shop/hostile", params={"q": '"><script>alert(3)</script>'})
    page, front = client.get("/shop/hostile"), client.get("/")
    feed = client.get("/shop/hostile/prices.json")

    for html in (shop.text, page.text, front.text):
        assert "alert(" in html
        tags = Tags(html)
        assert {"img"}.isdisjoint(tag for tag, _ in tags.seen)
        assert not [name for _, names in tags.seen for name in names if name.startswith("on")]
        assert all("nonce" in names for tag, names in tags.seen if tag == "script")
    assert Tags(page.text).seen.count(("script", ("nonce",))) == 1
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&quot;&amp;amp;" in page.text
    assert feed.json()["items"][0]["name"] == HOSTILE
    assert feed.headers["Content-Type"].startswith("application/json")


def test_the_page_allows_its_own_script_and_nothing_else(market: Marketplace, client: httpx.Client) -> None:
    put(client, item("A"))
    nonces = set()
    for _ in range(2):
        page = client.get("/shop/eu")
        policy = page.headers["Content-Security-Policy"]
        (nonce,) = re.findall(r"script-src 'nonce-([\w-]{20,})'", policy)
        nonces.add(nonce)
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert re.findall(r'<(?:script|style) nonce="([^"]+)"', page.text) == [nonce, nonce]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "http://" not in page.text
        assert "https://" not in page.text
        assert '<noscript><meta http-equiv="refresh"' in page.text
    assert len(nonces) == 2


def test_a_changed_price_is_marked_for_a_minute(
    market: Marketplace, client: httpx.Client, clock: Clock
) -> None:
    put(client, item("A", "10.00", name="Mug"), item("B", "5.00"))
    clock.now += 100
    put(client, item("A", "12.00"), item("B", "5.00"))

    clock.now += 59
    page = client.get("/shop/eu").text
    feed = client.get("/shop/eu/prices.json").json()
    assert page.count('class="fresh"') == 1
    assert "<s>10.00 EUR</s> <b>12.00 EUR</b>" in page
    assert feed == {
        "total": "2 items",
        "items": [
            {"sku": "A", "name": "Mug", "price": "12.00 EUR", "old": "10.00 EUR"},
            {"sku": "B", "name": "", "price": "5.00 EUR", "old": ""},
        ],
    }

    clock.now += 1
    assert 'class="fresh"' not in client.get("/shop/eu").text
    assert [entry["old"] for entry in client.get("/shop/eu/prices.json").json()["items"]] == ["", ""]


def test_the_shop_pages_and_searches(market: Marketplace, client: httpx.Client) -> None:
    for n in range(205):
        market.set_listing("eu", f"S{n:03d}", price="1", currency="EUR", name=f"Mug {n} 100%")
    market.set_listing("eu", "T_1", price="1", currency="EUR", name="Plate")

    def rows(**query: Any) -> int:
        return client.get("/shop/eu", params=query).text.count("<tr data-sku")

    assert [rows(), rows(page=2), rows(page=3), rows(page=4)] == [100, 100, 6, 0]
    assert "206 items" in client.get("/shop/eu").text
    assert 'href="/shop/eu?page=2"' in client.get("/shop/eu").text
    assert 'href="/shop/eu?q=mug&amp;page=1"' in client.get("/shop/eu?q=mug&page=2").text
    assert [rows(q="plate"), rows(q="s00"), rows(q="_"), rows(q="%", page=3), rows(q="nothing")] == [
        1,
        10,
        1,
        5,
        0,
    ]
    assert client.get("/shop/eu?page=x").status_code == 400
    assert "206 items" in client.get("/").text


# The object and the program


def test_what_python_sets_is_shown(market: Marketplace, client: httpx.Client) -> None:
    market.set_listing("eu", "A", price="1", currency="EUR", name="Mug")
    market.set_listing("eu", "A", price="2")
    assert client.get("/stores/eu/prices?sku=A").json()["items"] == [
        {"sku": "A", "price": "2", "currency": "EUR", "name": "Mug"}
    ]
    assert market.delete_listing("eu", "A") is True
    assert market.delete_listing("eu", "A") is False
    with pytest.raises(ValueError, match="price and a currency"):
        market.set_listing("eu", "B", name="no price")


def test_a_file_keeps_listings_and_log(tmp_path: Path) -> None:
    file = tmp_path / "market.sqlite3"
    for turn in ("1", "2"):
        with Marketplace(token=TOKEN, file=file) as market, connect(market) as client:
            put(client, item("A", turn))
            assert market.received("eu", "A") == ["1", "2"][: int(turn)]
            assert market.token not in str(market.log())
    assert TOKEN.encode() not in file.read_bytes()


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "theirs.sqlite3"
    with sqlite3.connect(file) as theirs:
        theirs.execute("CREATE TABLE listing (price TEXT)")
    theirs.close()
    before = file.read_bytes()
    with pytest.raises(ForeignFile):
        Marketplace(token=TOKEN, file=file)
    assert file.read_bytes() == before
    text = tmp_path / "text.sqlite3"
    text.write_text("not a database at all, but long enough to be looked at as if it were one" * 20)
    with pytest.raises(ForeignFile):
        Marketplace(token=TOKEN, file=text)


@pytest.mark.parametrize("token", ["", "two\nlines", "ключ"])
def test_a_token_has_to_fit_a_header(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        Marketplace(token=token)


def test_stop_ends_pauses_connections_and_threads() -> None:
    before = threading.active_count()
    market = Marketplace(token=TOKEN).start()
    market.fault("slow", seconds=600)
    with ThreadPoolExecutor(1) as pool, connect(market) as idle, connect(market) as client:
        idle.get("/")
        held = pool.submit(put, client, item("A"))
        market.wait_held("eu")
        market.stop()
        with pytest.raises(httpx.TransportError):
            held.result()
    market.stop()
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(market.url, trust_env=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_announces_itself_and_stops_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "project.marketplace",
        "--announce",
        "--token-env",
        "MARKET_TOKEN",
    ]
    program = subprocess.Popen(
        [*command, "--batch-limit", "2", "--file", str(tmp_path / "m.sqlite3")],
        cwd=ROOT,
        env={**os.environ, "MARKET_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        url = json.loads(program.stdout.readline())["url"]
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False
        ) as client:
            assert put(client, item("A"), item("B")).status_code == 200
            assert put(client, item("A"), item("B"), item("C")).status_code == 413
            program.send_signal(number)
            rest, talk = program.communicate(timeout=20)
        assert (program.returncode, rest, talk) == (0, "", "")
    finally:
        if program.poll() is None:
            program.kill()
            program.communicate()


def test_the_program_needs_a_token_and_imports_neither_django_nor_syncops() -> None:
    code = (
        "import sys; from project.marketplace.__main__ import main;"
        "status = main(['--token-env', 'NOT_SET']);"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "sys.exit(99 if {'django', 'syncops'} & loaded else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 2
    assert "NOT_SET" in done.stderr
