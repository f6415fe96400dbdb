"""The desk that answers calls: who may call, which fault is due, what is applied, what is said.

The rule: it knows no socket. It returns an Outcome, and the handler carries it out.
"""

from __future__ import annotations

import hmac
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from project.marketplace import faults, protocol
from project.marketplace.faults import Armed, Rule
from project.marketplace.protocol import Answer, Item, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from project.marketplace.calls import CallLog
    from project.marketplace.ledger import Ledger, Shown

Manner = Literal["plain", "drip", "hold", "reset"]
_MANNERS: Mapping[str, Manner] = {"drip": "drip", "lost_answer": "hold", "reset": "reset"}
#: How many rules may wait at once: they come from outside.
RULE_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens to a call: its answer, if any, and the manner; `seconds` belongs to the manner."""

    answer: Answer | None
    manner: Manner = "plain"
    seconds: float = 0.0


class Desk:
    """Answers for one marketplace. Raises ValueError for a token that a header cannot carry."""

    def __init__(
        self,
        ledger: Ledger,
        calls: CallLog,
        *,
        token: str,
        batch_limit: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("the token has to be printable ASCII and not empty")
        self.ledger = ledger
        self.calls = calls
        self.clock = clock
        self.batch_limit = batch_limit
        self._token = token
        self._armed: tuple[Armed, ...] = ()
        self._arming = threading.Lock()

    def admits(self, authorization: str | None) -> bool:
        """Whether an Authorization header carries the token."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode("utf-8", "surrogateescape"), self._token.encode()
        )

    def arm(self, rules: Iterable[Rule]) -> None:
        """The rules wait for calls, after those that are waiting already. Raises BadRule over the limit."""
        added = tuple(Armed(rule) for rule in rules)
        with self._arming:
            if len(self._armed) + len(added) > RULE_LIMIT:
                raise faults.BadRule(f"at most {RULE_LIMIT} rules at once")
            self._armed += added

    def disarm(self) -> None:
        """No fault is waiting any more."""
        with self._arming:
            self._armed = ()

    def armed(self) -> list[dict[str, Any]]:
        """The rules that are waiting, with what they did so far."""
        return [faults.describe(entry) for entry in self._armed]

    def answer(
        self,
        call: int,
        *,
        store: str,
        method: str,
        query: str,
        body: bytes,
        pause: Callable[[float], None],
    ) -> Outcome:
        """Carry out one admitted call. `pause` waits some seconds. Raises Refused."""
        items: list[Item] | None = None
        refusal: Refused | None = None
        if method == "PUT":
            try:
                items = protocol.read_items(body)
            except Refused as error:
                refusal = error
            else:
                self.calls.note(call, store, items)
                refusal = self._over_limit(items)
        fault = self._next_fault(call, store, method, items)
        rule = fault.rule if fault else None

        def carry_out() -> Answer:
            if refusal is not None:
                raise refusal
            if items is None:
                return self._show(store, query, fault)
            return self._take(call, store, items, fault)

        return carry_out_with(rule, carry_out, pause, self.clock())

    def _over_limit(self, items: Sequence[Item]) -> Refused | None:
        if len(items) <= self.batch_limit:
            return None
        message = f"at most {self.batch_limit} items in a call, not {len(items)}"
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many", message)

    def _next_fault(self, call: int, store: str, method: str, items: Sequence[Item] | None) -> Armed | None:
        skus = None if items is None else [item.sku for item in items]
        with self._arming:
            fault, self._armed = faults.decide(self._armed, store=store, method=method, skus=skus)
        if fault is not None:
            self.calls.blame(call, fault.rule.kind)
        return fault

    def _take(self, call: int, store: str, items: Sequence[Item], fault: Armed | None) -> Answer:
        """Apply the items of a PUT that are acceptable, and answer with one result each."""
        rule = fault.rule if fault else None
        kind = rule.kind if rule else None
        hit: frozenset[str] = frozenset()
        if fault is not None and kind in faults.ITEM_KINDS:
            hit = faults.touched(fault, [item.sku for item in items])
        results: dict[str, dict[str, str | None]] = {}
        good: list[Item] = []
        for item in items:
            if item.code:
                results[item.sku] = protocol.refused(item.sku, item.code, item.message)
            elif rule and kind == "partial" and item.sku in hit:
                results[item.sku] = protocol.refused(
                    item.sku, rule.code, rule.message, status=str(rule.status)
                )
            else:
                kept = item
                if rule and kind == "coerce" and item.sku in hit:
                    price = rule.price or faults.other_price(item.price or "")
                    kept = item._replace(price=price, currency=rule.currency or item.currency)
                if not (rule and kind == "missing" and item.sku in hit and not rule.applied):
                    good.append(kept)
                results[item.sku] = protocol.accepted(kept)
        for sku in self.ledger.apply(store, call, good, self.clock()):
            results[sku] = protocol.refused(sku, "unknown_sku", "this store has no such sku")
        answered = [result for sku, result in results.items() if not (kind == "missing" and sku in hit)]
        if kind == "reorder":
            answered.reverse()
        return Answer(HTTPStatus.OK, protocol.encode({"results": answered}))

    def _show(self, store: str, query: str, fault: Armed | None) -> Answer:
        """Answer a GET with a page of listings, or with those that were asked for by sku."""
        request = protocol.read_page(protocol.read_query(query))
        cursor: str | None = None
        if request.skus:
            shown = self.ledger.pick(store, request.skus)
        else:
            shown = self.ledger.page(store, request.after, request.limit + 1)
            if len(shown) > request.limit:
                shown = shown[: request.limit]
                cursor = protocol.write_cursor(shown[-1].sku)
        if fault is not None and fault.rule.kind == "missing":
            hit = faults.touched(fault, [listing.sku for listing in shown])
            shown = [listing for listing in shown if listing.sku not in hit]
        if fault is not None and fault.rule.kind == "reorder":
            shown.reverse()
        return Answer(HTTPStatus.OK, protocol.encode({"items": [_item(s) for s in shown], "next": cursor}))


