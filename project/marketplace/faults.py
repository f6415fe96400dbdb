"""Faults on demand: the rules, and what they make of one call. Pure: chance comes from a seed.

The rule: the first rule that fires takes the call, and the rules after it do not see that call.

    kind          what the client sees                                    options of its own
    throttle      429 with Retry-After                                    retry_after, date
    error         500, 502 or 503                                         status, applied
    unauthorized  401 (or 403)                                            status
    slow          the answer comes after a pause                          seconds, applied
    lost_answer   applied, then silence until the connection is closed    seconds
    reset         the connection is reset (RST)                           applied
    garbage       200 with a body that is not the protocol                body, applied
    drip          the answer comes one byte at a time                     seconds (between two bytes)
    reorder       the items of the answer come the other way round
    partial       items are answered `retry` or `rejected`, not applied   items¹, status, code, message
    missing       items are left out of the answer                        items¹, applied
    coerce        another price is stored and echoed                      items¹, price, currency

Every rule takes `store`, `method` and `times` (how often it fires; None: without end). `every` = n, or `rate`
with `seed`, choose every n-th call or that share of calls; such a rule fires without end unless `times` is
given. ¹ In kinds about items, `skus`, `every` and `rate` choose items of a call instead (none given: all).
`applied` says whether the call is carried out before the fault; for `slow`, before the pause or after it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from email.utils import formatdate
from typing import Any

ITEM_KINDS = frozenset({"partial", "missing", "coerce"})
_ALWAYS = frozenset({"store", "method", "times"})
_CHOICE = frozenset({"every", "rate", "seed"})
_OWN: Mapping[str, frozenset[str]] = {
    "throttle": frozenset({"retry_after", "date"}),
    "error": frozenset({"status", "applied"}),
    "unauthorized": frozenset({"status"}),
    "slow": frozenset({"seconds", "applied"}),
    "lost_answer": frozenset({"seconds"}),
    "reset": frozenset({"applied"}),
    "garbage": frozenset({"body", "applied"}),
    "drip": frozenset({"seconds"}),
    "reorder": frozenset(),
    "partial": frozenset({"skus", "status", "code", "message"}),
    "missing": frozenset({"skus", "applied"}),
    "coerce": frozenset({"skus", "price", "currency"}),
}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "throttle": {"retry_after": 1},
    "error": {"status": 503},
    "unauthorized": {"status": 401},
    "slow": {"seconds": 1.0},
    "lost_answer": {"method": "PUT", "seconds": 30.0, "applied": True},
    "reset": {},
    "garbage": {"applied": True, "body": "<html><body>It works!</body></html>"},
    "drip": {"seconds": 0.05, "applied": True},
    "reorder": {"method": "PUT", "applied": True},
    "partial": {"method": "PUT", "status": "retry", "code": "locked", "applied": True},
    "missing": {"method": "PUT", "applied": True},
    "coerce": {"method": "PUT", "applied": True},
}
_STATUSES: Mapping[str, tuple[Any, ...]] = {
    "error": (500, 502, 503, 504),
    "unauthorized": (401, 403),
    "partial": ("retry", "rejected"),
}


class BadRule(ValueError):
    """The rule asks for something that does not exist."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault to make; the table above gives the meaning of each field."""

    kind: str
    store: str | None = None
    method: str | None = None
    times: int | None = 1
    every: int | None = None
    rate: float | None = None
    seed: int = 0
    retry_after: float | str = 1
    date: bool = False
    seconds: float = 1.0
    skus: tuple[str, ...] | None = None
    status: int | str = 0
    code: str = ""
    message: str = "asked for by the sandbox"
    applied: bool = False
    body: str = ""
    price: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Armed:
    """A rule that is waiting for calls: how many it looked at, and how often it fired."""

    rule: Rule
    seen: int = 0
    fired: int = 0


def make_rule(options: object) -> Rule:
    """The rule that `options` describes. Raises BadRule."""
    if not isinstance(options, Mapping):
        raise BadRule("a rule is an object")
    given = dict(options)
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in _OWN:
        raise BadRule(f"kind has to be one of {', '.join(_OWN)}")
    foreign = given.keys() - _ALWAYS - _CHOICE - _OWN[kind] - {"kind"}
    if foreign:
        raise BadRule(f"{kind} has no option {', '.join(sorted(map(str, foreign)))}")
    if kind not in ITEM_KINDS and ("every" in given or "rate" in given):
        given.setdefault("times", None)
    if isinstance(given.get("skus"), (list, tuple, set, frozenset)):
        given["skus"] = tuple(given["skus"])
    given = {**_DEFAULTS[kind], **given}
    for name, value in given.items():
        _check(kind, name, value)
    return Rule(**given)


