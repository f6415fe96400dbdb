from django.apps import AppConfig


class ShopConfig(AppConfig):
    """A second catalogue, shaped differently in everything: it proves that nothing is wired to the first."""

    name = "tests.shop"
    label = "shop"
    default_auto_field = "django.db.models.BigAutoField"
