"""The provider `http` under the contract, against the sandbox marketplace, and its wire against rude servers."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncops import errors
from syncops.providers.http import Http
from syncops.providers.wire import LONGEST_WAIT, MAX_BODY, Answer, Wire, checked, retry_after
from syncops.testing import ProviderContract, ScriptedServer, http_answer
from syncops.values import Listing
from tests.providers.sandbox import STORE, TOKEN, Sandbox, drip, nobody

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MUG = Listing("A-1", "Mug", Decimal("12.50"), "EUR")
PATIENCE = 0.5
ENOUGH = 20.0


class TestHttp(ProviderContract):
    secrets = (TOKEN,)

    @pytest.fixture
    def fake(self) -> Iterator[Sandbox]:
        with Sandbox() as sandbox:
            yield sandbox

    def make_provider(self, fake: Any) -> Http:
        return Http(STORE, {"base_url": fake.url}, {"token": TOKEN})


# The protocol


def provider(url: str, **options: Any) -> Http:
    return Http(STORE, {"base_url": url, **options}, {"token": TOKEN})


def answering(document: object, status: int = 200, **headers: str) -> ScriptedServer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ScriptedServer(http_answer(status, body, {k.replace("_", "-"): v for k, v in headers.items()}))


def ok(**more: Any) -> dict[str, Any]:
    return {"sku": "A-1", "status": "ok", **more}


def test_a_push_says_what_the_protocol_says() -> None:
    with answering({"results": [ok()]}) as server, provider(f"{server.url}/api/") as http:
        http.push([Listing("A-1", 'Tom & "Ö"', Decimal("12.5"), "EUR"), MUG], ENOUGH)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /api/stores/eu/prices HTTP/1.1\r\n")
    assert f"authorization: Bearer {TOKEN}".encode() in head.lower().replace(b"bearer", b"Bearer")
    assert json.loads(body) == {
        "items": [
            {"sku": "A-1", "name": 'Tom & "Ö"', "price": "12.50", "currency": "EUR"},
            {"sku": "A-1", "name": "Mug", "price": "12.50", "currency": "EUR"},
        ]
    }


def test_the_remote_store_is_one_segment_of_the_address() -> None:
    with answering({"items": []}) as server, provider(server.url, remote_store="a/../b?c") as http:
        http.check(ENOUGH)
    assert server.requests[0].startswith(b"GET /stores/a%2F..%2Fb%3Fc/prices?limit=1 ")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 409, 400, 401, 302])
def test_P03_a_provider_never_tries_again_by_itself(status: int) -> None:
    with answering(b"", status) as server:
        with provider(server.url) as http, pytest.raises(errors.ProviderError) as raised:
            http.push([MUG], ENOUGH)
        assert raised.value.status == status
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"42", b'"ok"', b"<html></html>", b"{", b"\xff\xfe", b'{"results": null}', b"[" * 100_000,
        b'{"results": {"A-1": "ok"}}', b'{"results": [null]}', b'{"results": [{"status": "ok"}]}',
        b'{"results": [{"sku": 1, "status": "ok"}]}', b'{"results": [{"sku": "A-1"}]}',
        b'{"results": [{"sku": "A-1", "status": "accepted"}]}', b'{"results": [{"sku": "A-1", "status": ["ok"]}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": NaN}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": Infinity}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": "NaN"}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": "1_000"}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": " 1"}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": true}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": 1e99999999}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "price": 1' + b"0" * 5000 + b"}]}",
        b'{"results": [{"sku": "A-1", "status": "ok", "currency": "EUROS"}]}',
        b'{"results": [{"sku": "A-1", "status": "ok", "currency": 978}]}',
        '{"results": [{"sku": "A-1", "status": "ok", "price": "١٢"}]}'.encode(),
    ],
    ids=lambda body: repr(body[:60]),
)  # fmt: skip
def test_P05_a_body_that_is_not_the_protocol_is_an_unknown_outcome(body: bytes) -> None:
    with (
        answering(body) as server,
        provider(server.url) as http,
        pytest.raises(errors.OutcomeUnknown) as raised,
    ):
        http.push([MUG], ENOUGH)
    assert raised.value.status == 200


@pytest.mark.parametrize(
    ("price", "echo"),
    [("12.50", "12.50"), (12.5, "12.5"), (12, "12"), (0.1, "0.1"), (None, None), ("-1.00", "-1.00")],
)
def test_P04_numbers_are_read_as_decimals(price: object, echo: str | None) -> None:
    with answering({"results": [ok(price=price)]}) as server, provider(server.url) as http:
        result = http.push([MUG], ENOUGH).results[0]
    assert result.price == (None if echo is None else Decimal(echo))


def test_what_a_database_cannot_store_is_replaced_in_texts() -> None:
    told = {
        "sku": "A-1",
        "status": "rejected",
        "code": "c\0de" + "x" * 200,
        "message": "\0 \ud800 ü" + "y" * 5000,
    }
    with answering({"results": [told]}) as server, provider(server.url) as http:
        result = http.push([MUG], ENOUGH).results[0]
    assert result.code.startswith("c\ufffdde")
    assert len(result.code) == 100
    assert result.message.startswith("\ufffd \ufffd ü")
    assert len(result.message) == 2000


@pytest.mark.parametrize("sku", ["A\0", "\ud800", "x" * 201])
def test_a_page_with_a_sku_that_cannot_be_stored_is_not_believed(sku: str) -> None:
    page = {"items": [{"sku": sku, "price": "1", "currency": "EUR"}], "next": None}
    with answering(page) as server, provider(server.url) as http, pytest.raises(errors.OutcomeUnknown):
        http.page(None, ENOUGH)


def test_P03_a_secret_in_the_message_of_an_item_is_hidden() -> None:
    told = {"sku": "A-1", "status": "rejected", "code": f"no-{TOKEN}", "message": f"token {TOKEN} may not"}
    with answering({"results": [told]}, X_Request_Id=f"id-{TOKEN}") as server, provider(server.url) as http:
        done = http.push([MUG], ENOUGH)
    assert TOKEN not in repr(done)
    assert done.results[0].message == "token [hidden] may not"
    assert done.request_id == "id-[hidden]"


def test_P03_a_secret_that_an_error_repeats_at_its_cut_is_hidden_whole() -> None:
    for filler in range(150, 320, 3):
        body = b"x" * filler + TOKEN.encode() * 3
        with pytest.raises(errors.ServerFault) as raised:
            checked(Answer(500, {}, body), lambda text: text.replace(TOKEN, "[hidden]"))
        assert TOKEN[:6] not in str(raised.value)


@pytest.mark.parametrize("following", [["a", "b", "a"], ["a", "a"], [""], [7], [{}]])
def test_P05_pages_that_go_in_a_circle_come_to_an_end(following: list[object]) -> None:
    answers = iter(following)

    def page(_: bytes) -> list[bytes]:
        return [http_answer(body=json.dumps({"items": [], "next": next(answers)}).encode())]

    with (
        ScriptedServer(page) as server,
        provider(server.url) as http,
        pytest.raises(errors.OutcomeUnknown),
    ):
        list(http.pages(ENOUGH))
    assert len(server.requests) == len(following)


def test_D20_what_the_marketplace_says_of_its_limits_is_passed_on() -> None:
    headers = {"X_RateLimit_Remaining": "3", "X_RateLimit_Limit": "junk"}
    with answering({"results": [ok()]}, **headers) as server, provider(server.url) as http:
        throttle = http.push([MUG], ENOUGH).throttle
    assert (throttle.remaining, throttle.limit) == (3.0, None)


@pytest.mark.parametrize(
    "base_url",
    [
        "", "ftp://example.org", "example.org", "https://", "https://:443", "https://[::1", "https://example.org:99999",
        "https://example.org/?a=b", "https://example.org/#x", 7, None,
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused_before_any_call(base_url: object) -> None:
    with pytest.raises(errors.ConfigurationError, match="is not an address") as raised:
        Http("eu", {"base_url": base_url}, {})
    assert "stores set eu" in raised.value.hint


def test_P03_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(errors.ConfigurationError, match="user name") as raised:
        Http("eu", {"base_url": "https://me:hunter2@example.org"}, {})
    assert "hunter2" not in repr(raised.value)


@pytest.mark.parametrize("limit", [0, -5, "ten", None])
def test_a_batch_limit_that_cannot_be_is_refused(limit: object) -> None:
    with pytest.raises(errors.ConfigurationError, match="batch_limit"):
        provider("http://127.0.0.1:1", batch_limit=limit)


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN}\r\nX-Evil: 1", f" {TOKEN}\0", "t0ken-ü"])
def test_P03_a_token_that_no_header_can_carry_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="authorization") as raised:
        Http("eu", {"base_url": "http://127.0.0.1:1"}, {"token": token})
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert "t0ken" not in repr(raised.value) + raised.value.hint


# The wire


def send(url: str, *, deadline: float = ENOUGH, method: str = "GET", **options: Any) -> Answer:
    wire = Wire(headers={}, **options)
    try:
        return wire.send(method, url, deadline=deadline, content=None if method == "GET" else b"{}")
    finally:
        wire.close()


def test_P04_the_limit_of_a_body_is_64_mib() -> None:
    assert MAX_BODY == 64 * 1024 * 1024


@pytest.mark.parametrize("size", [1000, 1001])
def test_P04_a_body_over_the_limit_is_refused(size: int) -> None:
    with ScriptedServer(http_answer(body=b"x" * size)) as server:
        if size == 1000:
            assert len(send(server.url, max_body=1000).body) == 1000
        else:
            with pytest.raises(errors.OutcomeUnknown, match="larger than"):
                send(server.url, max_body=1000)


def test_P04_an_endless_body_without_a_length_is_refused() -> None:
    head = http_answer().replace(b"Content-Length: 0\r\n", b"")
    with (
        ScriptedServer(lambda _: chain([head], repeat(b"x" * 65_536))) as server,
        pytest.raises(errors.OutcomeUnknown, match="larger than 1 MiB"),
    ):
        send(server.url, max_body=2**20)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_P04_json_has_no_such_number(constant: str) -> None:
    with pytest.raises(errors.OutcomeUnknown, match="not JSON"):
        Answer(200, {}, f'{{"price": {constant}}}'.encode()).json()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_P04_a_redirect_is_not_followed(status: int) -> None:
    with ScriptedServer(http_answer(200, b"{}")) as other:
        location = http_answer(status, headers={"Location": other.url})
        with (
            ScriptedServer(location) as server,
            pytest.raises(errors.EndpointMissing, match="a redirect is not followed") as raised,
        ):
            send(server.url, method="PUT")
        assert raised.value.status == status
        assert other.requests == []


# Each of these servers would go on for hours: that the call ends at all is the proof.


def endless_head(_: bytes) -> Iterator[bytes]:
    return chain([b"HTTP/1.1 200 OK\r\nX-Slow: "], repeat(b"x"))


def many_headers(_: bytes) -> Iterator[bytes]:
    return chain([b"HTTP/1.1 200 OK\r\n"], repeat(b"X: y\r\n"))


def endless_chunks(_: bytes) -> Iterator[bytes]:
    head = http_answer(headers={"Transfer-Encoding": "chunked"}).replace(b"Content-Length: 0\r\n", b"")
    return chain([head], repeat(b"1\r\n \r\n"))


def only_continue(_: bytes) -> Iterator[bytes]:
    return repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n")


@pytest.mark.parametrize("script", [drip, endless_head, many_headers, endless_chunks, only_continue])
def test_P04_a_call_ends_by_its_deadline_whatever_is_dripped(script: Any) -> None:
    with ScriptedServer(script, pause=0.01) as server:
        with pytest.raises(errors.OutcomeUnknown, match=r"No answer within 0\.5 s"):
            send(server.url, deadline=PATIENCE)
        assert len(server.requests) == 1


def test_P04_an_endless_head_at_full_speed_is_refused() -> None:
    with ScriptedServer(endless_head) as server, pytest.raises(errors.OutcomeUnknown):
        send(server.url)


def test_a_server_that_says_nothing_is_an_unknown_outcome() -> None:
    with ScriptedServer(b"") as server, pytest.raises(errors.OutcomeUnknown):
        send(server.url, method="PUT")


def test_the_wire_goes_on_after_a_call_that_ran_into_its_deadline() -> None:
    pieces = iter([drip(b""), [http_answer(body=b"{}")]])
    wire = Wire(headers={})
    try:
        with ScriptedServer(lambda _: next(pieces), pause=0.01) as server:
            with pytest.raises(errors.OutcomeUnknown):
                wire.send("GET", server.url, deadline=PATIENCE)
            assert wire.send("GET", server.url, deadline=ENOUGH).json() == {}
    finally:
        wire.close()


def test_nobody_listens_so_nothing_was_sent() -> None:
    with pytest.raises(errors.Unreachable):
        send(nobody(), method="PUT")


@pytest.mark.parametrize("url", ["http://", "http://exa mple", "gopher://127.0.0.1", "http://127.0.0.1:1\n"])
def test_an_address_that_is_none_is_never_an_unknown_outcome(url: str) -> None:
    with pytest.raises((errors.Unreachable, errors.EndpointMissing)):
        send(url)


STATUSES = [
    (400, errors.CallRefused), (401, errors.Unauthorized), (402, errors.CallRefused), (403, errors.Unauthorized),
    (404, errors.EndpointMissing), (405, errors.EndpointMissing), (408, errors.Throttled), (409, errors.Conflict),
    (410, errors.EndpointMissing), (413, errors.CallRefused), (422, errors.CallRefused), (425, errors.Throttled),
    (429, errors.Throttled), (500, errors.ServerFault), (502, errors.ServerFault), (503, errors.ServerFault),
    (504, errors.ServerFault), (599, errors.ServerFault), (304, errors.EndpointMissing),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_every_status_has_its_meaning(status: int, kind: type[errors.ProviderError]) -> None:
    with pytest.raises(kind) as raised:
        checked(Answer(status, {"x-request-id": "r-1"}, b'{"error": "no\n\x1b[31m"}'))
    assert type(raised.value) is kind
    assert (raised.value.status, raised.value.request_id) == (status, "r-1")
    assert str(raised.value).isprintable()


NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("7", 7), (" 7 ", 7), ("3600", 3600), ("999999999", LONGEST_WAIT), ("9" * 5000, LONGEST_WAIT),
        # A date has whole seconds; half a second over is waited, never left out.
        ("Sun, 01 Mar 2026 12:00:10 GMT", 10), ("Sunday, 01-Mar-26 12:00:10 GMT", 10), ("Sun Mar  1 12:00:10 2026", 10),
        ("Sun, 01 Mar 2026 13:00:10 +0100", 10), ("Sun, 01 Mar 2026 12:00:10 -0000", 10),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("", None), ("soon", None), ("-5", None), ("1.5", None), ("+3", None), ("١٢", None), ("0x10", None),
        ("1e3", None), ("7, 8", None), ("NaN", None), ("Sun, 99 Mar 2026 12:00:10 GMT", None),
        ("Sun, 01 Mar 99999 12:00:10 GMT", None), ("Sun, 01 Mar 2026 12:00:10 +99999999999999", None),
    ],
)  # fmt: skip
def test_D18_retry_after_is_seconds_or_a_date_and_junk_is_ignored(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, now=NOW) == seconds


def test_D18_no_retry_after_is_none() -> None:
    assert retry_after({}) is None


@given(st.text() | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,6} \d+:\d+:\d+ ([+-]\d{1,20}|[A-Z]{1,5})"))
def test_D18_no_retry_after_breaks_the_answer(text: str) -> None:
    found = retry_after({"retry-after": text}, now=NOW)
    assert found is None or 0 <= found <= LONGEST_WAIT


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signed itself, with its key in the same file."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("there is no openssl here")
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt",
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    file.write_text(file.read_text() + file.with_name("server.pem.crt").read_text())
    return file


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_P04_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with ScriptedServer(http_answer(body=b"{}"), tls=serving(certificate)) as server:
        with (
            provider(server.url) as http,
            pytest.raises(errors.Unreachable, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            http.push([MUG], ENOUGH)
        assert server.requests == []


def test_P04_a_certificate_that_is_trusted_is_taken(certificate: Path) -> None:
    trust = ssl.create_default_context(cafile=certificate)
    with ScriptedServer(http_answer(body=b"{}"), tls=serving(certificate)) as server:
        assert send(server.url, trust=trust).json() == {}
        elsewhere = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(errors.Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            send(elsewhere, trust=trust)
        assert len(server.requests) == 1


def test_P04_a_handshake_that_never_ends_is_left_at_the_deadline() -> None:
    with (
        ScriptedServer(lambda _: repeat(b"")) as server,
        pytest.raises(errors.Unreachable, match="No connection within"),
    ):
        send(server.url.replace("http:", "https:"), deadline=PATIENCE)
