"""What is wrong with the declaration of a Source.

The rule: whatever a listing is made of has to be looked at by a Watch, because what is not looked at changes
without a mark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from django.core import checks
from django.core.checks import CheckMessage
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import DecimalField, F, Model

from syncops.errors import ConfigurationError
from syncops.models import Store
from syncops.sources import Source, Watch, follow


def check_sources(declared: Iterable[Source]) -> list[CheckMessage]:
    """What is wrong with these declarations."""
    declared = tuple(declared)
    found: list[CheckMessage] = []
    for source in declared:
        found += _check_paths(source)
        found += _check_store(source)
        found += _check_price(source)
        for watch in source.watch:
            found += _check_watch(source, watch)
        found += _check_unnoticed(source)
    for label, number in Counter(source.label for source in declared).items():
        if number > 1:
            hint = 'Give one of them a label of its own: `label = "app.Model.purpose"`.'
            found.append(checks.Error(f"{number} sources are called {label}.", hint=hint, id="syncops.E006"))
    return found


def _check_paths(source: Source) -> Iterable[CheckMessage]:
    for name in ("sku", "name", "price", "currency", "store"):
        path = getattr(source, name)
        try:
            if isinstance(path, str):
                follow(source.model, path)
            else:
                source.model._base_manager.values_list(path)
        except (ConfigurationError, FieldError) as error:
            yield _error("E001", source, f"{name}: {error}", getattr(error, "hint", ""))


def _check_store(source: Source) -> Iterable[CheckMessage]:
    hops = _hops(source.model, source.store)
    if hops and hops[-1].related_model is not Store:
        hint = "It is a path to a ForeignKey or ManyToManyField to syncops.Store, to-many relations included."
        yield _error("E002", source, f"store: {source.store!r} does not end in syncops.Store", hint)


def _check_price(source: Source) -> Iterable[CheckMessage]:
    hint = "Money is a DecimalField: a float cannot hold 0.10."
    if isinstance(source.price, str):
        hops = _hops(source.model, source.price)
        if hops and not isinstance(hops[-1], DecimalField):
            kind = type(hops[-1]).__name__
            yield _error(
                "E005", source, f"price: {source.price!r} ends in a {kind}, not a DecimalField", hint
            )
        return
    try:
        query = source.model._base_manager.annotate(_price=source.price).query
        made = query.annotations["_price"].output_field
    except FieldError:
        return  # E001 says why
    if not isinstance(made, DecimalField):
        text = f"price: the expression is a {type(made).__name__}, not a DecimalField"
        yield _error("E005", source, text, hint)


def _check_watch(source: Source, watch: Watch) -> Iterable[CheckMessage]:
    model = watch.model._meta.label
    try:
        hops = follow(watch.model, watch.product) if watch.product else []
    except ConfigurationError as error:
        yield _error("E003", source, f"watch of {model}: {error}", error.hint)
    else:
        end = hops[-1].related_model if hops else watch.model
        if not _same_rows(end, source.model):
            leads = (
                f"{watch.product!r} leads to {end._meta.label if end else 'no model'}"
                if hops
                else "has no path"
            )
            hint = f"`product` is the path from {model} to {source.model._meta.label}."
            yield _error("E003", source, f"watch of {model}: {leads}, not to the product", hint)
    for name in watch.fields or ():
        try:
            watch.model._meta.get_field(name)
        except FieldDoesNotExist:
            hint = f"It has: {', '.join(sorted(each.name for each in watch.model._meta.get_fields()))}"
            yield _error("E004", source, f"watch of {model}: there is no field {name!r}", hint)


def _check_unnoticed(source: Source) -> Iterable[CheckMessage]:
    """W001 for every column on the way to a part of the listing that no Watch looks at."""
    said = set()
    for path in _paths(source):
        for hop in _hops(source.model, path):
            column = _column(hop, linked=path == source.store)
            if column is None or column in said or any(_notices(watch, column) for watch in source.watch):
                continue
            said.add(column)
            model, name = column
            # The way back is known only where the path itself is one step long.
            hint = f"Add Watch({model.__name__}, product=…, fields=({name!r},)) to {type(source).__name__}.watch."
            text = f"{source.label}: a change of {model._meta.label}.{name} would go unnoticed, and {path!r} needs it."
            yield checks.Warning(text, hint=hint, id="syncops.W001")


def _paths(source: Source) -> Iterable[str]:
    """Every ORM path of a Source, those inside expressions included."""
    for part in (source.sku, source.name, source.store, source.price, source.currency):
        if isinstance(part, str):
            yield part
            continue
        expression: Any = part
        inside = expression.flatten() if hasattr(expression, "flatten") else [expression]
        yield from (cast("Any", each).name for each in inside if isinstance(each, F))


def _column(hop: Any, *, linked: bool) -> tuple[type[Model], str] | None:
    """The model and field whose rows decide where a hop of a path leads, or None where they are seen anyway."""
    if hop.many_to_many:
        through = hop.through if hop.auto_created else hop.remote_field.through
        if linked and through._meta.auto_created:
            return None  # capture.links listens to it
        return through, next(each.name for each in through._meta.fields if each.is_relation)
    if hop.auto_created and not hop.concrete:
        return hop.related_model, hop.field.name
    if getattr(hop, "primary_key", False) or not hop.concrete:
        return None
    return hop.model, hop.name


def _notices(watch: Watch, column: tuple[type[Model], str]) -> bool:
    """Whether a write of that column, through whatever model of its family, reaches a Watch."""
    model, name = column
    if not issubclass(model, watch.model):
        return False
    field: Any = model._meta.get_field(name)
    if watch.fields is None or {field.name, field.attname} & set(watch.fields):
        return True
    return watch.product.split("__")[0] == name


def _hops(model: type[Model], path: str) -> list[Any]:
    """The fields of a path, or none where it does not exist: E001 says so."""
    try:
        return follow(model, path)
    except ConfigurationError:
        return []


def _same_rows(model: type[Model] | None, product: type[Model]) -> bool:
    """Whether the two are one model, or a proxy, parent or child of it: they share their keys."""
    return model is not None and (issubclass(model, product) or issubclass(product, model))


def _error(number: str, source: Source, message: str, hint: str) -> CheckMessage:
    where = f"The declaration is {type(source).__module__}.{type(source).__qualname__}."
    return checks.Error(f"{source.label}: {message}.", hint=hint or where, id=f"syncops.{number}")
