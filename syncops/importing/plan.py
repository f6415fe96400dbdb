"""The plan of an import: which rows would change what, found by one join, before the first write.

The rule: a preview and a write read the same table of differences, so a dry run lists exactly what the run then
does. What the database alone can know (twice in the file, unknown, another currency) is found here, set-based.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from unicodedata import normalize

from django.db import connections
from django.db.models import Func, TextField, Value
from django.db.models.functions import Cast

from syncops.errors import UsageError
from syncops.importing.currencies import CONFIRMING
from syncops.importing.staging import DIFF, SAMPLED, STAGING
from syncops.importing.target import Target
from syncops.values import EXPONENTS

#: More unknown skus than this part of the rows means that it is the wrong file.
UNKNOWN_SHARE = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One price that an import changes; `old` is None for a product that had none."""

    line: int
    sku: str
    old: Decimal | None
    new: Decimal
    currency: str


class Plan:
    """The differences between the staging table and the database."""

    def __init__(self, target: Target, store: str | None, using: str) -> None:
        self.target = target
        self.store = store
        self.using = using
        self.connection = connections[using]

    def confirm(self, signs: Iterable[str]) -> None:
        """Settle rows that name no currency but a sign that several share: the product's, where it has that sign."""
        current, params = self._current()
        for sign in signs:
            fitting = ", ".join(["%s"] * len(CONFIRMING[sign]))
            self._run(
                f"WITH cur (key, sku, price, currency, target) AS ({current})"
                f" UPDATE {STAGING} SET currency = cur.currency FROM cur"
                f" WHERE cur.sku = {STAGING}.sku AND {STAGING}.currency = %s AND {STAGING}.code = ''"
                f" AND cur.currency IN ({fitting})",
                [*params, sign, *sorted(CONFIRMING[sign])],
            )

    def collapse(self, dup: Literal["reject", "last"]) -> None:
        """Settle what stands in the file more than once: the same price collapses, different ones are refused."""
        if not self._doubled():
            return
        kept = "max(line)" if dup == "last" else "min(line)"
        conflict = "0" if dup == "last" else "count(DISTINCT price) + count(DISTINCT currency) > 2"
        flag = f"CASE WHEN {conflict} THEN 1 ELSE 0 END" if dup == "reject" else conflict
        self._run(
            f"""
            WITH doubled AS (
                SELECT sku, {kept} AS kept, {flag} AS differs
                FROM {STAGING} WHERE code = '' GROUP BY sku HAVING count(*) > 1
            )
            UPDATE {STAGING} SET code = CASE WHEN d.differs = 1 THEN 'E_DUP' ELSE 'W_DUP' END
            FROM doubled AS d
            WHERE d.sku = {STAGING}.sku AND {STAGING}.code = ''
              AND (d.differs = 1 OR {STAGING}.line <> d.kept)
            """
        )

    def _doubled(self) -> bool:
        """Whether a sku may stand in the file more than once.

        PostgreSQL sorts numbers of eight bytes in a third of the time that it takes to group texts; should two
        skus share one, nothing is found to be settled.
        """
        if self._postgresql:
            doubled = "count(*) > count(DISTINCT hashtextextended(sku, 0))"
            return bool(self._row(f"SELECT {doubled} FROM {STAGING} WHERE code = ''")[0])
        return self._one(f"SELECT 1 FROM {STAGING} WHERE code = '' GROUP BY sku HAVING count(*) > 1 LIMIT 1")

    def compare(self) -> None:
        """Make the table of differences: rows that would change something, and rows of unknown skus."""
        current, params = self._current()
        if not self.target.unique_sku(in_one_store=self.store is not None):
            self._refuse_ambiguous(current, params)
        differs = "IS DISTINCT FROM" if self._postgresql else "IS NOT"
        join, strangers = f"{STAGING} AS s LEFT JOIN cur AS c ON c.sku = s.sku", ""
        if not self._postgresql:
            # Without statistics SQLite takes a store to have ten products, and a LEFT JOIN would then look at
            # all of them for every row. It looks for each product's row instead, which the staging table keys.
            join = f"cur AS c CROSS JOIN {STAGING} AS s ON s.sku = c.sku"
            strangers = (
                "UNION ALL SELECT s.line, s.sku, s.name, s.places, s.price, s.currency, NULL, NULL, NULL, ''"
                f" FROM {STAGING} AS s WHERE s.code = '' AND s.sku NOT IN"
                " (SELECT sku FROM cur WHERE sku IS NOT NULL)"
            )
        self._run(
            f"""
            CREATE TEMPORARY TABLE {DIFF} AS
            WITH cur (key, sku, price, currency, target) AS ({current})
            SELECT s.line, s.sku, s.name, s.places AS decimals, s.price AS new_price,
                   CASE WHEN s.currency = '' THEN coalesce(c.currency, '') ELSE s.currency END AS new_currency,
                   c.key, c.target, c.price AS old_price, coalesce(c.currency, '') AS old_currency
            FROM {join}
            WHERE s.code = '' AND (
                c.key IS NULL OR c.price {differs} s.price
                OR (s.currency <> '' AND s.currency <> coalesce(c.currency, '')))
            {strangers} ORDER BY target
            """,
            params,
        )
        if self._postgresql:
            # All that PostgreSQL must know is how many rows there are, each of a product of its own.
            columns = ("key", "target")
            sampled = ", ".join(f"ALTER COLUMN {column} SET STATISTICS {SAMPLED}" for column in columns)
            self._run(f"ALTER TABLE {DIFF} {sampled}")
            self._run(f"ANALYZE {DIFF} ({', '.join(columns)})")

    def refuse(self, *, unknown: Literal["reject", "ignore", "create"]) -> None:
        """Take out of the differences what cannot be applied, and say why in the staging table."""
        other = "key IS NOT NULL AND old_currency <> '' AND new_currency <> old_currency"
        none = ", ".join(f"'{sign}'" for sign in ("", *CONFIRMING))
        nameless = f"new_currency IN ({none}) AND ({'1 = 1' if unknown == 'create' else 'key IS NOT NULL'})"
        cases = " ".join(f"WHEN '{code}' THEN {places}" for code, places in EXPONENTS.items())
        listed = ", ".join(f"'{code}'" for code in EXPONENTS)
        precise = (
            f"decimals > CASE WHEN new_currency IN ({listed}) THEN CASE new_currency {cases} END ELSE 2 END"
        )
        self._take_out("E_CURRENCY", f"({other}) OR ({nameless})")
        self._take_out("E_DECIMALS", f"({precise}) AND new_currency <> ''")
        self._take_out_homeless()
        if unknown != "create":
            self._take_out("E_UNKNOWN_SKU" if unknown == "reject" else "W_UNKNOWN_SKU", "key IS NULL")

    def counts(self) -> tuple[int, int]:
        """How many rows change a product, and how many would create one."""
        found = self._row(f"SELECT count(key), count(*) - count(key) FROM {DIFF}")
        return int(found[0]), int(found[1])

    def changes(self, *, limit: int | None = None) -> Iterator[PriceChange]:
        """What would change, in the order of the file."""
        bound = "" if limit is None else f" LIMIT {int(limit)}"
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT line, sku, old_price, new_price, new_currency FROM {DIFF} ORDER BY line{bound}"
            )
            while rows := cursor.fetchmany(2000):
                for line, sku, old, new, currency in rows:
                    yield PriceChange(line, sku, _money(old), _money(new) or Decimal(0), currency)

    def suggestion(self, sku: str) -> str:
        """The one sku that an unknown one may have been meant as. Never taken.

        It differs in case, in how its accents are written, or in leading zeros, which spreadsheets lose.
        """
        path, bare = self.target.source.sku, sku.lstrip("0")
        if not isinstance(path, str) or not bare:
            return ""
        stripped = Func(Cast(path, TextField()), Value("0"), function="LTRIM", output_field=TextField())
        products = self._products().annotate(syncops_bare=stripped)
        near = {
            str(each)
            for wanted in {normalize("NFC", bare), normalize("NFD", bare)}
            for each in products.filter(syncops_bare__iexact=wanted).values_list(path, flat=True)[:2]
        }
        return near.pop() if len(near) == 1 else ""

    def _take_out_homeless(self) -> None:
        """Products without a price, and without the row that a price would hang on."""
        target = self.target
        if not target.prefix or target.parent_is_product:
            return
        homeless, params = "key IS NOT NULL AND target IS NULL", ()
        if target.link is not None:
            products = target.source.model._base_manager.using(self.using).order_by()
            rows = products.filter(**{f"{target.parent}__isnull": False}).values("pk")
            able, params = rows.query.get_compiler(self.using).as_sql()
            homeless += f" AND key NOT IN ({able})"
        self._take_out("E_NO_PRICE", homeless, params)

    def _take_out(self, code: str, condition: str, params: tuple[Any, ...] = ()) -> None:
        if not self._one(f"SELECT 1 FROM {DIFF} WHERE {condition} LIMIT 1", params):
            return
        self._run(
            f"UPDATE {STAGING} SET code = %s FROM {DIFF} AS d"
            f" WHERE d.sku = {STAGING}.sku AND d.line = {STAGING}.line AND ({condition})",
            [code, *params],
        )
        self._run(f"DELETE FROM {DIFF} WHERE {condition}", params)

    def _products(self) -> Any:
        source = self.target.source
        products = source.queryset(self.using)
        return products if self.store is None else source.in_store(products, self.store, self.using)

    def _current(self) -> tuple[str, tuple[Any, ...]]:
        """The products as the database has them: key, sku, price, currency, key of the price's row."""
        source, target = self.target.source, self.target
        rows = (
            self._products()
            .order_by()
            .values_list("pk", target.sku, source.price, source.currency, target.key)
        )
        sql, params = rows.query.get_compiler(self.using).as_sql()
        return sql, params

    def _refuse_ambiguous(self, current: str, params: tuple[Any, ...]) -> None:
        found = self._row(
            f"""
            WITH cur (key, sku, price, currency, target) AS ({current})
            SELECT s.sku FROM {STAGING} AS s JOIN cur AS c ON c.sku = s.sku
            WHERE s.code = '' GROUP BY s.sku, s.line HAVING count(DISTINCT c.key) > 1 ORDER BY s.sku LIMIT 1
            """,
            params,
        )
        if found:
            raise UsageError(
                f"The sku {found[0]} names more than one product",
                hint="Name the store that the price list is for: --store SLUG",
            )

    def _run(self, sql: str, params: Any = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)

    def _row(self, sql: str, params: Any = None) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchone()

    def _one(self, sql: str, params: Any = None) -> bool:
        return self._row(sql, params) is not None

    @property
    def _postgresql(self) -> bool:
        return self.connection.vendor == "postgresql"


def _money(value: Any) -> Decimal | None:
    """A price out of a temporary table: SQLite hands over what it stored, and that may be a float."""
    return None if value is None else Decimal(str(value))