def _check(kind: str, name: str, value: Any) -> None:
    if not _TYPES[name](value):
        raise BadRule(f"{name} of {kind} cannot be {value!r}")
    if name == "status" and value not in _STATUSES[kind]:
        raise BadRule(f"status of {kind} has to be one of {', '.join(map(str, _STATUSES[kind]))}")
    if name == "method" and value not in (
        ("PUT",) if kind in {"partial", "coerce"} else ("GET", "PUT", None)
    ):
        raise BadRule(f"{kind} cannot be made of the method {value!r}")


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 86_400


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _flag(value: Any) -> bool:
    return type(value) is bool


def _count(value: Any) -> bool:
    return value is None or (type(value) is int and value > 0)


_TYPES: Mapping[str, Callable[[Any], object]] = {
    "kind": _text,
    "store": _text_or_none,
    "method": _text_or_none,
    "times": _count,
    "every": _count,
    "rate": lambda value: value is None or (_seconds(value) and value <= 1),
    "seed": lambda value: type(value) is int,
    # A text goes out as it is, so that a client can be shown dates and junk; it must not end the header line.
    "retry_after": lambda value: _seconds(value) or (_text(value) and re.fullmatch(r"[ -~]{0,100}", value)),
    "date": _flag,
    "seconds": _seconds,
    "skus": lambda value: value is None or (isinstance(value, tuple) and all(map(_text, value))),
    "status": lambda value: type(value) in (int, str),
    "code": _text,
    "message": _text,
    "applied": _flag,
    "body": _text,
    "price": _text_or_none,
    "currency": _text_or_none,
}


def decide(
    armed: Sequence[Armed], *, store: str, method: str, skus: Sequence[str] | None
) -> tuple[Armed | None, tuple[Armed, ...]]:
    """The rule that takes this call, if one does, and the rules as they stand after it.

    `skus` are those the call carries, or None where that is not known. A spent rule is dropped.
    """
    after: list[Armed] = []
    taken: Armed | None = None
    for waiting in armed:
        entry = waiting
        if taken is None and _concerns(entry.rule, store, method, skus):
            entry = replace(entry, seen=entry.seen + 1)
            if _fires(entry):
                entry = taken = replace(entry, fired=entry.fired + 1)
        if entry.rule.times is None or entry.fired < entry.rule.times:
            after.append(entry)
    return taken, tuple(after)


def _concerns(rule: Rule, store: str, method: str, skus: Sequence[str] | None) -> bool:
    return (
        rule.store in (None, store)
        and rule.method in (None, method)
        and (rule.skus is None or skus is None or not set(rule.skus).isdisjoint(skus))
    )


def _fires(entry: Armed) -> bool:
    rule = entry.rule
    if rule.kind in ITEM_KINDS:
        return True
    if rule.every is not None and entry.seen % rule.every:
        return False
    return rule.rate is None or _chance(rule.seed, str(entry.seen)) < rule.rate


def touched(fault: Armed, skus: Sequence[str]) -> frozenset[str]:
    """The skus of a call that a fault about items concerns."""
    rule = fault.rule
    chosen = [sku for sku in skus if rule.skus is None or sku in rule.skus]
    if rule.every is not None:
        chosen = chosen[rule.every - 1 :: rule.every]
    if rule.rate is not None:
        chosen = [sku for sku in chosen if _chance(rule.seed, f"{fault.fired}:{sku}") < rule.rate]
    return frozenset(chosen)


def _chance(seed: int, turn: str) -> float:
    """A number from 0 up to 1 that depends on the seed and the turn alone."""
    digest = hashlib.blake2b(f"{seed}:{turn}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def other_price(price: str) -> str:
    """A price that is not `price`, as a marketplace that rounds to its own endings would make it."""
    whole = price.partition(".")[0]
    return f"{whole}.95" if price != f"{whole}.95" else f"{whole}.99"


def retry_after(rule: Rule, now: float) -> str:
    """The value of the Retry-After header (RFC 9110, 10.2.3: seconds or an HTTP date)."""
    if isinstance(rule.retry_after, str):
        return rule.retry_after
    return formatdate(now + rule.retry_after, usegmt=True) if rule.date else f"{rule.retry_after:g}"


def describe(entry: Armed) -> dict[str, Any]:
    """An armed rule for a person to read: what was set, and what it did so far."""
    own = _ALWAYS | _CHOICE | _OWN[entry.rule.kind] | {"kind"}
    options = {f.name: getattr(entry.rule, f.name) for f in fields(Rule) if f.name in own}
    return {**options, "seen": entry.seen, "fired": entry.fired}
