"""The catalogue in the admin: a price is edited where its product is."""

from __future__ import annotations

from django.contrib import admin

from project.catalog.models import PriceRecord, Product


class PriceInline(admin.StackedInline):
    """The price on the product's own page."""

    model = PriceRecord


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Products."""

    list_display = ["sku", "name", "store", "price"]
    list_filter = ["store"]
    list_select_related = ["store", "price"]
    search_fields = ["sku", "name"]
    inlines = [PriceInline]


@admin.register(PriceRecord)
class PriceRecordAdmin(admin.ModelAdmin):
    """Prices, many at once."""

    list_display = ["product", "amount", "currency"]
    list_editable = ["amount"]
    list_select_related = ["product"]
    search_fields = ["product__sku", "product__name"]
    autocomplete_fields = ["product"]
