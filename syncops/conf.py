"""The settings of syncops: the only reader of Django's settings.

The rule: `SYNCOPS = {...}` in the settings module holds whatever differs from the defaults below; every
number is in seconds, fractions allowed, and nothing here is a secret.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, cast

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from syncops.errors import ConfigurationError

SHIPPED_PROVIDERS: Mapping[str, str] = {
    "http": "syncops.providers.http.Http",
    "memory": "syncops.providers.memory.Memory",
}


#: How the address of each broker begins.
REDIS = ("redis:", "rediss:")
RABBITMQ = ("amqp:", "amqps:", "pyamqp:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `SYNCOPS` may hold. Unknown keys are refused, so that a typing error never means a default."""

    PROVIDERS: Mapping[str, str] = field(default_factory=dict)  #: alias → dotted path of a Provider
    CREDENTIALS: str = "syncops.conf.credentials_from_environment"  #: callable(store slug) → Mapping
    DATABASES: tuple[str, ...] = ("default",)  #: aliases that hold watched models and syncops' own tables
    ON_CAPTURE_ERROR: str = "raise"  #: or "log": keep the save, resync the stores
    CELERY_APP: str = ""  #: dotted path of the Celery application, where Django does not load it by itself
    LOG_BODIES: bool = False  #: keep request bodies at DEBUG in the log

    LEASE: float = 120  #: how long a lane may be held without renewal
    SWEEP: float = 30  #: between two sweeps; also the life of a hint
    TURN: float = 60  #: work after which a lane gives up its turn
    TIMEOUT: float = 30  #: a call, in all
    SETTLE: float | None = None  #: wait before an unknown outcome is read back; None is max(60, 2 × TIMEOUT)
    RETRY_BASE: float = 30
    RETRY_CAP: float = 3600
    RETRY_FLOOR: float = 5
    ITEM_ATTEMPTS: int = 5  #: after so many refusals of the kind "try again" an item is parked
    BREAKER_AFTER: int = 5  #: store faults running
    BREAKER_OPEN: float = 60
    BATCH_LIMIT: int = 100  #: items a call, where the store does not say

    @property
    def settle(self) -> float:
        """Seconds before an unknown outcome is read back."""
        return max(60.0, 2 * self.TIMEOUT) if self.SETTLE is None else self.SETTLE

    @property
    def providers(self) -> dict[str, str]:
        """Every provider alias with its dotted path, the shipped ones included."""
        return {**SHIPPED_PROVIDERS, **self.PROVIDERS}


@cache
def get() -> Settings:
    """The settings in force.

    Raises ConfigurationError for a key that does not exist or a value that cannot be.
    """
    given: Mapping[str, Any] = getattr(django_settings, "SYNCOPS", {})
    known = {each.name for each in fields(Settings)}
    if unknown := sorted(set(given) - known):
        raise ConfigurationError(
            f"SYNCOPS has no setting {', '.join(unknown)}", hint=f"There are: {', '.join(sorted(known))}"
        )
    found = Settings(**given)
    if found.ON_CAPTURE_ERROR not in {"raise", "log"}:
        raise ConfigurationError('SYNCOPS["ON_CAPTURE_ERROR"] is "raise" or "log"')
    if found.LEASE < found.TIMEOUT + 5:
        raise ConfigurationError(
            f'SYNCOPS["LEASE"] ({found.LEASE:g} s) has no room for a call of TIMEOUT ({found.TIMEOUT:g} s) + 5 s',
            hint="Raise LEASE or lower TIMEOUT.",
        )
    return found


def _forget(*, setting: str, **_: object) -> None:
    if setting == "SYNCOPS":
        get.cache_clear()


setting_changed.connect(_forget, dispatch_uid="syncops.conf")


def broker_url() -> str:
    """The broker that hints go to, or "" where delivery is done by the command line."""
    return str(getattr(django_settings, "CELERY_BROKER_URL", "") or "")


def celery_settings(broker_url: str, syncops: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The `CELERY_…` settings of a project's broker and workers, for `globals().update(…)` in its settings.

    `syncops` is what `SYNCOPS` will hold: beat's interval and the patience of a shutdown follow its SWEEP and
    TIMEOUT. What concerns the tasks of syncops alone is said where they are declared, and how a hint is
    published in `tasks.hint`, so that neither changes the tasks of anybody else. Every name is one of Celery
    5.7 and kombu 5.7 (celery/app/defaults.py, kombu/transport/redis.py, amqp/connection.py).
    """
    if not broker_url:
        return {}
    numbers = Settings(**(syncops or {}))
    found: dict[str, Any] = {
        "CELERY_BROKER_URL": broker_url,
        "CELERY_WORKER_PREFETCH_MULTIPLIER": 1,
        # For SIGQUIT and REMAP_SIGTERM; after a plain SIGTERM a turn ends with its call (tasks.py).
        "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": numbers.TIMEOUT + 5,
        "CELERY_BROKER_CONNECTION_TIMEOUT": 2,
        "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP": True,
        # The default gives up after 100 attempts, which is an outage of 50 minutes; None never does.
        "CELERY_BROKER_CONNECTION_MAX_RETRIES": None,
        "CELERY_BROKER_POOL_ACQUIRE_TIMEOUT": 5,
        "CELERY_BEAT_SCHEDULE": {
            "syncops-sweep": {
                "task": "syncops.sweep",
                "schedule": numbers.SWEEP,
                "options": {"expires": numbers.SWEEP},
            },
        },
    }
    if broker_url.startswith(REDIS):
        # With early acknowledgement a worker would hold the hints of other stores behind a long turn.
        found["CELERY_WORKER_DISABLE_PREFETCH"] = True
        found["CELERY_BROKER_TRANSPORT_OPTIONS"] = {"socket_timeout": 5, "socket_connect_timeout": 2}
    elif broker_url.startswith(RABBITMQ):
        found["CELERY_BROKER_TRANSPORT_OPTIONS"] = {
            "confirm_publish": True,
            "read_timeout": 5,
            "write_timeout": 5,
        }
    return found


def credentials(store: str) -> Mapping[str, str]:
    """The secrets of a store, asked for at each turn and never kept."""
    source = cast("Callable[[str], Mapping[str, str]]", import_string(get().CREDENTIALS))
    return source(store)


def credentials_from_environment(store: str) -> Mapping[str, str]:
    """`SYNCOPS_<SLUG>_TOKEN` and friends: {"token": …}, dashes in the slug being underscores."""
    prefix = f"SYNCOPS_{store.upper().replace('-', '_')}_"
    return {
        name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.startswith(prefix)
    }
