"""The generic provider `http`: the protocol of docs/providers.md, spoken by the sandbox marketplace.

The rule: an item is believed only by its sku, and only for what the answer says of it.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from syncops.errors import ConfigurationError, OutcomeUnknown
from syncops.providers.base import Provider, batch_limit
from syncops.providers.wire import Answer, Wire
from syncops.values import Done, ItemResult, Listing, Page, RemoteItem, Throttle, wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STATUSES = ("ok", "rejected", "retry")
_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")


class Http(Provider):
    """PUT and GET of `{base_url}/stores/{remote_store}/prices` with a bearer token.

    Options: `base_url`, `remote_store` (default: the slug), `batch_limit` (default 100), `timeout` (seconds).
    Credentials: `token`.
    """

    echoes = True

    def __init__(self, store: str, options: Mapping[str, Any], credentials: Mapping[str, str]) -> None:
        super().__init__(store, options, credentials)
        base = _base_url(store, str(options.get("base_url", "")))
        self.max_items = batch_limit(store, options)
        remote = quote(str(options.get("remote_store", store)), safe="")
        self._url = f"{base}/stores/{remote}/prices"
        headers = {"accept": "application/json", "user-agent": "syncops"}
        if token := credentials.get("token"):
            headers["authorization"] = f"Bearer {token}"
        self._wire = Wire(headers=headers, secrets=credentials.values())

    def push(self, batch: Sequence[Listing], deadline: float) -> Done:
        items = [
            {
                "sku": each.sku,
                "name": each.name,
                "price": wire(each.price, each.currency),
                "currency": each.currency,
            }
            for each in batch
        ]
        content = json.dumps({"items": items}, ensure_ascii=False).encode()
        answer = self._wire.send("PUT", self._url, deadline=deadline, content=content)
        results = tuple(self._result(each, answer) for each in _list(answer, "results"))
        return Done(results, _throttle(answer), answer.status, answer.request_id)

    def page(self, cursor: str | None, deadline: float) -> Page:
        query = {"limit": str(self.page_size)} | ({} if cursor is None else {"cursor": cursor})
        answer = self._wire.send("GET", f"{self._url}?{urlencode(query)}", deadline=deadline)
        items = tuple(_item(each, answer) for each in _list(answer, "items"))
        following = answer.json().get("next")
        if following is not None and (not isinstance(following, str) or following in {"", cursor}):
            raise _strange(answer, "its cursor does not move on")
        return Page(items, following)

    def fetch(self, skus: Sequence[str], deadline: float) -> Mapping[str, RemoteItem]:
        found: dict[str, RemoteItem] = {}
        for start in range(0, len(skus), 50):
            query = urlencode([("sku", sku) for sku in skus[start : start + 50]])
            answer = self._wire.send("GET", f"{self._url}?{query}", deadline=deadline)
            found.update({each.sku: each for each in (_item(raw, answer) for raw in _list(answer, "items"))})
        return {sku: found[sku] for sku in skus if sku in found}

    def check(self, deadline: float) -> None:
        answer = self._wire.send("GET", f"{self._url}?limit=1", deadline=deadline)
        _list(answer, "items")

    def close(self) -> None:
        self._wire.close()

    def _result(self, raw: Any, answer: Answer) -> ItemResult:
        if not isinstance(raw, dict) or not isinstance(raw.get("sku"), str):
            raise _strange(answer, "a result names no sku")
        status = raw.get("status")
        if status not in _STATUSES:
            raise _strange(answer, "a result has no status that the protocol knows")
        return ItemResult(
            raw["sku"],
            status,
            _plain(self._wire.discreet(str(raw.get("code") or "")), 100),
            _plain(self._wire.discreet(str(raw.get("message") or "")), 2000),
            _price(raw.get("price"), answer),
            _currency(raw.get("currency"), answer),
        )


def _base_url(store: str, given: str) -> str:
    """The address without a slash at its end. Raises ConfigurationError."""
    hint = f"syncops stores set {store} --option base_url=https://… (or that option of stores add)"
    try:
        parts = urlsplit(given)
        named = parts.username is not None or parts.password is not None
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigurationError(f"{store}: base_url is not an address", hint=hint) from None
    if named:
        raise ConfigurationError(f"{store}: base_url holds a user name; a secret is never stored", hint=hint)
    if not whole or parts.query or parts.fragment:
        raise ConfigurationError(f"{store}: base_url {given!r} is not an address", hint=hint)
    return given.rstrip("/")


def _list(answer: Answer, name: str) -> list[Any]:
    body = answer.json()
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise _strange(answer, f"it has no list of {name}")
    return found


def _item(raw: Any, answer: Answer) -> RemoteItem:
    if not isinstance(raw, dict) or not isinstance(raw.get("sku"), str):
        raise _strange(answer, "an item names no sku")
    sku, name = raw["sku"], raw.get("name")
    if _plain(sku, 200) != sku:
        raise _strange(answer, "a sku has over 200 characters, or some that no sku can have")
    return RemoteItem(
        sku,
        _price(raw.get("price"), answer),
        _currency(raw.get("currency"), answer),
        _plain(name, 1000) if isinstance(name, str) else None,
    )


def _price(raw: Any, answer: Answer) -> Decimal | None:
    """A price as text or as a JSON number; one that no table of prices could hold is not one."""
    if raw is None:
        return None
    text = isinstance(raw, str) and _NUMBER.fullmatch(raw)
    number = isinstance(raw, int | Decimal) and not isinstance(raw, bool)
    price = Decimal(raw) if text or number else None
    if price is None or not price.is_finite() or price.adjusted() >= 15:
        raise _strange(answer, "a price is not a number that can be one")
    return price


def _currency(raw: Any, answer: Answer) -> str | None:
    if raw is None:
        return None
    if not isinstance(raw, str) or not (len(raw) == 3 and raw.isascii() and raw.isalpha()):
        raise _strange(answer, "a currency is not three letters")
    return raw


def _plain(text: str, limit: int) -> str:
    """`text` as a database can store it: no NUL and no lone surrogate, which JSON allows."""
    return re.sub("[\x00\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)[:limit]


def _throttle(answer: Answer) -> Throttle:
    def number(name: str) -> float | None:
        text = answer.headers.get(name, "")
        return float(text) if text.isascii() and text.isdigit() else None

    return Throttle(number("x-ratelimit-remaining"), number("x-ratelimit-limit"))


def _strange(answer: Answer, what: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"The marketplace's answer was not understood: {what}",
        status=answer.status,
        request_id=answer.request_id,
    )
