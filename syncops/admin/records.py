"""Read-only lists: what waits, what was sent, what failed, what the marketplaces show, and who did what.

The rule: a list costs the same few queries whatever its length, and no page writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from syncops.models import Attempt, Change, Drift, Failure, PriceEdit, RemoteListing, Run

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    Records = admin.ModelAdmin[Any]
else:
    Records = admin.ModelAdmin


class ReadOnly(Records):
    """Records that are looked at and never written here."""

    show_full_result_count = False
    actions = None
    list_per_page = 100
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django answers a POST to a list without actions as if it were a GET.
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        return super().changelist_view(request, extra_context)


class Choice(admin.SimpleListFilter):
    """A filter with a condition for each choice."""

    conditions: ClassVar[dict[str, Q]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in self.conditions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        condition = self.conditions.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class FailureState(Choice):
    """Parked, retrying or muted: the same three as `Failure.state`."""

    title = _("state")
    parameter_name = "state"
    conditions: ClassVar[dict[str, Q]] = {
        "parked": Q(muted=False, next_attempt_at=None),
        "retrying": Q(muted=False, next_attempt_at__isnull=False),
        "muted": Q(muted=True),
    }


class Confirmation(Choice):
    """Whether it is certain that the marketplace shows what was sent."""

    title = _("confirmation")
    parameter_name = "confirmation"
    conditions: ClassVar[dict[str, Q]] = {
        "confirmed": Q(confirmed_at__isnull=False, unconfirmed_since=None),
        "unconfirmed": Q(unconfirmed_since__isnull=False),
        "never sent": Q(confirmed_at=None, unconfirmed_since=None),
    }


class DriftState(Choice):
    """Whether a difference still stands."""

    title = _("state")
    parameter_name = "state"
    conditions: ClassVar[dict[str, Q]] = {
        "open": Q(verified_at=None, repaired_at=None),
        "repaired, not verified": Q(verified_at=None, repaired_at__isnull=False),
        "verified": Q(verified_at__isnull=False),
    }


@admin.register(Change)
class ChangeAdmin(ReadOnly):
    """What waits, in the order in which it will be sent."""

    list_display = ["id", "store", "source", "ref", "reason", "run", "created"]
    list_filter = ["store", "reason"]
    list_select_related = ["store", "run"]
    search_fields = ["=ref"]
    search_help_text = _("The whole primary key of a product.")
    ordering = ("id",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    """What was sent: each call to a marketplace."""

    list_display = [
        "started", "store", "items", "verdict", "http_status", "duration", "request_id", "run", "token",
    ]  # fmt: skip
    list_filter = ["store", "verdict"]
    list_select_related = ["store", "run"]
    search_fields = ["=request_id"]
    search_help_text = _("The marketplace's own name for a call.")


@admin.register(Failure)
class FailureAdmin(ReadOnly):
    """What a marketplace refused, or gave no usable answer for."""

    list_display = ["sku", "store", "state", "code", "message", "attempts", "next_attempt_at", "last_failed"]
    list_filter = ["store", FailureState]
    list_select_related = ["store"]
    search_fields = ["=sku", "=ref", "=code", "=fingerprint"]
    search_help_text = _("A whole SKU, primary key, code or fingerprint.")
    readonly_fields = ["state"]


@admin.register(RemoteListing)
class RemoteListingAdmin(ReadOnly):
    """What the marketplaces show, as far as is known."""

    list_display = [
        "sku",
        "store",
        "name",
        "price",
        "currency",
        "seen_at",
        "confirmed_at",
        "unconfirmed_since",
    ]
    list_filter = ["store", Confirmation]
    list_select_related = ["store"]
    search_fields = ["=sku"]
    search_help_text = _("A whole SKU.")


@admin.register(Drift)
class DriftAdmin(ReadOnly):
    """Differences between a marketplace and the database."""

    list_display = [
        "sku",
        "store",
        "kind",
        "local",
        "remote",
        "times_seen",
        "last_seen",
        "repaired_at",
        "verified_at",
    ]
    list_filter = ["store", DriftState, "kind"]
    list_select_related = ["store"]
    search_fields = ["=sku"]
    search_help_text = _("A whole SKU.")


@admin.register(Run)
class RunAdmin(ReadOnly):
    """What operators and cron did. The prices that a run changed are a list of their own: it may be long."""

    list_display = [
        "id",
        "operation",
        "store",
        "operator",
        "reason",
        "started",
        "finished",
        "exit_code",
        "edits",
    ]
    list_filter = ["operation"]
    search_fields = ["=store", "=operator"]
    search_help_text = _("A whole store or operator.")
    readonly_fields = ["edits"]

    @admin.display(description=_("price edits"))
    def edits(self, run: Run) -> str:
        """A link to the prices that this run changed."""
        address = reverse(f"{self.admin_site.name}:syncops_priceedit_changelist")
        return format_html('<a href="{}?run__id__exact={}">{}</a>', address, run.pk, _("what it changed"))


@admin.register(PriceEdit)
class PriceEditAdmin(ReadOnly):
    """The prices that imports changed. `?run__id__exact=7` shows those of one run."""

    list_display = ["run", "line", "source", "ref", "old_price", "old_currency", "new_price", "new_currency"]
    list_select_related = ["run"]
    search_fields = ["=ref"]
    search_help_text = _("The whole primary key of a product.")
