"""Applying a plan: prices, PriceEdits and Changes in one transaction.

The rule: all or nothing. Rows are locked in the order of their keys, so two imports never deadlock each other,
and a price that somebody changed since the plan was made is left alone and counted as stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from syncops import outbox, sources, sql
from syncops.importing.plan import Plan
from syncops.importing.staging import DIFF
from syncops.importing.target import Target
from syncops.models import PriceEdit, Run, Store
from syncops.sources import Row, Source
from syncops.values import Reason

#: Milliseconds that a row may be locked by somebody else before the import gives up (PostgreSQL).
LOCK_TIMEOUT = 10_000

#: Rows that are made or saved at once.
BATCH = 2000


@dataclass(slots=True)
class Applied:
    """What was written."""

    created: int = 0
    changed: int = 0
    stale: int = 0
    marked: Mapping[str, int] = field(default_factory=dict)


class Writer:
    """Writes one plan under one Run."""

    def __init__(self, plan: Plan, run: Run) -> None:
        self.target: Target = plan.target
        self.source: Source = plan.target.source
        self.store = plan.store
        self.using = plan.using
        self.run = run
        self.connection = connections[plan.using]

    def write(self, *, create: bool) -> Applied:
        """Write everything in the transaction that is open; the caller commits it."""
        applied = Applied()
        marked: dict[str, int] = {}
        if self._postgresql:
            self._execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
        if not self._lock():
            applied.stale = self._drop_stale()
        applied.changed = self._update() if self.target.set_based else self._save_each()
        applied.changed += self._add_prices()
        if create:
            applied.stale += self._drop_known()
            applied.created = self._create()
        self._note_edits()
        # What goes through `save()` is marked by the receivers too; these Changes say which run it was.
        for label, keys in self._touched():
            counts = outbox.mark_keys(
                keys, source=sources.get(label), reason=Reason.IMPORT, run=self.run.pk, using=self.using
            )
            for store, count in counts.items():
                marked[store] = marked.get(store, 0) + count
        applied.marked = marked
        return applied

    def _create(self) -> int:
        """Make the products of unknown skus, in batches, by the Source's own hand."""
        count = 0
        owner = Store.objects.using(self.using).get(pk=self.store)
        for batch in self._batches("sku, name, new_price, new_currency", "key IS NULL", order="sku"):
            rows = [Row(sku, name, self._decimal(price), currency) for sku, name, price, currency in batch]
            self.source.create(rows, owner, self.using)
            count += len(rows)
        if count:
            self._place_created()
        return count

    def _place_created(self) -> None:
        """Tell the differences which products were made for them; they had no price before."""
        select, params = self._compiled(self._in_store().values_list("pk", self.target.sku, self.target.key))
        self._execute(
            f"WITH made (key, sku, target) AS ({select}) UPDATE {DIFF} SET key = made.key, target = made.target"
            f" FROM made WHERE made.sku = {DIFF}.sku AND {DIFF}.key IS NULL",
            params,
        )

    def _drop_known(self) -> int:
        """Leave out skus that were unknown and that somebody else has made since the plan."""
        select, params = self._compiled(self._in_store().values_list(self.target.sku))
        return self._execute(f"DELETE FROM {DIFF} WHERE key IS NULL AND sku IN ({select})", params)

    def _lock(self) -> bool:
        """Lock the rows that will be written, in the order of their keys. Says whether all are as the plan saw them.

        PostgreSQL reads a row anew when it has waited for its lock, so what is counted is what is locked.
        """
        if not self._postgresql:
            return False
        locked = (
            f"SELECT count(*) FROM (SELECT 1 FROM {self._table} AS t JOIN {DIFF} AS d ON t.{self._pk} = d.target"
            f" %s ORDER BY t.{self._pk} FOR UPDATE OF t) AS locked"
        )
        wanted = self._one(f"SELECT count(target) FROM {DIFF}")
        if self._one(locked % f"WHERE {self._same}") == wanted and not self._priceless():
            return True
        self._one(locked % "")
        return False

    @property
    def _same(self) -> str:
        """A row `t` is as the plan saw it, in `d`."""
        equals = "IS NOT DISTINCT FROM" if self._postgresql else "IS"
        same = f"t.{self._quote(self.target.price.column)} {equals} d.old_price"
        if self.target.currency is not None:
            same += f" AND coalesce(t.{self._quote(self.target.currency.column)}, '') = d.old_currency"
        return same

    def _priceless(self) -> bool:
        """Whether the plan gives a price to products that had none."""
        return bool(self._one(f"SELECT count(*) FROM {DIFF} WHERE target IS NULL AND key IS NOT NULL"))

    def _drop_stale(self) -> int:
        """Leave out what somebody else wrote, or deleted, since the plan was made."""
        changed = self._execute(
            f"DELETE FROM {DIFF} AS d WHERE d.target IS NOT NULL AND NOT EXISTS ("
            f"SELECT 1 FROM {self._table} AS t WHERE t.{self._pk} = d.target AND {self._same})"
        )
        if not self.target.prefix:
            return changed
        bare = self._products().filter(**{f"{self.target.key}__isnull": True}).values("pk")
        select, params = self._compiled(bare)
        return changed + self._execute(
            f"DELETE FROM {DIFF} WHERE target IS NULL AND key IS NOT NULL AND key NOT IN ({select})", params
        )

    def _update(self) -> int:
        assignments = [f"{self._quote(self.target.price.column)} = d.new_price"]
        if self.target.currency is not None:
            assignments.append(f"{self._quote(self.target.currency.column)} = d.new_currency")
        stamps = self.target.stamps
        assignments += [f"{self._quote(stamp.column)} = %s" for stamp in stamps]
        now = timezone.now()
        return self._execute(
            f"UPDATE {self._table} SET {', '.join(assignments)} FROM {DIFF} AS d"
            f" WHERE {self._table}.{self._pk} = d.target",
            [stamp.get_db_prep_save(stamp.to_python(now), self.connection) for stamp in stamps],
        )

    def _add_prices(self) -> int:
        """Give a price to products that had none."""
        target, count = self.target, 0
        if target.link is None:
            return 0
        condition = "target IS NULL AND key IS NOT NULL"
        for batch in self._batches("key, new_price, new_currency", condition, order="key"):
            parents = self._parents([key for key, _, _ in batch])
            rows = [
                target.model(
                    **{target.link.attname: parent, target.price.name: self._decimal(price)},
                    **({target.currency.name: currency} if target.currency is not None else {}),
                )
                for parent, (_, price, currency) in zip(parents, batch, strict=True)
            ]
            if target.set_based:
                target.model._base_manager.using(self.using).bulk_create(rows)
            else:
                for row in rows:
                    row.save(using=self.using)
            count += len(rows)
        if count:
            select, params = self._compiled(self._products().values_list("pk", target.key))
            self._execute(
                f"WITH made (key, target) AS ({select}) UPDATE {DIFF} SET target = made.target"
                f" FROM made WHERE made.key = {DIFF}.key AND {DIFF}.target IS NULL",
                params,
            )
        return count

    def _parents(self, keys: list[Any]) -> list[Any]:
        """What the rows of these products point back to."""
        if self.target.parent_is_product:
            return keys
        found = self._products().filter(pk__in=keys).values_list("pk", self.target.parent)
        known = {self.source.key_text(key, self.using): parent for key, parent in found}
        return [known[self.source.key_text(key, self.using)] for key in keys]

    def _save_each(self) -> int:
        """Where a model has a `save()` of its own, go through it."""
        count, pk = 0, self.target.model._meta.pk
        rows = self.target.model._base_manager.using(self.using)
        price, currency = self.target.price.name, self.target.currency
        columns = "target, new_price, new_currency"
        for batch in self._batches(columns, "target IS NOT NULL", order="target"):
            found = rows.in_bulk([key for key, _, _ in batch])
            for key, new, code in batch:
                # SQLite hands over a uuid as it stores it.
                instance = found[pk.to_python(key)]
                setattr(instance, price, self._decimal(new))
                if currency is not None:
                    setattr(instance, currency.name, code)
                instance.save(using=self.using)
            count += len(batch)
        return count

    def _note_edits(self) -> None:
        names = ("run", "source", "ref", "line", "old_price", "old_currency", "new_price", "new_currency")
        columns = ", ".join(sql.column(PriceEdit, name, self.connection) for name in names)
        self._execute(
            f"INSERT INTO {sql.table(PriceEdit, self.connection)} ({columns})"
            f" SELECT {self._cast('bigint')}, {self._cast('text')}, CAST(d.key AS text), d.line,"
            " d.old_price, d.old_currency, d.new_price, d.new_currency"
            f" FROM {DIFF} AS d WHERE d.key IS NOT NULL",
            [self.run.pk, self.source.label],
        )

    def _touched(self) -> Iterator[tuple[str, Any]]:
        """The keys of the products of every Source that watches what was written, as its receivers find them."""
        yield self.source.label, RawSQL(f"SELECT key FROM {DIFF} WHERE key IS NOT NULL", ())
        for source in sources.all():
            for watch in source.watch:
                if source is not self.source and self.target.watched_by(watch):
                    rows = self.target.model._base_manager.using(self.using)
                    written = RawSQL(f"SELECT target FROM {DIFF} WHERE target IS NOT NULL", ())
                    yield source.label, rows.filter(pk__in=written).values(watch.product or "pk")

    def _batches(self, columns: str, condition: str, *, order: str) -> Iterator[list[Any]]:
        """Rows of the differences in batches, in the order of a unique column: that of every other import."""
        after: list[Any] = []
        while True:
            further = f" AND {order} > %s" if after else ""
            with self.connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {columns}, {order} FROM {DIFF} WHERE {condition}{further}"
                    f" ORDER BY {order} LIMIT {BATCH}",
                    after,
                )
                rows = cursor.fetchall()
            if not rows:
                return
            after = [rows[-1][-1]]
            yield [row[:-1] for row in rows]

    def _products(self) -> QuerySet[Any]:
        return self.source.model._base_manager.using(self.using).order_by()

    def _in_store(self) -> QuerySet[Any]:
        products = self.source.queryset(self.using)
        return self.source.in_store(products, str(self.store), self.using).order_by()

    def _compiled(self, rows: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
        sql, params = rows.query.get_compiler(self.using).as_sql()
        return sql, tuple(params)

    def _execute(self, statement: str, params: Sequence[Any] = ()) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, params)
            return int(cursor.rowcount)

    def _one(self, statement: str) -> Any:
        """The one value that a query finds."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]

    def _decimal(self, value: Any) -> Decimal:
        """A price out of a temporary table, at the scale of its column."""
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-self.target.price.decimal_places))

    def _cast(self, kind: str) -> str:
        return f"%s::{kind}" if self._postgresql else "%s"

    def _quote(self, name: str) -> str:
        return self.connection.ops.quote_name(name)

    @property
    def _table(self) -> str:
        return sql.table(self.target.model, self.connection)

    @property
    def _pk(self) -> str:
        return sql.column(self.target.model, self.target.model._meta.pk.name, self.connection)

    @property
    def _postgresql(self) -> bool:
        return self.connection.vendor == "postgresql"
