"""The text of a price cell to a Decimal, or to the reason why it is none.

The rule: the enemy is the price that is a hundred times too high. A separator is never dropped without seeing
that it groups by three, nothing is ever rounded, and a cell with two readings is not read at all until
someone says which sign is the decimal one.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, NamedTuple

from syncops.importing.currencies import CONFIRMING, read_sign
from syncops.importing.misreadings import explain
from syncops.importing.rows import UNSEEN, Reason, excerpt
from syncops.values import exponent

#: The decimal sign of a price column.
Sign = Literal[".", ","]

#: Longer than any price with its currency and its groups.
_LONGEST = 100
#: What is left out around a price. A line break is not: no price list has one there.
_AROUND = "".join(set(UNSEEN) - set("\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029"))

# [0-9] and never \d: \d takes Arabic and full-width digits, and so does Decimal.
_PLAIN = re.compile(r"([0-9]+)(?:\.([0-9]{1,2}))?").fullmatch
_CELL = re.compile(r"([^0-9]*)([0-9](?:[0-9.,' \u00a0\u202f]*[0-9])?)([^0-9]*)").fullmatch
_WHOLE = (
    r"(?P<whole>[0-9]+|[1-9][0-9]{{0,2}}(?P<by>[{groups}' \u00a0\u202f])[0-9]{{3}}(?:(?P=by)[0-9]{{3}})*)"
)
_READ = {
    ".": re.compile(_WHOLE.format(groups=",") + r"(?:\.(?P<part>[0-9]+))?").fullmatch,
    ",": re.compile(_WHOLE.format(groups=".") + r"(?:,(?P<part>[0-9]+))?").fullmatch,
}
_AMBIGUOUS = re.compile(r"[^.,]*[.,][0-9]{3}").fullmatch
_GROUPING = str.maketrans("", "", ".,' \u00a0\u202f")


class Price(NamedTuple):
    """A price as one cell has it.

    `currency` is the ISO code that the cell's own code or sign names, `sign` a sign there that only confirms
    (`$`, `kr`, `¥`). `proves` is the decimal sign that the shape of the cell admits alone, None where it says
    nothing. `ambiguous`: both signs would read it, and to different amounts.
    """

    amount: Decimal
    currency: str | None = None
    sign: str | None = None
    proves: Sign | None = None
    ambiguous: bool = False

    @property
    def claim(self) -> str | None:
        """What the cell says about its currency, for `agree`."""
        return self.currency or self.sign


def read_price(
    cell: str,
    *,
    dialect: Sign | None,
    currency: str | None,
    max_digits: int = 14,
    places: int = 4,
) -> Price | Reason:
    """The price in `cell`, or why there is none.

    `dialect` is the decimal sign of the column; None reads each cell by its own shape, and an ambiguous one
    is then refused with `F_DECIMAL`. `currency` (ISO, or None where it is not known yet) gives the decimals
    that are allowed and must not be contradicted by the cell; where it is None the caller asks
    `refuse_decimals` later. `max_digits` and `places` are those of the database column. Codes: `E_EMPTY`,
    `E_SYNTAX`, `E_ZERO`, `E_NEGATIVE`, `E_DECIMALS`, `E_RANGE`, `E_CURRENCY`.
    """
    plain = _PLAIN(cell)
    if plain is not None and len(cell) <= max_digits - places:
        part = plain[2]
        if part is None:
            amount = Decimal(cell)
            if amount:
                return Price(amount)
        elif dialect != "," and len(part) <= places and (currency is None or len(part) <= exponent(currency)):
            amount = Decimal(cell)
            if amount:
                return Price(amount, None, None, ".")
    return _read(cell.strip(_AROUND), dialect, currency, max_digits, places)


def _read(
    text: str, dialect: Sign | None, currency: str | None, max_digits: int, places: int
) -> Price | Reason:
    if not text:
        return Reason(
            "E_EMPTY", "the price is empty", "a price is never cleared by an import: leave the row out"
        )
    if len(text) > _LONGEST:
        if re.fullmatch(r"[0-9.,' ]+", text):
            return Reason("E_RANGE", f"{excerpt(text, 40)} is too large for a price")
        return Reason("E_SYNTAX", f"{excerpt(text, 40)} is too long to be a price")
    cut = _CELL(text)
    if cut is None:
        return explain(text)
    before, body, after = cut[1].strip(_AROUND), cut[2], cut[3].strip(_AROUND)
    claim = read_sign(before or after, currency) if before or after else None
    if (before or after) and (claim is None or (before and after)):
        return explain(text)
    readings = {sign: reading for sign, read in _READ.items() if (reading := read(body))}
    if dialect is not None and dialect not in readings and readings:
        return _other_dialect(text, body, dialect)
    if not readings:
        return explain(text)

    ambiguous = _AMBIGUOUS(body) is not None
    marked = "." in body or "," in body
    proves: Sign | None = None
    if marked and not ambiguous:
        proves = "." if "." in readings else ","
    reading = readings[dialect] if dialect is not None else next(iter(readings.values()))
    if not body.translate(_GROUPING).strip("0"):
        return Reason("E_ZERO", "the price is zero", "leave the row out, or write its price", proves)
    if ambiguous and dialect is None:
        return Reason("F_DECIMAL", f"{excerpt(text)} has two readings", "say --decimal . or --decimal ,")

    named = None if claim in CONFIRMING else claim
    if claim and currency and currency not in CONFIRMING.get(claim, (claim,)):
        return Reason("E_CURRENCY", f"{excerpt(text)} is in {claim} where {currency} is expected", "", proves)
    whole = reading["whole"].translate(_GROUPING).lstrip("0") or "0"
    part = (reading["part"] or "").rstrip("0")
    if len(whole) > max_digits - places:
        most = f"{max_digits - places} digits before the decimal sign are the most"
        return Reason("E_RANGE", f"{excerpt(text)} is too large: {most}", proves=proves)
    known = currency or named
    allowed = places if known is None else min(exponent(known), places)
    if len(part) > allowed:
        return _too_precise(text, len(part), allowed, known, proves, ambiguous)
    amount = Decimal(f"{whole}.{part.ljust(min(2, allowed), '0')}" if part else whole)
    return Price(amount, named, None if named else claim, proves, ambiguous)


def _other_dialect(text: str, body: str, dialect: Sign) -> Reason:
    other = "," if dialect == "." else "."
    return Reason(
        "E_SYNTAX",
        f"{excerpt(text)} is no price where {dialect!r} is the decimal sign: a group has three digits",
        f"write it with {dialect!r} as its decimal sign",
        None if _AMBIGUOUS(body) else other,
    )


def _too_precise(
    text: str, has: int, allowed: int, currency: str | None, proves: Sign | None, ambiguous: bool
) -> Reason:
    whose = f"{currency} has" if currency and exponent(currency) == allowed else "the database keeps"
    advice = "round it in the file: an import never rounds"
    if ambiguous:
        advice = (
            f"if its sign groups thousands, say --decimal {',' if '.' in text else '.'}; otherwise {advice}"
        )
    return Reason("E_DECIMALS", f"{excerpt(text)} has {has} decimals; {whose} {allowed}", advice, proves)


def refuse_decimals(amount: Decimal, currency: str) -> Reason | None:
    """The reason (`E_DECIMALS`) why `amount`, which is finite, is no price in `currency` without rounding."""
    digits = f"{amount:f}".partition(".")[2].rstrip("0")
    if len(digits) <= exponent(currency):
        return None
    return _too_precise(f"{amount:f}", len(digits), exponent(currency), currency, None, False)


def agree(
    cell_currency: str | None,
    column_currency: str | None,
    option_currency: str | None,
    product_currency: str | None,
) -> str | Reason:
    """The one currency that all four name, or `E_CURRENCY`. None and blanks name nothing.

    `$`, `kr`, `¥` and their like confirm one of their currencies and never name one.
    """
    named: dict[str, str] = {}
    confirmed: list[tuple[str, str]] = []
    expected = (product_currency or option_currency or "").strip(_AROUND).upper() or None
    for who, text in (
        ("the cell", cell_currency),
        ("the currency column", column_currency),
        ("--currency", option_currency),
        ("the product", product_currency),
    ):
        written = (text or "").strip(_AROUND)
        if not written:
            continue
        sign = read_sign(written, expected)
        if sign is None:
            return Reason(
                "E_CURRENCY", f"{who} has {excerpt(written)}, which is no currency", "write its ISO code"
            )
        if sign in CONFIRMING:
            confirmed.append((who, sign))
        else:
            named.setdefault(sign, who)
    if len(named) > 1:
        (one, says), (other, contradicts) = list(named.items())[:2]
        return Reason("E_CURRENCY", f"{says} says {one} and {contradicts} says {other}")
    for who, sign in confirmed:
        if not named:
            return Reason(
                "E_CURRENCY",
                f"{who} has {sign}, the sign of several currencies",
                "say which one, with --currency",
            )
        if not named.keys() & CONFIRMING[sign]:
            return Reason("E_CURRENCY", f"{who} has {sign}, which is no sign of {next(iter(named))}")
    if not named:
        return Reason("E_CURRENCY", "nothing says which currency this is", "say it with --currency")
    return next(iter(named))