def _item(shown: Shown) -> dict[str, str]:
    item = {"sku": shown.sku, "price": shown.price, "currency": shown.currency}
    return item if shown.name is None else {**item, "name": shown.name}


def failure(status: int, code: str, message: str, **headers: str) -> Answer:
    """An answer that says that a call failed."""
    body = protocol.encode({"error": {"code": code, "message": message}})
    return Answer(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def unauthorised(status: int = HTTPStatus.UNAUTHORIZED) -> Answer:
    """The answer to a call without the right token."""
    return failure(status, "unauthorized", "the token is missing or wrong", WWW_Authenticate="Bearer")


def carry_out_with(
    rule: Rule | None, carry_out: Callable[[], Answer], pause: Callable[[float], None], now: float
) -> Outcome:
    """Carry the call out, or not, as the fault asks. `carry_out` applies it, or raises Refused."""
    if rule is None or rule.kind in faults.ITEM_KINDS or rule.kind == "reorder":
        return Outcome(carry_out())
    if rule.kind == "slow":
        return _slow(rule, carry_out, pause)
    answer = carry_out() if rule.applied else None
    match rule.kind:
        case "throttle":
            after = faults.retry_after(rule, now)
            answer = failure(HTTPStatus.TOO_MANY_REQUESTS, "throttled", rule.message, Retry_After=after)
        case "unauthorized":
            answer = unauthorised(int(rule.status))
        case "error":
            answer = failure(int(rule.status), "failed", rule.message)
        case "garbage":
            body = rule.body.encode("utf-8", "surrogatepass")
            answer = Answer(HTTPStatus.OK, body, "text/html; charset=utf-8")
        case "lost_answer" | "reset":
            answer = None
    return Outcome(answer, _MANNERS.get(rule.kind, "plain"), rule.seconds)


def _slow(rule: Rule, carry_out: Callable[[], Answer], pause: Callable[[float], None]) -> Outcome:
    if rule.applied:
        answer = carry_out()
        pause(rule.seconds)
        return Outcome(answer)
    pause(rule.seconds)
    return Outcome(carry_out())
