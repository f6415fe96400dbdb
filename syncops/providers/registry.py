"""Which provider an alias stands for.

The rule: a provider is found by the alias that its Store holds, and made anew for each turn, so that a token
that was rotated is used at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.utils.module_loading import import_string

from syncops import conf
from syncops.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncops.providers.base import Provider


def find(alias: str) -> type[Provider]:
    """The class of a provider. Raises UsageError with the aliases that exist."""
    known = conf.get().providers
    if alias not in known:
        raise UsageError(f"There is no provider {alias!r}", hint=f"There are: {', '.join(sorted(known))}")
    try:
        found = import_string(known[alias])
    except ImportError as error:
        raise ConfigurationError(
            f"Provider {alias!r} cannot be imported from {known[alias]}: {error}"
        ) from error
    return cast("type[Provider]", found)


def make(alias: str, store: str, options: Mapping[str, Any]) -> Provider:
    """The provider of one store, with its credentials."""
    return find(alias)(store, options, conf.credentials(store))
