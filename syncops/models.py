"""The tables of syncops.

The rule: a table that business transactions write (Change) shares no row and no lock with a table that
workers write (Lane, Failure, RemoteListing, Attempt), so a save never waits for a marketplace.
Foreign keys that capture writes carry no database constraint: checking one would lock the store's row.
"""

from __future__ import annotations

from typing import Any

from django.db import models, router, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from syncops import signals, values


class StoreQuerySet(models.QuerySet["Store"]):
    """Stores; a toggle that is written by `update` is noticed like one that is saved."""

    def update(self, **kwargs: Any) -> int:
        if "sync_prices" not in kwargs:
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            rows = Store._base_manager.using(self.db).values_list("slug", "sync_prices")
            before = dict(rows.filter(pk__in=self.order_by().values("pk")).select_for_update().order_by("pk"))
            count = super().update(**kwargs)
            for slug, on in rows.filter(pk__in=list(before)).order_by("pk"):
                if on != before[slug]:
                    signals.store_switched.send(sender=Store, store=slug, on=on, using=self.db)
        return count

    update.alters_data = True  # type: ignore[attr-defined]


class Store(models.Model):
    """One account on one marketplace."""

    slug = models.SlugField(_("store"), primary_key=True)
    name = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=50, help_text=_("An alias of SYNCOPS['PROVIDERS']."))
    options = models.JSONField(default=dict, blank=True, help_text=_("What the provider needs; no secrets."))
    sync_prices = models.BooleanField(
        _("Sync product prices"),
        default=True,
        help_text=_("Off: nothing is marked or sent. On again: the whole store is brought up to date."),
    )

    objects = StoreQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name or self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with what follows from a switched toggle in the same transaction."""
        alias = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=alias):
            super().save(*args, **kwargs)


class Lane(models.Model):
    """The serial lane of one store. Written by lanes.py only; times are the database's clock."""

    store = models.OneToOneField(Store, models.CASCADE, primary_key=True, related_name="lane")
    owner = models.CharField(max_length=200, blank=True)
    token = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    streak = models.PositiveIntegerField(default=0, help_text=_("Store faults running."))
    denials = models.PositiveIntegerField(default=0, help_text=_("401 or 403 running."))
    next_attempt_at = models.DateTimeField(null=True)
    open_until = models.DateTimeField(null=True)
    open_seconds = models.FloatField(default=0)
    paused_at = models.DateTimeField(null=True)
    paused_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"lane of {self.store_id}"


class Run(models.Model):
    """One operation by an operator or by cron."""

    id = models.BigAutoField(primary_key=True)
    operation = models.CharField(max_length=40)
    store = models.CharField(max_length=200, blank=True)
    operator = models.CharField(max_length=200, blank=True)
    reason = models.TextField(blank=True)
    arguments = models.JSONField(default=dict)
    started = models.DateTimeField(db_default=Now())
    finished = models.DateTimeField(null=True)
    exit_code = models.SmallIntegerField(null=True)
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"run {self.pk}: {self.operation}"


class Change(models.Model):
    """This ref of this store may be out of date. Append-only; written by outbox.py only."""

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(
        Store, models.CASCADE, db_constraint=False, db_index=False, related_name="changes"
    )
    source = models.CharField(max_length=100)
    ref = models.CharField(max_length=200)
    reason = models.CharField(max_length=10, default=values.Reason.CHANGE.value)
    run = models.ForeignKey(Run, models.DO_NOTHING, null=True, db_constraint=False, db_index=False)
    created = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["store", "id"], name="syncops_change_store_id")]

    def __str__(self) -> str:
        return f"{self.source} {self.ref} in {self.store_id}"


class Failure(models.Model):
    """An item that a marketplace refused, or whose outcome is not known yet."""

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, models.CASCADE, related_name="failures")
    source = models.CharField(max_length=100)
    ref = models.CharField(max_length=200)
    sku = models.CharField(max_length=200)
    code = models.CharField(max_length=100)
    message = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, help_text=_("Empty: parked."))
    first_failed = models.DateTimeField(db_default=Now())
    last_failed = models.DateTimeField(db_default=Now())
    muted = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "source", "ref"], name="syncops_failure_item"),
        ]
        indexes = [models.Index(fields=["store", "next_attempt_at"], name="syncops_failure_due")]

    def __str__(self) -> str:
        return f"{self.sku} in {self.store_id}: {self.code}"

    @property
    def state(self) -> str:
        """`muted`, `parked` or `retrying`."""
        if self.muted:
            return "muted"
        return "parked" if self.next_attempt_at is None else "retrying"


class RemoteListing(models.Model):
    """What the marketplace last showed or confirmed for one sku: the observed state."""

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, models.CASCADE, related_name="remote_listings")
    sku = models.CharField(max_length=200)
    remote_ids = models.JSONField(default=dict)
    price = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, blank=True)
    name = models.TextField(blank=True)
    seen_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    unconfirmed_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "sku"], name="syncops_remotelisting_sku")]

    def __str__(self) -> str:
        return f"{self.sku} in {self.store_id}"


class Attempt(models.Model):
    """One call to a provider."""

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, models.CASCADE, related_name="attempts")
    run = models.ForeignKey(Run, models.SET_NULL, null=True)
    token = models.BigIntegerField()
    items = models.PositiveIntegerField()
    started = models.DateTimeField(db_default=Now())
    duration = models.FloatField(help_text=_("Seconds."))
    verdict = models.CharField(max_length=40)
    http_status = models.PositiveSmallIntegerField(null=True)
    request_id = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["store", "-id"], name="syncops_attempt_store")]

    def __str__(self) -> str:
        return f"{self.items} items to {self.store_id}: {self.verdict}"


class PriceEdit(models.Model):
    """What an import changed, for `undo` and `explain`."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="edits", db_constraint=False, db_index=False)
    source = models.CharField(max_length=100)
    ref = models.CharField(max_length=200)
    line = models.PositiveBigIntegerField(null=True)
    old_price = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    old_currency = models.CharField(max_length=3, blank=True)
    new_price = models.DecimalField(max_digits=19, decimal_places=4)
    new_currency = models.CharField(max_length=3, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "source", "ref"], name="syncops_priceedit_ref")]

    def __str__(self) -> str:
        return f"{self.source} {self.ref}: {self.old_price} → {self.new_price}"


class Drift(models.Model):
    """A difference between the marketplace and the database that a reconcile found."""

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, models.CASCADE, related_name="drifts")
    sku = models.CharField(max_length=200)
    kind = models.CharField("class", max_length=20, db_column="class")
    local = models.JSONField(null=True)
    base = models.JSONField(null=True)
    remote = models.JSONField(null=True)
    first_seen = models.DateTimeField(db_default=Now())
    last_seen = models.DateTimeField(db_default=Now())
    times_seen = models.PositiveIntegerField(default=1)
    repaired_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "sku"],
                condition=models.Q(verified_at__isnull=True),
                name="syncops_drift_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.sku} in {self.store_id}: {self.kind}"
