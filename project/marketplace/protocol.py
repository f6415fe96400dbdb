"""The wire protocol: what a request may say, and how an answer is written. Pure functions.

The rule: a price is text from end to end; a body that is not the protocol is refused as a whole, and an item
that is not acceptable is refused by itself.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE_LIMIT = 500
BODY_LIMIT = 4 * 1024 * 1024
JSON_TYPE = "application/json; charset=utf-8"

_PRICE = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,10})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
#: No control characters, and no lone surrogates, which no database can store as text.
_SKU = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_NAME = re.compile(r"[^\ud800-\udfff]{0,1000}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `close` ends the connection after it."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    close: bool = False


class Refused(Exception):
    """The request is refused as a whole; nothing of it was applied."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        body = encode({"error": {"code": code, "message": message}})
        self.answer = Answer(status, body, headers=dict(headers or {}), close=close)


class Item(NamedTuple):
    """One item of a PUT as it was received; `code` says why it is refused, and is empty where it is not.

    A price that was not text is None.
    """

    sku: str
    name: str | None
    price: str | None
    currency: str | None
    code: str = ""
    message: str = ""


class PageRequest(NamedTuple):
    """What a GET asks for: these skus, or the page after `after`."""

    skus: tuple[str, ...]
    after: str
    limit: int


def encode(value: object) -> bytes:
    """`value` as JSON in ASCII, so that no character of a hostile name can break an answer."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def malformed(message: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "malformed", message)


def decode(body: bytes) -> Any:
    """The JSON value in `body`. Raises Refused (400)."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise malformed("the body is not JSON in UTF-8") from error


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def read_items(body: bytes) -> list[Item]:
    """The items of a PUT, in order. Raises Refused (400) where items cannot be told apart."""
    document = decode(body)
    entries = document.get("items") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise malformed('the body has to be {"items": [...]}')
    items = [_read_item(entry) for entry in entries]
    if len({item.sku for item in items}) != len(items):
        raise malformed("a sku may be in a call only once")
    return items


def _read_item(entry: object) -> Item:
    if not isinstance(entry, dict) or not isinstance(sku := entry.get("sku"), str):
        raise malformed('an item has to be an object with a "sku" of text')
    name, price, currency = entry.get("name"), entry.get("price"), entry.get("currency")
    code = message = ""
    if not _SKU.fullmatch(sku):
        code, message = "bad_sku", "a sku has 1 to 200 characters and no control characters"
    elif not isinstance(price, str):
        code, message = "bad_price", "the price has to be text, not a JSON number"
    elif not _PRICE.fullmatch(price):
        code, message = "bad_price", "the price has to be a plain decimal of at least 0"
    elif not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        code, message = "bad_currency", "the currency has to be three capital letters"
    elif name is not None and (not isinstance(name, str) or not _NAME.fullmatch(name)):
        code, message = "bad_name", "the name has to be text of at most 1000 characters"
    return Item(
        sku,
        name if isinstance(name, str) else None,
        price if isinstance(price, str) else None,
        currency if isinstance(currency, str) else None,
        code,
        message,
    )


def accepted(item: Item) -> dict[str, str | None]:
    """The result of an item that was applied, with the echo of what is stored."""
    return {"sku": item.sku, "status": "ok", "price": item.price, "currency": item.currency}


def refused(sku: str, code: str, message: str, *, status: str = "rejected") -> dict[str, str | None]:
    """The result of an item that was not applied."""
    return {"sku": sku, "status": status, "code": code, "message": message}


def read_query(query: str) -> dict[str, list[str]]:
    """The parameters of a query string. Raises Refused (400)."""
    try:
        return parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=2 * PAGE_LIMIT)
    except ValueError as error:
        raise malformed("the query cannot be read") from error


def read_whole(query: Mapping[str, Sequence[str]], name: str, default: int) -> int:
    """A whole number of at least 0 from the query. Raises Refused (400)."""
    text = query.get(name, [str(default)])[-1]
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise malformed(f"{name} has to be a whole number")
    return int(text)


def read_page(query: Mapping[str, Sequence[str]]) -> PageRequest:
    """What a GET of prices asks for; a limit over 500 means 500. Raises Refused (400, 413)."""
    skus = tuple(dict.fromkeys(query.get("sku", ())))
    if len(skus) > PAGE_LIMIT:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many", f"at most {PAGE_LIMIT} skus in a call")
    limit = read_whole(query, "limit", PAGE_LIMIT)
    if limit < 1:
        raise malformed("limit has to be at least 1")
    cursor = query.get("cursor", [""])[-1]
    return PageRequest(skus, read_cursor(cursor) if cursor else "", min(limit, PAGE_LIMIT))


def write_cursor(sku: str) -> str:
    """The opaque cursor of the page that begins after `sku`."""
    return base64.urlsafe_b64encode(sku.encode()).decode("ascii").rstrip("=")


def read_cursor(cursor: str) -> str:
    """The sku in a cursor. Raises Refused (400)."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8")
    except ValueError as error:
        raise malformed("this cursor was not given out here") from error


def read_store(segment: str) -> str | None:
    """The store named by one segment of a path, or None where no store can have that name."""
    try:
        store = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return None
    return store if 0 < len(store) <= 100 and store.isprintable() and "/" not in store else None
