"""How people write currencies in a price list.

The rule: a sign that several currencies share names none of them; it can only confirm one that is known from
elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LISTED = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
    LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB
    PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF
    YER ZAR ZMW ZWG
"""
#: Alphabetic codes of ISO 4217, list one (currencies that are paid with; no metals, funds or test codes).
CODES = frozenset(_LISTED.split())

#: Signs of one currency, case-folded.
NAMING: Mapping[str, str] = {
    "€": "EUR", "£": "GBP", "zł": "PLN", "zl": "PLN", "kč": "CZK", "ft": "HUF", "лв": "BGN",
    "лв.": "BGN", "₽": "RUB", "₴": "UAH", "₺": "TRY", "₹": "INR", "₪": "ILS", "₫": "VND", "฿": "THB",
    "₱": "PHP", "₦": "NGN", "₡": "CRC", "₲": "PYG", "₸": "KZT", "₾": "GEL", "₼": "AZN", "r$": "BRL",
    "us$": "USD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD",
    "nt$": "TWD", "mx$": "MXN", "sfr": "CHF", "sfr.": "CHF",
    "руб": "RUB", "руб.": "RUB",
}  # fmt: skip

_CROWNS = frozenset(("DKK", "ISK", "NOK", "SEK"))
_FRANCS = frozenset(("CHF", "XAF", "XOF", "XPF"))
_YEN = frozenset(("CNY", "JPY"))
_DOLLARS = """
    ARS AUD BBD BMD BND BOB BRL BSD BZD CAD CLP COP CUP CVE DOP FJD GYD HKD JMD KYD LRD MOP MXN NAD NIO NZD
    SBD SGD SRD TOP TTD TWD USD UYU WST XCD ZWG
"""

#: Signs that several currencies share, case-folded.
CONFIRMING: Mapping[str, frozenset[str]] = {
    "$": frozenset(_DOLLARS.split()), "¥": _YEN, "￥": _YEN,
    "kr": _CROWNS, "kr.": _CROWNS, "fr": _FRANCS, "fr.": _FRANCS,
    "lei": frozenset(("RON", "MDL")), "₩": frozenset(("KRW", "KPW")),
    "rs": frozenset(("INR", "LKR", "MUR", "NPR", "PKR", "SCR")),
}  # fmt: skip


def read_sign(text: str, expected: str | None = None) -> str | None:
    """The ISO code that `text` names, the shared sign that it is, or None where it is no currency.

    A code that ISO does not list is one all the same where it is the `expected` one.
    """
    sign = text.casefold()
    if sign in CONFIRMING:
        return sign
    if sign in NAMING:
        return NAMING[sign]
    code = text.upper()
    return code if text.isascii() and (code in CODES or (expected is not None and code == expected)) else None
