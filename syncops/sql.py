"""SQL where the ORM has no words for it: quoted identifiers, sets of keys in one parameter, the database's clock.

The rule: every identifier is quoted from `_meta`, and every value is a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, Model, Value
from django.db.models.functions import Now
from django.db.models.lookups import Lookup

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


class AnyOf(Lookup):
    """`column = any of the keys`, with all keys in one parameter, whatever their number.

    `rhs` is what `array` made of them, or with `one` the key itself: the plain form is planned and run faster.
    """

    lookup_name = "syncops_any_of"
    prepare_rhs = False

    def __init__(self, lhs: Any, rhs: Any, *, one: bool = False) -> None:
        super().__init__(lhs, rhs)
        self.one = one

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        if self.one:
            test = "= %s"
        elif connection.vendor == "postgresql":
            test = "= ANY(%s)"
        else:
            test = "IN (SELECT value FROM json_each(%s))"
        return f"{lhs} {test}", (*params, self.rhs)


def array(keys: Sequence[Any], connection: BaseDatabaseWrapper) -> Any:
    """Keys as the one parameter that AnyOf takes."""
    return list(keys) if connection.vendor == "postgresql" else json.dumps(list(keys))


def table(model: type[Model], connection: BaseDatabaseWrapper) -> str:
    """The quoted name of a model's table."""
    return connection.ops.quote_name(model._meta.db_table)


def column(model: type[Model], name: str, connection: BaseDatabaseWrapper) -> str:
    """The quoted name of a field's column."""
    field: Any = model._meta.get_field(name)
    return connection.ops.quote_name(field.column)


def from_now(seconds: float) -> Any:
    """A time so many seconds from now, by the database's clock."""
    later = Now() + Value(timedelta(seconds=seconds), output_field=DurationField())
    return ExpressionWrapper(later, output_field=DateTimeField())
