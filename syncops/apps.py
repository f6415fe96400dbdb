"""Wiring: the one place where the parts of syncops are connected to Django.

The rule: nothing is connected anywhere else, and everything is connected with a `dispatch_uid`.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import AppConfig

from syncops import conf, signals


class SyncopsConfig(AppConfig):
    """syncops as a Django application."""

    name = "syncops"
    verbose_name = "syncops"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from syncops import capture, checks, sources

        sources.autodiscover()
        checks.register()
        capture.connect()
        signals.marked.connect(send_hints, dispatch_uid="syncops.hints")


def send_hints(*, stores: Iterable[str], using: str, **_: object) -> None:
    """Tell the workers which stores have something to deliver, where there is a broker."""
    if conf.broker_url():
        # Celery takes longer to import than most commands take to run, and few of them change a price.
        from syncops import tasks

        tasks.send_hints(stores, using)
