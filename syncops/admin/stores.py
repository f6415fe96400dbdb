"""The stores in the admin: the toggle *Sync product prices*, and how each store stands.

The rule: a secret never gets into `options`; the form refuses what looks like one and says where it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, IntegerField, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from syncops import conf, lanes
from syncops.errors import UsageError
from syncops.models import Attempt, Change, Failure, Store
from syncops.operations.stores import refuse_secrets

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    StoreModelForm = forms.ModelForm[Store]
    StoreModelAdmin = admin.ModelAdmin[Store]
else:
    StoreModelForm = forms.ModelForm
    StoreModelAdmin = admin.ModelAdmin

#: How a lane stands, in words.
_STANDING: Mapping[lanes.State, object] = {
    "idle": gettext_lazy("ready to send"),
    "busy": gettext_lazy("sending"),
    "paused": gettext_lazy("paused: nothing is sent until it is resumed"),
    "open": gettext_lazy("left alone for a while, after a fault"),
    "off": gettext_lazy("switched off"),
}


class StoreForm(StoreModelForm):
    """A store as an operator edits it."""

    class Meta:
        model = Store
        fields = ("sync_prices", "slug", "name", "provider", "options")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "provider" in self.fields:
            known = [(alias, alias) for alias in sorted(conf.get().providers)]
            own = self.instance.provider
            if own and own not in dict(known):
                # Shown as what it is, so that saving something else does not replace it silently.
                known.append((own, _("%(alias)s (not configured)") % {"alias": own}))
            self.fields["provider"] = forms.ChoiceField(
                choices=known, help_text=self.fields["provider"].help_text
            )

    def clean_provider(self) -> str:
        """An alias that exists."""
        alias: str = self.cleaned_data["provider"]
        if alias not in conf.get().providers:
            raise forms.ValidationError(_("There is no provider “%(alias)s”."), params={"alias": alias})
        return alias

    def clean_options(self) -> dict[str, Any]:
        """A JSON object without secrets."""
        options = {} if self.cleaned_data["options"] is None else self.cleaned_data["options"]
        if not isinstance(options, dict):
            raise forms.ValidationError(_('Options are a JSON object, such as {"base_url": "https://…"}.'))
        slug = self.cleaned_data.get("slug") or self.instance.slug or "store"
        try:
            refuse_secrets(options, slug)
        except UsageError as error:
            raise forms.ValidationError([str(error), error.hint]) from None
        return options


@admin.register(Store)
class StoreAdmin(StoreModelAdmin):
    """Stores: the one table that is edited here."""

    form = StoreForm
    list_display = ["slug", "name", "provider", "sync_prices", "is_paused", "waiting_refs"]
    list_editable = ["sync_prices"]
    list_filter = ["sync_prices", "provider"]
    list_select_related = ["lane"]
    search_fields = ["slug", "name"]
    show_full_result_count = False
    ordering = ("slug",)
    actions = ["switch_on", "switch_off"]
    facts: ClassVar[tuple[str, ...]] = (
        "waiting",
        "oldest_waiting",
        "lane_state",
        "last_delivery",
        "failures",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Store]:
        """Stores, each with the number of refs that wait for it."""
        waiting = Change.objects.filter(store=OuterRef("pk")).order_by().values("store")
        counted = waiting.annotate(n=Count("ref", distinct=True)).values("n")
        return (
            super()
            .get_queryset(request)
            .annotate(refs_waiting=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
        )

    def get_fieldsets(self, request: HttpRequest, obj: Store | None = None) -> Any:
        """The toggle first; how the store stands only where there is one."""
        edited = [
            (None, {"fields": ["sync_prices"]}),
            (_("Marketplace"), {"fields": ["slug", "name", "provider", "options"]}),
        ]
        return edited if obj is None else [*edited, (_("How it stands"), {"fields": self.facts})]

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> Any:
        """A slug names rows in many tables and variables in the environment: it stays what it was."""
        return () if obj is None else ("slug", *self.facts)

    @admin.action(description=gettext_lazy("Switch “Sync product prices” on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, stores: QuerySet[Store]) -> None:
        """Switch on: the whole of each store is marked."""
        self._switch(request, stores, on=True)

    @admin.action(description=gettext_lazy("Switch “Sync product prices” off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, stores: QuerySet[Store]) -> None:
        """Switch off: what waits is dropped."""
        self._switch(request, stores, on=False)

    def _switch(self, request: HttpRequest, stores: QuerySet[Store], *, on: bool) -> None:
        slugs = list(stores.exclude(sync_prices=on).values_list("slug", flat=True))
        Store.objects.using(stores.db).filter(slug__in=slugs).update(sync_prices=on)
        for slug in slugs:
            self.log_change(request, Store(slug=slug), [{"changed": {"fields": [_("Sync product prices")]}}])
        text = _("Switched on: %s") if on else _("Switched off: %s")
        self.message_user(
            request, text % (", ".join(slugs) or _("none, they were already")), messages.SUCCESS
        )

    @admin.display(description=gettext_lazy("paused"), boolean=True)
    def is_paused(self, store: Store) -> bool:
        """Whether its lane waits for an operator."""
        lane = getattr(store, "lane", None)
        return lane is not None and lane.paused_at is not None

    @admin.display(description=gettext_lazy("waiting"), ordering="refs_waiting")
    def waiting_refs(self, store: Any) -> str:
        """How many refs wait, with a link to them."""
        return self._link("change", store, str(store.refs_waiting)) if store.refs_waiting else "0"

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, store: Any) -> str:
        """How many refs wait, with a link to them."""
        return self._link(
            "change", store, ngettext("%d product", "%d products", store.refs_waiting) % store.refs_waiting
        )

    @admin.display(description=gettext_lazy("oldest waiting"))
    def oldest_waiting(self, store: Store) -> str:
        """Since when the oldest waits."""
        found = Change.objects.using(store._state.db).filter(store=store).aggregate(at=Min("created"))
        return _moment(found["at"]) or _("nothing waits")

    @admin.display(description=gettext_lazy("lane"))
    def lane_state(self, store: Store) -> str:
        """Where its lane stands, until when, and why."""
        where = lanes.standing(store.slug, using=store._state.db or "default")
        told = [str(_STANDING[where.state])]
        if where.until is not None:
            told.append(_("until %s") % _moment(where.until))
        told += [part for part in (where.holder, where.reason) if part]
        return ", ".join(told)

    @admin.display(description=gettext_lazy("last delivery"))
    def last_delivery(self, store: Store) -> str:
        """When a call last succeeded, with a link to all calls."""
        calls = Attempt.objects.using(store._state.db).filter(store=store, verdict="ok")
        return self._link("attempt", store, _moment(calls.aggregate(at=Max("started"))["at"]) or _("never"))

    @admin.display(description=gettext_lazy("failures"))
    def failures(self, store: Store) -> str:
        """How many items are parked and how many are tried again, with links to them."""
        counts = (
            Failure.objects.using(store._state.db)
            .filter(store=store, muted=False)
            .aggregate(
                parked=Count("pk", filter=Q(next_attempt_at=None)),
                retrying=Count("pk", filter=Q(next_attempt_at__isnull=False)),
            )
        )
        return format_html(
            "{}, {}",
            self._link("failure", store, _("%d parked") % counts["parked"], state="parked"),
            self._link("failure", store, _("%d retrying") % counts["retrying"], state="retrying"),
        )

    def _link(self, model: str, store: Store, text: str, **chosen: str) -> str:
        """A link to the records of one kind that belong to a store."""
        address = reverse(f"{self.admin_site.name}:syncops_{model}_changelist")
        query = urlencode({"store__slug__exact": store.slug, **chosen})
        return format_html('<a href="{}?{}">{}</a>', address, query, text)


def _moment(at: datetime | None) -> str:
    return "" if at is None else date_format(timezone.localtime(at), "DATETIME_FORMAT")
