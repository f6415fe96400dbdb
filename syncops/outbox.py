"""The outbox: mark, pending, settle. The only writer of Change.

The rule: a Change is appended in the transaction of the change it speaks of, by one INSERT … SELECT that
asks the database which stores the product is in; it is deleted by exactly the ids that were read before the
price was. Never by "id <= last": a lower id can commit later.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import Count, F, Min, Model, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast

from syncops import sources
from syncops.models import Change, Store
from syncops.sql import AnyOf, array, column, table
from syncops.values import Reason, Ref

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: A model whose rows lead to products, and the path from there.
Origin = tuple[type[Model], str]

#: Stands in a compiled statement for the keys that come with each call.
_KEYS = object()

#: So many keys at most come back to be counted here.
FEW = 100


@dataclass(slots=True)
class Marks:
    """Refs that are to be marked.

    `found` are keys from which the database finds the products and their stores: of the products themselves
    (origin None), or of another model with the path from there. `placed` are (store, source, product key) known
    by value, because the database will no longer tell.
    """

    found: dict[tuple[str, Origin | None], set[Any]] = field(default_factory=dict)
    placed: set[tuple[str, str, Any]] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.found or self.placed)

    def add(self, label: str, keys: Iterable[Any], origin: Origin | None = None) -> None:
        """Add keys of a source's products, or of rows of another model that leads to them."""
        known = self.found.get((label, origin))
        if known is None:
            known = self.found[label, origin] = set()
        known.update(keys)

    def absorb(self, other: Marks) -> None:
        """Take over what `other` holds, and leave it empty."""
        for (label, origin), keys in other.found.items():
            self.add(label, keys, origin)
        self.placed |= other.placed
        other.found, other.placed = {}, set()


@dataclass(frozen=True, slots=True)
class Waiting:
    """One ref that is marked, with every Change id that was read for it."""

    ref: Ref
    ids: tuple[int, ...]
    reason: str
    since: datetime


def mark(
    marks: Marks, *, reason: Reason = Reason.CHANGE, run: int | None = None, using: str
) -> Mapping[str, int]:
    """Append the Changes of `marks` in the transaction that is open on `using`, by one statement.

    Returns how many were appended for each store; a store that is switched off gets none.
    """
    connection = connections[using]
    selects: list[str] = []
    values: list[Any] = []
    keys_in_all = len(marks.placed)
    for (label, origin), keys in marks.found.items():
        prepared = _prepared(label, origin, keys, connection)
        if not prepared:
            continue
        one = len(prepared) == 1
        keys_in_all += len(prepared)
        sql, params = _found_sql(label, origin, using, one=one)
        value = prepared[0] if one else array(prepared, connection)
        selects.append(sql)
        values += (reason.value, run, label, *(value if each is _KEYS else each for each in params))
    if marks.placed:
        sql, given = _placed_sql(marks.placed, connection)
        selects.append(sql)
        values += (reason.value, run, *given)
    if not selects:
        return {}
    return _append(" UNION ALL ".join(selects), values, connection, few=keys_in_all <= FEW)


def mark_products(
    products: QuerySet[Any],
    *,
    source: sources.Source,
    reason: Reason = Reason.MANUAL,
    run: int | None = None,
    using: str,
) -> Mapping[str, int]:
    """Append a Change for each store of each product of a queryset, set-based."""
    return mark_keys(products.order_by().values("pk"), source=source, reason=reason, run=run, using=using)


def mark_keys(
    keys: Any, *, source: sources.Source, reason: Reason, run: int | None = None, using: str
) -> Mapping[str, int]:
    """Append a Change for each store of each product whose key is among `keys`: a queryset of one column, or SQL."""
    return _append_rows(_placements(source, using).filter(pk__in=keys), source, reason, run, using)


def mark_all(store: str, *, reason: Reason = Reason.RESYNC, run: int | None = None, using: str) -> int:
    """Append a Change for every product of a store, of every source, by one statement each."""
    rows = ((source, _placements(source, using, store=store)) for source in sources.all())
    return sum(_append_rows(each, source, reason, run, using).get(store, 0) for source, each in rows)


def drop(store: str, *, using: str) -> int:
    """Delete what is waiting for a store that was switched off. Returns the number of Changes."""
    return Change.objects.using(using).filter(store=store).delete()[0]


def pending(store: str, *, rows: int, after: int = 0, using: str) -> list[Waiting]:
    """The refs in the oldest `rows` Changes of a store, oldest first, each with its ids among them.

    `after` goes on behind that id, which a preview needs; a lane settles what it read and starts again.
    """
    changes = (
        Change.objects.using(using)
        .filter(store=store, id__gt=after)
        .order_by("id")
        .values_list("source", "ref", "id", "reason", "created")[:rows]
    )
    found: dict[Ref, list[tuple[int, str, datetime]]] = {}
    for source, key, number, reason, created in changes:
        found.setdefault(Ref(source, key), []).append((number, reason, created))
    return [
        Waiting(ref, tuple(each[0] for each in seen), seen[0][1], seen[0][2]) for ref, seen in found.items()
    ]


def settle(ids: Collection[int], *, using: str) -> int:
    """Delete exactly these Changes. Returns how many there still were."""
    if not ids:
        return 0
    connection = connections[using]
    one = AnyOf(F("pk"), array(list(ids), connection))
    return Change.objects.using(using).filter(one).delete()[0]


