"""`list_receivers`: the filters, the errors, and that looking is quiet and cheap (C40, T09, T25)."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import django
import pytest
from django.apps import apps
from django.conf import settings

if not settings.configured:
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
if not apps.ready:
    django.setup()

from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_save, pre_delete, pre_save
from django.dispatch import Signal

from syncops.errors import UsageError
from syncops.operations.signals import SignalsListed, list_receivers
from syncops.values import Ending

#: Signals of no model, beside Django's.
sold_out = Signal()
never_heard = Signal()


def listener(sender, **kwargs):
    raise AssertionError("listing must not call a receiver")


@pytest.fixture(autouse=True)
def connected():
    """Six receivers of this module; the last one waits for a model that never comes."""
    post_save.connect(listener, sender=Group, dispatch_uid="t.group")
    post_save.connect(listener, sender=Permission, dispatch_uid="t.permission")
    pre_save.connect(listener, dispatch_uid="t.every")
    pre_delete.connect(listener, sender=Group, dispatch_uid="t.delete")
    sold_out.connect(listener, dispatch_uid="t.sold")
    pre_save.connect(listener, sender="ghost.Mug", dispatch_uid="t.ghost")
    yield
    post_save.disconnect(sender=Group, dispatch_uid="t.group")
    post_save.disconnect(sender=Permission, dispatch_uid="t.permission")
    pre_save.disconnect(dispatch_uid="t.every")
    pre_delete.disconnect(sender=Group, dispatch_uid="t.delete")
    sold_out.disconnect(dispatch_uid="t.sold")
    del apps._pending_operations["ghost", "mug"]


def ours(listed: SignalsListed) -> list[str]:
    found = (row.dispatch_uid for row in listed.receivers)
    return sorted(uid.removeprefix("t.") for uid in found if uid and uid.startswith("t."))


def test_C40_everything_is_listed_without_a_filter():
    listed = list_receivers()
    assert ours(listed) == ["delete", "every", "ghost", "group", "permission", "sold"]
    assert "django" in {row.owner for row in listed.receivers}
    assert listed.ending is Ending.DONE
    assert listed.triggers == ()


def test_C40_rows_are_sorted_by_signal_and_order():
    places = [(row.signal, row.order is None, row.order or 0) for row in list_receivers().receivers]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "signal", ["post_save", "POST_SAVE", "signals.post_save", "django.db.models.signals.post_save"]
)
def test_C40_filter_by_signal(signal):
    listed = list_receivers(signal=signal)
    assert {row.signal for row in listed.receivers} == {"django.db.models.signals.post_save"}
    assert ours(listed) == ["group", "permission"]


def test_C40_a_signal_of_ones_own_is_found_by_its_name():
    assert ours(list_receivers(signal="sold_out")) == ["sold"]


def test_C40_a_signal_without_receivers_is_an_empty_answer():
    assert list_receivers(signal="never_heard").receivers == ()


@pytest.mark.parametrize("model", ["auth.Group", "auth.group"])
def test_C40_filter_by_model_keeps_what_hears_every_model(model):
    listed = list_receivers(model=model)
    assert ours(listed) == ["delete", "every", "group"]
    assert {row.model for row in listed.receivers} <= {None, "auth.Group"}


def test_C40_filter_by_a_model_that_never_came():
    assert ours(list_receivers(model="ghost.Mug")) == ["every", "ghost"]


def test_C40_filter_by_app_takes_its_models_and_its_code():
    listed = list_receivers(app="AUTH")
    assert ours(listed) == ["delete", "every", "group", "permission"]
    assert any(row.receiver.endswith(".create_permissions") for row in listed.receivers)
    assert ours(list_receivers(app="ghost")) == ["every", "ghost"]


def test_C40_mine_leaves_out_what_was_installed():
    listed = list_receivers(mine=True)
    assert {row.owner for row in listed.receivers} <= {"project", "syncops"}
    assert ours(listed) == ["delete", "every", "ghost", "group", "permission", "sold"]


def test_C40_filters_narrow_together():
    assert ours(list_receivers(signal="post_save", model="auth.Group", mine=True)) == ["group"]
    assert list_receivers(signal="pre_delete", model="auth.Permission", mine=True).receivers == ()


@pytest.mark.parametrize(
    ("filters", "message", "hint"),
    [
        ({"signal": "post_svae"}, "there is no signal 'post_svae'", "did you mean post_save?"),
        ({"signal": "save"}, "there is no signal 'save'", None),
        ({"model": "auth.Gruop"}, "there is no model 'auth.Gruop'", "did you mean auth.Group?"),
        ({"model": "nowhere"}, "there is no model 'nowhere'", "write it as app.Model"),
        ({"app": "auht"}, "there is no app 'auht'", "did you mean auth?"),
        ({"app": "zzz"}, "there is no app 'zzz'", ""),
    ],
)
def test_C40_a_misspelt_filter_is_never_an_empty_answer(filters, message, hint):
    with pytest.raises(UsageError) as caught:
        list_receivers(**filters)
    assert str(caught.value) == message
    if hint is not None:
        assert caught.value.hint == hint


def test_T25_the_result_is_frozen_and_its_rows_are_plain_json():
    listed = list_receivers()
    with pytest.raises(dataclasses.FrozenInstanceError):
        listed.receivers = ()  # type: ignore[misc]
    fields = [
        "signal",
        "sender",
        "receiver",
        "file",
        "line",
        "dispatch_uid",
        "weak",
        "dead",
        "async",
        "owner",
    ]
    fields.append("order")
    for row in json.loads(json.dumps([row.record() for row in listed.receivers])):
        assert list(row) == fields


#: Prints the modules that listing loaded beyond `django.setup()`; whatever listing printed would come before.
QUIET = """
import json, os, sys
from django.conf import settings
if not os.environ.get("DJANGO_SETTINGS_MODULE"):
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
import django
django.setup()
from django.db import connection
before = set(sys.modules)
from syncops.operations.signals import list_receivers
assert list_receivers().receivers
assert connection.connection is None, "listing opened a connection"
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_T09_listing_prints_nothing_queries_nothing_and_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    loaded = json.loads(done.stdout)
    assert "syncops.operations.signals" in loaded
    # Two small built-in modules of Python, which Django itself happens not to need.
    assert {name for name in loaded if not name.startswith("syncops")} <= {"__future__", "gc"}
