"""The catalogue as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Products and prices."""

    name = "project.catalog"
    label = "catalog"
    verbose_name = "catalogue"
    default_auto_field = "django.db.models.BigAutoField"