def depth(*, using: str) -> dict[str, tuple[int, datetime]]:
    """For each store that has something waiting: the number of refs, and since when the oldest waits."""
    rows = (
        Change.objects.using(using)
        .values("store")
        .annotate(refs=Count("ref", distinct=True), oldest=Min("created"))
        .values_list("store", "refs", "oldest")
    )
    return {store: (refs, oldest) for store, refs, oldest in rows}


def _placements(source: sources.Source, using: str, *, store: str | None = None) -> QuerySet[Any]:
    """Rows of (store, ref) for the products of a source, in the stores that are switched on."""
    inside = {f"{source.store}__sync_prices": True} | ({} if store is None else {source.store: store})
    rows = source.model._base_manager.using(using).filter(**inside).order_by()
    rows = rows.values_list(f"{source.store}__pk", Cast("pk", TextField()))
    return rows.distinct() if source.to_many else rows


def _shaped(sql: str, connection: BaseDatabaseWrapper) -> str:
    """A compiled query of (store, ref) as one of (reason, run, label, store, ref); the first three are parameters."""
    given = "%s::text, %s::bigint, %s::text" if connection.vendor == "postgresql" else "%s, %s, %s"
    kind = "SELECT DISTINCT " if sql.startswith("SELECT DISTINCT ") else "SELECT "
    return f"{kind}{given}, {sql[len(kind) :]}"


@cache
def _found_sql(label: str, origin: Origin | None, using: str, *, one: bool) -> tuple[str, tuple[Any, ...]]:
    """The statement that places the products which keys lead to, compiled once and kept as text."""
    connection, source = connections[using], sources.get(label)
    chosen: Any = AnyOf(F("pk"), _KEYS, one=one)
    if origin is not None:
        model, path = origin
        chosen = Q(pk__in=model._base_manager.using(using).filter(chosen).values(path))
    if one and origin is None and not source.to_many:
        # For one product the toggle is looked up, not joined: PostgreSQL takes longer to plan a join than to
        # run this.
        toggle = Store._base_manager.filter(pk=OuterRef(source.store)).values("sync_prices")
        rows = source.model._base_manager.using(using).filter(chosen).filter(Subquery(toggle))
        rows = rows.order_by().values_list(f"{source.store}__pk", Cast("pk", TextField()))
    else:
        rows = _placements(source, using).filter(chosen)
    sql, params = rows.query.get_compiler(using).as_sql()
    return _shaped(sql, connection), params


def _prepared(
    label: str, origin: Origin | None, keys: Iterable[Any], connection: BaseDatabaseWrapper
) -> list[Any]:
    model = sources.get(label).model if origin is None else origin[0]
    prepare = model._meta.pk.get_db_prep_value
    return [prepare(key, connection) for key in keys]


def _placed_sql(
    placed: Iterable[tuple[str, str, Any]], connection: BaseDatabaseWrapper
) -> tuple[str, Sequence[Any]]:
    rows = sorted(
        (store, label, sources.get(label).key_text(key, connection.alias)) for store, label, key in placed
    )
    if connection.vendor == "postgresql":
        head = "%s::text, %s::bigint"
        given = "unnest(%s::text[], %s::text[], %s::text[]) AS v (store, label, ref)"
        params: list[Any] = [[row[place] for row in rows] for place in range(3)]
    else:
        picked = ", ".join(
            f"json_extract(value, '$[{place}]') AS {name}"
            for place, name in enumerate(("store", "label", "ref"))
        )
        head = "%s, %s"
        given = f"(SELECT {picked} FROM json_each(%s)) AS v"
        params = [json.dumps(rows)]
    slug, on = (column(Store, name, connection) for name in ("slug", "sync_prices"))
    return (
        f"SELECT {head}, v.label, v.store, v.ref FROM {given}"
        f" JOIN {table(Store, connection)} AS s ON s.{slug} = v.store AND s.{on}",
        params,
    )


def _append_rows(
    rows: QuerySet[Any], source: sources.Source, reason: Reason, run: int | None, using: str
) -> dict[str, int]:
    connection = connections[using]
    sql, params = rows.query.get_compiler(using).as_sql()
    return _append(_shaped(sql, connection), [reason.value, run, source.label, *params], connection)


def _append(
    select: str, values: Sequence[Any], connection: BaseDatabaseWrapper, *, few: bool = False
) -> dict[str, int]:
    """INSERT what a SELECT of (reason, run, label, store, ref) finds, and count it by store."""
    insert, store = _insert_sql(connection.alias)
    if connection.vendor == "postgresql" and not few:
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH appended AS ({insert} {select} RETURNING {store} AS store)"
                " SELECT store, count(*) FROM appended GROUP BY store",
                values,
            )
            return dict(cursor.fetchall())
    # SQLite takes no INSERT in a WITH, and for a few rows PostgreSQL takes longer to plan one than to return
    # them: the stores are counted as the rows come back.
    counted: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"{insert} {select} RETURNING {store}", values)
        for (slug,) in cursor:
            counted[slug] = counted.get(slug, 0) + 1
    return counted


@cache
def _insert_sql(using: str) -> tuple[str, str]:
    """The beginning of the INSERT, and the column of the store."""
    connection = connections[using]
    columns = ", ".join(
        column(Change, name, connection) for name in ("reason", "run", "source", "store", "ref")
    )
    return f"INSERT INTO {table(Change, connection)} ({columns})", column(Change, "store", connection)
