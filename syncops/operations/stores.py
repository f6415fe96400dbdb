"""`stores`: the accounts on the marketplaces.

The rule: a secret is never part of a Store; an option that looks like one is refused with the place where it
belongs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction

from syncops import conf, lanes
from syncops.errors import ProviderError, UsageError
from syncops.models import Store
from syncops.providers import registry
from syncops.values import Ending

#: What opens something. A `key` does, but for the one that names a budget of calls.
_SECRET = re.compile(
    r"token|secret|password|passwd|credential|private|api_?key|(?<![a-z])key$", re.IGNORECASE
)
_NO_SECRET = frozenset({"rate_key"})

#: An address with a user's name and password in it.
_CREDENTIALS = re.compile(r"//[^/@\s]+:[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """One store, without any secret."""

    store: str
    title: str
    provider: str
    sync: bool
    options: Mapping[str, Any]
    lane: str
    lane_reason: str = ""


@dataclass(frozen=True, slots=True)
class StoresListed:
    """Some stores, by slug."""

    stores: tuple[StoreRecord, ...]
    ending: Ending = Ending.DONE


@dataclass(frozen=True, slots=True)
class StoreChecked:
    """Whether the address and the credentials of a store are right."""

    store: str
    fine: bool
    message: str

    @property
    def ending(self) -> Ending:
        return Ending.DONE if self.fine else Ending.DIFFERENCES


def store_list(patterns: Sequence[str] = (), *, using: str = "default") -> StoresListed:
    """The stores that match any of the patterns, all of them without one."""
    chosen = select(patterns, using=using)
    return StoresListed(tuple(_record(store, using) for store in chosen))


def show(slug: str, *, using: str = "default") -> StoreRecord:
    """One store."""
    return _record(_get(slug, using), using)


def add(
    slug: str,
    *,
    provider: str,
    title: str = "",
    options: Mapping[str, Any] | None = None,
    sync: bool = True,
    using: str = "default",
) -> StoreRecord:
    """Make a store. Raises UsageError where it exists or cannot be."""
    try:
        validate_slug(slug)
    except ValidationError:
        raise UsageError(
            f"{slug!r} cannot name a store", hint="Letters, digits, dashes and underscores."
        ) from None
    refuse_secrets(options or {}, slug)
    _try_out(provider, slug, options or {})
    try:
        with transaction.atomic(using=using):
            store = Store(
                slug=slug, name=title, provider=provider, options=dict(options or {}), sync_prices=sync
            )
            store.save(using=using, force_insert=True)
    except IntegrityError:
        raise UsageError(f"There is a store {slug} already", hint=f"syncops stores set {slug} …") from None
    return _record(store, using)


def change(
    slug: str,
    *,
    sync: bool | None = None,
    title: str | None = None,
    options: Mapping[str, Any] | None = None,
    using: str = "default",
) -> StoreRecord:
    """Change a store. An option with an empty value is taken away."""
    refuse_secrets(options or {}, slug)
    with transaction.atomic(using=using):
        store = _get(slug, using, lock=True)
        if sync is not None:
            store.sync_prices = sync
        if title is not None:
            store.name = title
        for name, value in (options or {}).items():
            if value == "":
                store.options.pop(name, None)
            else:
                store.options[name] = value
        _try_out(store.provider, slug, store.options)
        store.save(using=using)
    return _record(store, using)


def pause(slug: str, *, reason: str, using: str = "default") -> StoreRecord:
    """Stop the lane of a store until it is resumed; what is marked goes on waiting."""
    store = _get(slug, using)
    lanes.pause(slug, reason, using=using)
    return _record(store, using)


def resume(slug: str, *, using: str = "default") -> StoreRecord:
    """Let the lane of a store go on."""
    store = _get(slug, using)
    lanes.resume(slug, using=using)
    return _record(store, using)


def check(slug: str, *, using: str = "default") -> StoreChecked:
    """Ask the marketplace whether address and credentials are right. Writes nothing."""
    store = _get(slug, using)
    with registry.make(store.provider, slug, store.options) as provider:
        try:
            provider.check(float(store.options.get("timeout", conf.get().TIMEOUT)))
        except ProviderError as error:
            return StoreChecked(slug, False, error.advice)
    return StoreChecked(slug, True, "address and credentials are right")


def select(patterns: Sequence[str], *, using: str) -> list[Store]:
    """The stores that match any of the shell patterns. Raises UsageError for one that matches none."""
    stores = list(Store.objects.using(using).order_by("slug"))
    if not patterns:
        return stores
    for pattern in patterns:
        if not any(fnmatchcase(store.slug, pattern) for store in stores):
            raise UsageError(
                f"No store matches {pattern!r}",
                hint=f"There are: {', '.join(store.slug for store in stores) or 'none yet: syncops stores add'}",
            )
    return [store for store in stores if any(fnmatchcase(store.slug, pattern) for pattern in patterns)]


def refuse_secrets(options: Mapping[str, Any], slug: str) -> None:
    """Raises UsageError for an option, however deep, whose name or address looks like a secret."""
    for name, value in _leaves(options):
        last = name.rpartition(".")[2]
        named = last not in _NO_SECRET and _SECRET.search(last)
        if named or _CREDENTIALS.search(str(value)):
            variable = f"SYNCOPS_{slug.upper().replace('-', '_')}_TOKEN"
            raise UsageError(
                f"{name} looks like a secret, and a secret is never stored",
                hint=f"Put it into the environment, as {variable}.",
            )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each name with its value, those inside of others as `outer.inner`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            path = f"{name}.{key}" if name else str(key)
            yield path, ""
            yield from _leaves(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value


def _try_out(provider: str, slug: str, options: Mapping[str, Any]) -> None:
    """Make the provider once, without a call: what it cannot work with is refused before it is stored."""
    registry.make(provider, slug, options).close()


def _get(slug: str, using: str, *, lock: bool = False) -> Store:
    stores = Store.objects.using(using)
    store = (stores.select_for_update() if lock else stores).filter(pk=slug).first()
    if store is None:
        raise UsageError(f"There is no store {slug}", hint="syncops stores list")
    return store


def _record(store: Store, using: str) -> StoreRecord:
    where = lanes.standing(store.slug, using=using)
    return StoreRecord(
        store.slug, store.name, store.provider, store.sync_prices, store.options, where.state, where.reason
    )
