"""Blocks of rows in which nothing is out of the ordinary, judged column by column.

The rule: whatever is accepted here is what `RowStream` would have made of each row, to the character; a block
with one cell that is not plain is left to it. Most cells of most price lists are plain, and a column is judged
by one regular expression in a tenth of the time that its cells take one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import repeat
from typing import TYPE_CHECKING

from syncops.importing.money import Price
from syncops.importing.rows import Reason
from syncops.values import exponent

if TYPE_CHECKING:
    from syncops.importing.dialect import Dialect
    from syncops.importing.rows import Record
    from syncops.importing.staging import StagedRow

#: Rows that are judged at once: few enough for their cells to stay in the processor's cache.
BLOCK = 1000

#: Skus that `clean_sku` looks at twice: wrapped for a spreadsheet, or in scientific notation.
_UNUSUAL = re.compile(r"^=|^[0-9]+(?:[.,][0-9]+[eE][+-]?|[eE]\+)[0-9]{1,3}$", re.M).search

#: What a price with a point says about the decimal sign of its column, and how many of them are quoted.
_DOTTED = Price(Decimal(1), None, None, ".")
_REMEMBERED = 3


class _Places(dict[str, int]):
    """How many decimals a price needs, by its last three characters."""

    def __missing__(self, end: str) -> int:
        point = end.find(".")
        self[end] = found = 0 if point < 0 else len(end.rstrip("0")) - point - 1
        return found


class PlainRows:
    """Judges blocks of records of one table.

    `whole` is the most characters that a price may have, `sku` and `name` the most of those (name None: any).
    """

    def __init__(
        self, columns: Mapping[str, int], *, whole: int, places: int, sku: int, name: int | None
    ) -> None:
        self._sku, self._price = columns["sku"], columns["price"]
        self._currency, self._name = columns.get("currency"), columns.get("name")
        self._longest_name = name
        # ASCII that is printable and no blank. The price is one that `read_price` takes as it stands, without
        # leading zeros, and not zero; `{0,n}` leaves room for the decimals. Possessive, so never slow to fail.
        self._skus = re.compile(rf"(?:[!-~]{{1,{sku}}}+\n)*+").fullmatch
        self._prices = re.compile(
            rf"(?:(?:[1-9][0-9]{{0,{max(0, whole - 4)}}}+(?:\.[0-9]{{1,2}})?+|0\.(?:[1-9][0-9]?+|0[1-9]))\n)*+"
        ).fullmatch
        self._possible = places >= 2 and whole >= 4
        self._places = _Places()

    def read(
        self,
        records: Sequence[Record],
        dialect: Dialect,
        agreed: Callable[[str], str | Reason],
    ) -> Iterator[StagedRow] | None:
        """The staged rows of `records`, or None where one of them is not plain."""
        lines, cells, errors = zip(*records, strict=True)
        if not self._possible or dialect.sign == "," or any(errors):
            return None
        table = list(zip(*cells, strict=True))
        skus, prices = table[self._sku], table[self._price]
        names = [] if self._name is None else [name.strip() for name in table[self._name]]
        if not self._column(self._skus, skus) or not self._column(self._prices, prices):
            return None
        if _UNUSUAL("\n".join(skus)) or (
            self._longest_name and max(map(len, names), default=0) > self._longest_name
        ):
            return None
        stated = table[self._currency] if self._currency is not None else ("",) * len(lines)
        known = {cell: agreed(cell.strip().upper()) for cell in set(stated)}
        if not all(isinstance(each, str) and (not each or exponent(each) >= 2) for each in known.values()):
            return None
        self._witness(lines, prices, dialect)
        places = self._places
        return zip(
            lines,
            skus,
            prices,
            map(known.__getitem__, stated),
            names or repeat(""),
            [places[price[-3:]] for price in prices],
            repeat(""),
            repeat(""),
            repeat(""),
            strict=False,
        )

    def _column(self, judge: Callable[[str], object], cells: Sequence[str]) -> bool:
        text = "\n".join(cells) + "\n"
        # A line break inside a cell would pass for two cells.
        return judge(text) is not None and text.count("\n") == len(cells)

    def _witness(self, lines: Sequence[int], prices: Sequence[str], dialect: Dialect) -> None:
        """What the prices say about the decimal sign; the first ones are remembered with their lines."""
        dotted = "\n".join(prices).count(".")
        if dialect.counts["."] < _REMEMBERED:
            first = [(line, price) for line, price in zip(lines, prices, strict=True) if "." in price]
            for line, price in first[:_REMEMBERED]:
                dialect.note(line, price, _DOTTED)
                dotted -= 1
        dialect.counts["."] += dotted
