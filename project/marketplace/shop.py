"""The shop pages: what a customer of the marketplace would see.

The rule: every text from outside goes through html.escape, and only the script with the page's nonce runs.
"""

from __future__ import annotations

import secrets
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from project.marketplace import protocol
from project.marketplace.protocol import Answer
from project.marketplace.shop_look import SCRIPT, STYLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from project.marketplace.ledger import Displayed, Ledger

PAGE_SIZE = 100
#: Seconds for which a changed price is highlighted.
FRESH_SECONDS = 60.0
_QUERY_LENGTH = 200


def list_stores(ledger: Ledger) -> Answer:
    """The page with all stores."""
    entries = "".join(
        f'<li><a href="/shop/{quote(store, safe="")}"><b>{escape(store)}</b>'
        f"<span>{_count(items)}</span></a></li>"
        for store, items in ledger.stores()
    )
    body = (
        f'<ul class="stores">{entries}</ul>'
        if entries
        else '<p class="empty">No store has been called yet.</p>'
    )
    return _page("Sandbox marketplace", f"<h1>Sandbox marketplace</h1>{body}", refresh=True)


def show_store(ledger: Ledger, store: str, query: str, now: float) -> Answer:
    """The page of one store. Raises Refused (400) for a query that cannot be read."""
    q, page = _read(query)
    total, rows = ledger.browse(store, q, page, PAGE_SIZE)
    here = f"/shop/{quote(store, safe='')}"
    feed = f"{here}/prices.json?{urlencode({'q': q, 'page': page})}"
    table = "".join(_row(row, now) for row in rows)
    content = f"""<nav><a href="/">All stores</a></nav>
<header><h1>{escape(store)}</h1><p id="total">{_count(total)}</p></header>
<form action="{here}" role="search"><input type="search" name="q" value="{escape(q)}"
 maxlength="{_QUERY_LENGTH}" placeholder="Name or SKU" aria-label="Search by name or SKU">
<button>Search</button></form>
<table><thead><tr><th scope="col">Product</th><th scope="col">SKU</th>
<th scope="col" class="price">Price</th></tr></thead>
<tbody id="listings" data-feed="{escape(feed)}">{table}</tbody>
<tfoot class="empty"><tr><td colspan="3">Nothing to show.</td></tr></tfoot></table>
{_pager(here, q, page, total)}"""
    return _page(f"{store} · Sandbox marketplace", content, script=True)


def show_feed(ledger: Ledger, store: str, query: str, now: float) -> Answer:
    """The same page of the store as JSON, for the script. Raises Refused (400)."""
    q, page = _read(query)
    total, rows = ledger.browse(store, q, page, PAGE_SIZE)
    items = [
        {
            "sku": row.sku,
            "name": row.name or "",
            "price": f"{row.price} {row.currency}",
            "old": _old(row, now),
        }
        for row in rows
    ]
    return Answer(HTTPStatus.OK, protocol.encode({"total": _count(total), "items": items}))


def _read(query: str) -> tuple[str, int]:
    wanted = protocol.read_query(query)
    page = min(max(protocol.read_whole(wanted, "page", 1), 1), 1_000_000)
    return wanted.get("q", [""])[-1].strip()[:_QUERY_LENGTH], page


def _count(items: int) -> str:
    return "1 item" if items == 1 else f"{items:,} items"


def _old(row: Displayed, now: float) -> str:
    """The former price of a listing that changed a moment ago, or nothing."""
    if row.changed_at is None or now - row.changed_at >= FRESH_SECONDS:
        return ""
    return f"{row.old_price} {row.old_currency}"


def _row(row: Displayed, now: float) -> str:
    old = _old(row, now)
    mark, struck = (' class="fresh"', f"<s>{escape(old)}</s> ") if old else ("", "")
    return (
        f'<tr data-sku="{escape(row.sku)}"{mark}><td class="name">{escape(row.name or "")}</td>'
        f'<td class="sku">{escape(row.sku)}</td>'
        f'<td class="price">{struck}<b>{escape(row.price)} {escape(row.currency)}</b></td></tr>'
    )


def _pager(here: str, q: str, page: int, total: int) -> str:
    pages = max(1, -(-total // PAGE_SIZE))
    if pages == 1 and page == 1:
        return ""

    def link(number: int, text: str, relation: str) -> str:
        if not 1 <= number <= pages:
            return f"<span>{text}</span>"
        wanted: Mapping[str, object] = {"q": q, "page": number} if q else {"page": number}
        return f'<a rel="{relation}" href="{here}?{escape(urlencode(wanted))}">{text}</a>'

    parts: Sequence[str] = (
        link(min(page - 1, pages), "Previous", "prev"),
        f"<span>Page {page:,} of {pages:,}</span>",
        link(page + 1, "Next", "next"),
    )
    return f'<nav class="pager">{"".join(parts)}</nav>'


def _page(title: str, content: str, *, script: bool = False, refresh: bool = False) -> Answer:
    nonce = secrets.token_urlsafe(16)
    meta = '<meta http-equiv="refresh" content="5">'
    again = meta if refresh else f"<noscript>{meta}</noscript>"
    code = f'<script nonce="{nonce}">{SCRIPT}</script>' if script else ""
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">{again}<style nonce="{nonce}">{STYLE}</style></head>
<body><main>{content}</main>{code}</body></html>
"""
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return Answer(
        HTTPStatus.OK,
        # A lone surrogate cannot get into the database; "replace" keeps the page up even so.
        html.encode("utf-8", "replace"),
        "text/html; charset=utf-8",
        {"Content-Security-Policy": policy},
    )
