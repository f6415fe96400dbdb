"""The twin as a Django application. It has no migrations: its tables live for one run."""

from __future__ import annotations

from django.apps import AppConfig


class TwinConfig(AppConfig):
    """Products and prices that no Source watches."""

    name = "benchmarks.twin"
    label = "twin"
    default_auto_field = "django.db.models.BigAutoField"
