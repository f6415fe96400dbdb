"""The SKU of a row, as the file means it.

The rule: a SKU is compared exactly. What is put right here is only what a spreadsheet put around it, and it
is always told.
"""

from __future__ import annotations

import re

from syncops.importing.rows import UNSEEN, Note, Reason, excerpt

_WRAPPED = re.compile(r'="([^"]*)"').fullmatch
# A whole mantissa needs the plus sign: 12E5 and 1E-05 are SKUs that exist.
_SCIENTIFIC = re.compile(r"[0-9]+(?:[.,][0-9]+[eE][+-]?|[eE]\+)[0-9]{1,3}").fullmatch


def clean_sku(cell: str, *, max_length: int = 255) -> tuple[str, Note | None] | Reason:
    """The SKU in `cell` and what was put right in it, or why it is refused (`E_SKU`).

    Notes: `W_UNWRAPPED` for `="00123"`, `W_TRIMMED` for white space and zero-width characters around it.
    `max_length` is in characters.
    """
    sku = cell.strip(UNSEEN)
    note: Note | None = None
    if sku is not cell and sku != cell:
        note = Note("W_TRIMMED", f"white space around {excerpt(sku)} was left out")
    if sku.startswith("=") and (wrapped := _WRAPPED(sku)):
        sku = wrapped[1].strip(UNSEEN)
        note = Note("W_UNWRAPPED", f"{excerpt(cell)} was read as {excerpt(sku)}")
    if not sku:
        return Reason("E_SKU", "the SKU is empty")
    if len(sku) > max_length:
        return Reason("E_SKU", f"the SKU has {len(sku)} characters; {max_length} is the most")
    if _SCIENTIFIC(sku):
        return Reason(
            "E_SKU",
            f"{excerpt(sku)} is a number that a spreadsheet put into scientific notation: digits are lost",
            "format the SKU column as text and export again",
        )
    return sku, note
