"""From records to staged rows: each cell cleaned, each price read, each refusal with its place.

The rule: a row is refused with all its errors at once, and a cell that is not understood is never improved.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from syncops.importing.currencies import CONFIRMING, read_sign
from syncops.importing.dialect import Dialect
from syncops.importing.keys import clean_sku
from syncops.importing.money import Price, agree, read_price, refuse_decimals
from syncops.importing.plain import BLOCK, PlainRows
from syncops.importing.reader import Table
from syncops.importing.rows import Reason, Record, RowError
from syncops.importing.staging import Staged, StagedRow, refused


@dataclass(frozen=True, slots=True)
class Limits:
    """What the columns of the database can hold."""

    sku: int = 255
    name: int | None = None
    digits: int = 14
    places: int = 4


@dataclass(slots=True)
class RowStream:
    """The staged rows of a table, once through."""

    table: Table
    dialect: Dialect
    limits: Limits
    currency: str | None = None  #: the operator's word for every row
    keep_raw: bool = False  #: keep the cells, for the rejects file
    progress: Callable[[int], None] = lambda _: None  #: is told how many rows were read
    read: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    signs: set[str] = field(default_factory=set)  #: currencies of rows that only the product's can settle
    _agreed: dict[tuple[str | None, str], str | Reason] = field(default_factory=dict)

    def __iter__(self) -> Iterator[StagedRow]:
        for block in self.blocks():
            yield from block

    def blocks(self) -> Iterator[Sequence[StagedRow]]:
        """The rows in blocks: those in which every row is plain at once, the others row by row."""
        plain = PlainRows(
            self.table.columns,
            whole=self.limits.digits - self.limits.places,
            places=self.limits.places,
            sku=self.limits.sku,
            name=self.limits.name,
        )
        records = iter(self.table)
        while block := list(islice(records, BLOCK)):
            self.read += len(block)
            rows = None if self.keep_raw else plain.read(block, self.dialect, self._stated)
            yield list(map(self._judged, block)) if rows is None else list(rows)
            self.progress(self.read)

    def _judged(self, record: Record) -> Staged:
        if record.error is None:
            return self._staged(record)
        return refused(record.line, [record.error], record.cells if self.keep_raw else None)

    def _staged(self, record: Record) -> Staged:
        columns, cells = self.table.columns, record.cells
        errors: list[RowError] = []
        sku = clean_sku(cells[columns["sku"]], max_length=self.limits.sku)
        if isinstance(sku, Reason):
            errors.append(self._placed(record, "sku", sku))
        elif sku[1] is not None:
            self.notes[sku[1].code] += 1
        cell = cells[columns["price"]]
        stated = cells[columns["currency"]].strip().upper() if "currency" in columns else ""
        known = self._agree(None, stated)
        price = read_price(
            cell,
            dialect=self.dialect.sign,
            currency=(known or None) if isinstance(known, str) else None,
            max_digits=self.limits.digits,
            places=self.limits.places,
        )
        self.dialect.note(record.line, cell, price)
        currency: str | Reason = known
        if isinstance(price, Price):
            if price.claim is not None:
                currency = self._agree(price.claim, stated)
                if (
                    isinstance(currency, str)
                    and currency
                    and (fine := refuse_decimals(price.amount, currency))
                ):
                    errors.append(self._placed(record, "price", fine))
        elif price.code != "F_DECIMAL":
            errors.append(self._placed(record, "price", price))
        if isinstance(currency, Reason):
            errors.append(self._placed(record, "currency" if "currency" in columns else "price", currency))
        name = cells[columns["name"]].strip() if "name" in columns else ""
        if self.limits.name is not None and len(name) > self.limits.name:
            reason = Reason("E_NAME", f"the name has {len(name)} characters; {self.limits.name} is the most")
            errors.append(self._placed(record, "name", reason))
        if errors:
            return refused(record.line, errors, cells if self.keep_raw else None)
        if not isinstance(price, Price) or isinstance(sku, Reason) or isinstance(currency, Reason):
            # An ambiguous price: the whole file is refused when it has been read, so the row is never used.
            return Staged(record.line, "", None, "", "", 0, "F_DECIMAL")
        text = str(price.amount)
        point = text.find(".")
        places = 0 if point < 0 else len(text.rstrip("0")) - point - 1
        raw = json.dumps(cells) if self.keep_raw else ""
        return Staged(record.line, sku[0], text, currency, name, places, "", "", raw)

    def _stated(self, stated: str) -> str | Reason:
        return self._agree(None, stated)

    def _agree(self, claim: str | None, stated: str) -> str | Reason:
        """The currency that the cell, the column and the operator name together, "" where none does."""
        if claim is None and not stated and self.currency is None:
            return ""
        key = (claim, stated)
        known = self._agreed.get(key)
        if known is None:
            known = agree(claim, stated or None, self.currency, None)
            if isinstance(known, Reason) and self.currency is None:
                known = self._shared(claim, stated) or known
            if len(self._agreed) < 1000:
                self._agreed[key] = known
        return known

    def _shared(self, claim: str | None, stated: str) -> str | None:
        """The sign of several currencies that is all that is named: the product's has to be one of them."""
        named = {read_sign(text) for text in (claim, stated) if text}
        sign = named.pop() if len(named) == 1 else None
        if sign is None or sign not in CONFIRMING:
            return None
        self.signs.add(sign)
        return sign

    def _placed(self, record: Record, field_name: str, reason: Reason) -> RowError:
        place = self.table.columns[field_name]
        return reason.at(record.line, self.table.header[place], record.cells[place])
