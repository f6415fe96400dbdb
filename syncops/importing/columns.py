"""The names that columns go by, and the fields they stand for.

The rule: a name means a field only if it is listed here or the operator maps it; what merely looks like one
is suggested and never taken.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING

from syncops.errors import UsageError
from syncops.importing.rows import UNSEEN, excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Other names of a field, as `fold` leaves them. A name that could mean another price (list price, cost,
#: sale price) is not here on purpose: the operator says it with --map.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "sku": (
        "sku", "item sku", "seller sku", "product sku", "variant sku", "sku code", "article",
        "article number", "article no", "artikel", "artikelnummer", "artikel nummer", "artikelnr",
        "artikel nr", "art nr", "item number", "référence article", "numéro d'article",
    ),
    "price": (
        "price", "unit price", "amount", "preis", "einzelpreis", "stückpreis", "prix", "prix unitaire",
        "precio", "prezzo", "prijs", "pris", "cena",
    ),
    "currency": (
        "currency", "currency code", "price currency", "währung", "waehrung", "währungscode", "devise",
        "moneda", "valuta", "waluta",
    ),
    "name": (
        "name", "product name", "item name", "title", "bezeichnung", "artikelbezeichnung", "produktname",
        "nom", "nombre", "nome", "naam",
    ),
}  # fmt: skip
_FIELD_OF = {alias: field for field, aliases in ALIASES.items() for alias in aliases}


def fold(name: str) -> str:
    """A column's name as it is compared: trimmed, case-folded, with blanks, underscores and hyphens alike."""
    plain = unicodedata.normalize("NFC", name.strip(UNSEEN)).casefold()
    return re.sub(r"[\s_.\-\u2010\u2011]+", " ", plain).strip()


def read_mapping(mapping: Mapping[str, str]) -> dict[str, str]:
    """`mapping` with its headers folded. UsageError for an unknown field, or one that is given twice."""
    folded: dict[str, str] = {}
    for name, field in mapping.items():
        if field not in ALIASES:
            raise UsageError(f"there is no field {excerpt(field)}", hint=f"fields: {', '.join(ALIASES)}")
        if field in folded.values() or fold(name) in folded:
            raise UsageError(f"--map gives {excerpt(field)} or {excerpt(name)} twice")
        folded[fold(name)] = field
    return folded


def field_of(name: str, mapped: Mapping[str, str]) -> str | None:
    """The field of a folded name; a field that is mapped has no aliases any more."""
    if name in mapped:
        return mapped[name]
    field = _FIELD_OF.get(name)
    return None if field in mapped.values() else field


def nearest(names: Sequence[str], aliases: Sequence[str]) -> list[str]:
    """At most three of `names` that contain one of `aliases` or are spelt nearly like one."""

    def likeness(name: str) -> float:
        folded = fold(name)[:80]
        if any(alias in folded for alias in aliases):
            return 1.0
        return max(difflib.SequenceMatcher(None, folded, alias).ratio() for alias in aliases)

    rated = sorted(((likeness(name), -at) for at, name in enumerate(names[:200])), reverse=True)
    return [names[-at] for rating, at in rated[:3] if rating >= 0.6]
