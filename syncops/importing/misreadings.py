"""What a price cell is, where it is no price: the sentence that an operator needs to put it right.

The rule: everything here is refused already; this module only finds the words, and never an amount.
"""

from __future__ import annotations

import re

from syncops.importing.rows import UNSEEN, Reason, excerpt

_NUMBER = r"(?:[0-9][0-9.,' \u00a0\u202f]*|\.[0-9]+)"
_MINUS = "-\u2212\u2013\u2010\u2011\uff0d"
_NAN = re.compile(r"[+-]?s?nan[0-9]*", re.I)
_INFINITY = re.compile(r"[+-]?(?:inf(?:inity)?|∞)", re.I)
_SCIENTIFIC = re.compile(r"[+-]?[0-9][0-9.,]*e[+-]?[0-9]+", re.I)
#: A currency around the number is looked past, so that "€-5" and "(5.00 EUR)" are what they are.
_CURRENCY = r"[^\W\d_]{0,5}\.?[$€£¥₽₹]?\s*"
_NEGATIVE = re.compile(
    rf"\(\s*{_CURRENCY}{_NUMBER}\s*{_CURRENCY}\)|{_CURRENCY}[{_MINUS}]\s*{_CURRENCY}{_NUMBER}\s*{_CURRENCY}"
    rf"|{_CURRENCY}{_NUMBER}(?<![.,])[{_MINUS}]\s*{_CURRENCY}"
)
_PLUS = re.compile(rf"{_CURRENCY}\+\s*{_CURRENCY}{_NUMBER}\s*{_CURRENCY}")
_CODED = re.compile(rf"([^\W\d_]{{3}})\s*{_NUMBER}|{_NUMBER}\s*([^\W\d_]{{3}})")


def explain(text: str) -> Reason:
    """Why `text`, which is no price by the grammar, is none."""
    shown = excerpt(text, 60)
    if _NAN.fullmatch(text):
        return _syntax(f"{shown} is not a number")
    if _INFINITY.fullmatch(text):
        return _syntax(f"{shown} is infinity, not a price")
    if text[0] in "=@":
        return _syntax(
            f"{shown} is a formula, not its value", "export the values of the sheet, not its formulas"
        )
    if any(not character.isascii() and character.isnumeric() for character in text):
        return _syntax(f"{shown} has digits other than 0-9", "write the price with the digits 0-9")
    if "_" in text:
        return _syntax(f"{shown} has an underscore", "leave the underscore out")
    if any(sign in text for sign in "%‰٪"):
        return _syntax(f"{shown} is a percentage, not a price")
    if _SCIENTIFIC.fullmatch(text):
        return _syntax(f"{shown} is in scientific notation", "write the price with all its digits")
    if _NEGATIVE.fullmatch(text):
        return Reason("E_NEGATIVE", f"{shown} is negative")
    if _PLUS.fullmatch(text):
        return _syntax(f"{shown} has a plus sign", "leave the sign out")
    if coded := _CODED.fullmatch(text):
        return Reason("E_CURRENCY", f"{shown}: {excerpt(coded[1] or coded[2])} is no ISO 4217 currency")
    if re.fullmatch(r"[.,][0-9]+|[0-9]+[.,]", text):
        return _syntax(f"{shown} has no digit on one side of its decimal sign", "write 0.50 or 5.00")
    if re.fullmatch(_NUMBER, text):
        return _syntax(f"{shown} is not grouped by threes with one and the same separator")
    if text.strip(UNSEEN).isalpha() or not any("0" <= character <= "9" for character in text):
        return _syntax(f"{shown} is text, not a price")
    return _syntax(
        f"{shown} is not a price", "write the digits and one decimal sign, with at most a currency beside"
    )


def _syntax(message: str, suggestion: str = "") -> Reason:
    return Reason("E_SYNTAX", message, suggestion)
