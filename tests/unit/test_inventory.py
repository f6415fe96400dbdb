"""The inventory of receivers, on signals made here: every kind of receiver, sender and tuple (C40)."""

from __future__ import annotations

import functools
import gc
import inspect
import sys
import types
import weakref
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

from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import ModelSignal, post_delete, post_migrate, post_save
from django.dispatch import Signal
from django.utils.functional import SimpleLazyObject

from syncops.capture.inventory import connections_of, in_order, inventory
from syncops.capture.receivers import locate, owner_of, read_entry
from syncops.capture.senders import Senders
from syncops.capture.signal_names import named_signals

HERE = __name__
NONE = id(None)


def on_save(sender, **kwargs):
    raise AssertionError("looking must not call a receiver")


async def on_save_async(sender, **kwargs):
    raise AssertionError("looking must not call a receiver")


class Listener:
    def method(self, sender, **kwargs):
        raise AssertionError("looking must not call a receiver")

    @classmethod
    def of_class(cls, sender, **kwargs):
        raise AssertionError("looking must not call a receiver")

    def __call__(self, sender, **kwargs):
        raise AssertionError("looking must not call a receiver")


class Heir(Listener):
    pass


def rows(signal: Signal, name: str = "here.signal"):
    senders = Senders(gc.get_objects())
    return in_order(name, signal, [(found, senders.of(found)) for found in connections_of(signal)])


def line_of(thing) -> int:
    return inspect.getsourcelines(thing)[1]


# --- the tuple, in both layouts -------------------------------------------------------------------


class Model:
    """Any class can send; on Django 6 it is kept by a weak reference."""


def entry(layout: str, key, held, *, sender=None, is_async=False):
    keys = (key, NONE if sender is None else id(sender))
    if layout == "5.2":
        return (keys, held, is_async)
    return (keys, held, None if sender is None else weakref.ref(sender), is_async)


LAYOUTS = pytest.mark.parametrize("layout", ["5.2", "6.0"])


@LAYOUTS
def test_C40_entry_of_a_strong_receiver_without_uid(layout):
    found = read_entry(entry(layout, id(on_save), on_save))
    assert (found.target, found.uid, found.weak, found.dead, found.is_async) == (
        on_save,
        None,
        False,
        False,
        False,
    )
    assert found.sender_key == NONE


@LAYOUTS
def test_C40_entry_of_a_weak_async_receiver_with_uid(layout):
    found = read_entry(entry(layout, "my.uid", weakref.ref(on_save_async), sender=Model, is_async=True))
    assert found.target is on_save_async
    assert (found.uid, found.weak, found.dead, found.is_async) == ("my.uid", True, False, True)
    assert found.sender_key == id(Model)
    assert (found.sender_ref is None) == (layout == "5.2")


@LAYOUTS
def test_C40_async_is_never_read_from_the_place_of_the_sender(layout):
    """The fault of tools that count parts: on 5.2 every async receiver looked sync."""
    assert read_entry(entry(layout, "u", on_save_async, sender=Model, is_async=True)).is_async is True
    assert read_entry(entry(layout, "u", on_save, sender=Model, is_async=False)).is_async is False


@LAYOUTS
def test_C40_entry_whose_receiver_is_gone(layout):
    def passing(sender, **kwargs): ...

    with_id = entry(layout, id(passing), weakref.ref(passing))
    with_uid = entry(layout, "my.uid", weakref.ref(passing))
    del passing
    gc.collect()
    assert [(e.dead, e.target, e.uid) for e in map(read_entry, (with_id, with_uid))] == [
        (True, None, None),
        (True, None, "my.uid"),
    ]


@LAYOUTS
def test_C40_entry_of_a_bound_method_has_no_uid_dead_or_alive(layout):
    listener = Listener()
    key = (id(listener), id(Listener.method))
    held = weakref.WeakMethod(listener.method)
    alive = read_entry(entry(layout, key, held))
    assert alive.uid is None
    assert not alive.dead
    del listener, alive
    gc.collect()
    dead = read_entry(entry(layout, key, held))
    assert (dead.uid, dead.dead) == (None, True)
    assert dead.target is Listener.method, "the function of a dead method is still there to be named"


def test_C40_entry_whose_sender_is_gone_is_dead():
    class Passing: ...

    made = entry("6.0", "u", on_save, sender=Passing)
    del Passing
    gc.collect()
    assert read_entry(made).dead


@pytest.mark.parametrize("uid", ["text", 17, ("app", "name"), (1, 2)])
def test_C40_every_uid_of_a_live_receiver_is_the_users(uid):
    assert read_entry(((uid, NONE), on_save, False)).uid == uid


def test_C40_reads_what_the_running_django_stores():
    signal = Signal()
    listener = Listener()
    signal.connect(on_save, dispatch_uid="one")
    signal.connect(on_save_async, sender=Model, weak=False)
    signal.connect(listener.method, sender=ContentType)
    found = connections_of(signal)
    assert [(c.uid, c.weak, c.dead, c.is_async) for c in found] == [
        ("one", True, False, False),
        (None, False, False, True),
        (None, True, False, False),
    ]


# --- names and places of receivers ----------------------------------------------------------------


def decorated(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


LAMBDA = lambda sender, **kwargs: None  # noqa: E731
LISTENER = Listener()


@pytest.mark.parametrize(
    ("receiver", "path", "line"),
    [
        (on_save, f"{HERE}.on_save", line_of(on_save)),
        (LAMBDA, f"{HERE}.<lambda> (test_inventory.py:{line_of(LAMBDA)})", line_of(LAMBDA)),
        (functools.partial(on_save, extra=1), f"{HERE}.on_save", line_of(on_save)),
        (functools.partial(functools.partial(on_save), extra=1), f"{HERE}.on_save", line_of(on_save)),
        (functools.partial(LISTENER.method), f"{HERE}.Listener.method", line_of(Listener.method)),
        (LISTENER.method, f"{HERE}.Listener.method", line_of(Listener.method)),
        (Heir().method, f"{HERE}.Heir.method", line_of(Listener.method)),
        (Heir.of_class, f"{HERE}.Heir.of_class", line_of(Listener.of_class)),
        (LISTENER, f"{HERE}.Listener.__call__", line_of(Listener.__call__)),
        (Listener, f"{HERE}.Listener", line_of(Listener)),
        (decorated(on_save), f"{HERE}.on_save", line_of(on_save)),
        (functools.lru_cache(on_save), f"{HERE}.on_save", line_of(on_save)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_C40_every_kind_of_callable_has_a_name_and_a_place(receiver, path, line):
    assert locate(receiver) == (path, __file__, line, "project")


def test_C40_a_callable_without_python_code_has_no_place():
    assert locate(print) == ("builtins.print", None, None, "third party")


def test_C40_an_object_that_answers_every_attribute_with_itself_is_named():
    class Echo:
        def __getattr__(self, name):
            return self

        def __call__(self, sender, **kwargs): ...

    assert locate(Echo()).path.endswith("Echo.__call__")


def test_C40_a_class_without_source_has_its_file_only():
    made = type("Made", (), {"__module__": HERE})
    assert locate(made) == (f"{HERE}.Made", __file__, None, "project")


def test_C40_owner_is_told_by_location():
    import syncops

    root = Path(django.__file__).parent
    assert owner_of(django.__file__) == "django"
    assert owner_of(str(root.parent / "django_extra" / "x.py")) == "third party"
    assert owner_of(pytest.__file__) == "third party"
    assert owner_of(functools.__file__) == "third party"
    assert owner_of(syncops.__file__) == "syncops"
    assert owner_of(__file__) == "project"
    assert owner_of(None) == "project"


def test_C40_a_method_belongs_to_the_owner_of_its_class():
    from unittest import TestCase

    class Mine(TestCase):
        pass

    assert locate(Mine().setUp).owner == "project"
    assert locate(TestCase().setUp).owner == "third party"


def test_C40_a_celery_task_is_named_after_its_function():
    celery = pytest.importorskip("celery")
    app = celery.Celery("inventory-test", set_as_current=False)

    @app.task(name="inventory.push")
    def push(sender=None, **kwargs): ...

    assert locate(push).path.endswith(".push")
    assert locate(push).file == __file__
    assert locate(push.delay).path.endswith("push.delay")
    assert locate(push.delay).owner == "project"


# --- senders --------------------------------------------------------------------------------------


def test_C40_senders_are_named():
    config = apps.get_app_config("contenttypes")
    kind = type(config)
    permissions = Group.permissions.through
    signal = Signal()
    for number, sender in enumerate([None, ContentType, permissions, Model, kind, config, LISTENER, on_save]):
        signal.connect(on_save, sender=sender, dispatch_uid=f"s{number}")
    assert [row.sender for row in rows(signal)] == [
        "any",
        "contenttypes.ContentType",
        "auth.Group_permissions",
        f"{HERE}.Model",
        "django.contrib.contenttypes.apps.ContentTypesConfig",
        "instance of django.contrib.contenttypes.apps.ContentTypesConfig",
        f"instance of {HERE}.Listener",
        f"{HERE}.on_save",
    ]
    assert [row.model for row in rows(signal)][:4] == [
        None,
        "contenttypes.ContentType",
        "auth.Group_permissions",
        None,
    ]


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        (ContentType, "contenttypes.ContentType"),
        (Group.permissions.through, "auth.Group_permissions"),
        (apps.get_app_config("auth"), "instance of django.contrib.auth.apps.AuthConfig"),
    ],
)
def test_C40_models_and_apps_are_known_by_their_id_alone(sender, name):
    """Django 5.2 keeps nothing else; the heap is not needed for these."""
    found = read_entry((("u", id(sender)), on_save, False))
    assert Senders([]).of(found).name == name


SENDER_TEXT = "a constant of this module that sends"


def test_C40_a_text_that_sends_is_shown_and_an_untraceable_one_is_unknown():
    signal = Signal()
    lost = "".join(["never", " held ", "by a module"])
    signal.connect(on_save, sender=SENDER_TEXT)
    signal.connect(on_save, sender=lost)
    assert [row.sender for row in rows(signal)] == [repr(SENDER_TEXT), "(unknown object)"]


def test_C40_a_lazy_object_that_sends_is_not_woken():
    woken = []
    lazy = SimpleLazyObject(lambda: woken.append(1) or LISTENER)
    found = read_entry((("u", id(lazy)), on_save, False))
    assert Senders([lazy]).of(found).name == "instance of django.utils.functional.SimpleLazyObject"
    assert woken == []


def test_C40_a_sender_that_is_gone_is_told():
    class Passing: ...

    made = entry("6.0", "u", on_save, sender=Passing)
    del Passing
    gc.collect()
    assert Senders([]).of(read_entry(made)).name == "(gone)"


def test_C40_a_bound_method_that_sends_is_named():
    held_by_no_module = Listener()
    found = read_entry((("u", (id(held_by_no_module), id(Listener.method))), on_save, False))
    assert Senders([held_by_no_module, Listener.method]).of(found).name == f"{HERE}.Listener.method"
    assert Senders([held_by_no_module]).of(found).name == "(unknown object)"
    assert Senders([Listener.method]).of(found).name == "(unknown object)"


# --- rows -----------------------------------------------------------------------------------------


def test_C40_order_is_the_one_in_which_send_calls():
    called = []

    def make(name, *, asynchronous):
        def plain(sender, **kwargs):
            called.append(name)

        async def later(sender, **kwargs):
            called.append(name)

        return later if asynchronous else plain

    signal = Signal()
    for name, asynchronous in [("a", True), ("b", False), ("c", True), ("d", False)]:
        signal.connect(make(name, asynchronous=asynchronous), weak=False, dispatch_uid=name)
    signal.send(sender=None)
    shown = rows(signal)
    assert [row.dispatch_uid for row in shown] == called == ["b", "d", "a", "c"]
    assert [row.order for row in shown] == [1, 2, 3, 4]
    assert [row.is_async for row in shown] == [False, False, True, True]


def test_C40_dead_receivers_are_shown_last_without_an_order_and_are_not_purged():
    signal = Signal()
    listener = Listener()

    def passing(sender, **kwargs): ...

    signal.connect(passing, dispatch_uid="was.here")
    signal.connect(listener.method)
    signal.connect(on_save)
    del passing, listener
    gc.collect()
    before = list(signal.receivers)
    shown = rows(signal)
    assert [(row.receiver, row.dead, row.order) for row in shown] == [
        (f"{HERE}.on_save", False, 1),
        ("(gone)", True, None),
        (f"{HERE}.Listener.method", True, None),
    ]
    assert [(row.dispatch_uid, row.file, row.owner) for row in shown[1:]] == [
        ("was.here", None, "project"),
        (None, __file__, "project"),
    ]
    assert signal.receivers == before


def test_C40_one_row_has_the_fields_of_T25():
    signal = Signal()
    signal.connect(on_save, sender=ContentType, weak=False, dispatch_uid=("app", 1))
    (row,) = rows(signal, "shop.signals.sold")
    assert row.record() == {
        "signal": "shop.signals.sold",
        "sender": "contenttypes.ContentType",
        "receiver": f"{HERE}.on_save",
        "file": __file__,
        "line": line_of(on_save),
        "dispatch_uid": "('app', 1)",
        "weak": False,
        "dead": False,
        "async": False,
        "owner": "project",
        "order": 1,
    }


def test_C40_only_signals_of_models_hear_every_model():
    plain, of_models = Signal(), ModelSignal()
    for signal in (plain, of_models):
        signal.connect(on_save)
    assert [row.any_model for row in rows(plain) + rows(of_models)] == [False, True]
    assert [row.any_model for row in rows(plain, "syncops.signals.post_update")] == [True]


# --- finding and naming signals -------------------------------------------------------------------


class Shop:
    sold = Signal()


BOUGHT = Signal()


def name_of(signal: Signal) -> str:
    return next(name for name, found in named_signals(gc.get_objects()).items() if found is signal)


def test_C40_signals_have_the_name_they_are_documented_under():
    names = named_signals(gc.get_objects())
    assert names["django.db.models.signals.post_save"] is post_save
    assert names["django.db.models.signals.post_delete"] is post_delete
    assert names["django.db.models.signals.post_migrate"] is post_migrate
    documented = {
        "django.core.signals.request_started",
        "django.core.signals.request_finished",
        "django.core.signals.got_request_exception",
        "django.core.signals.setting_changed",
        "django.contrib.auth.signals.user_logged_in",
        "django.db.backends.signals.connection_created",
        "django.db.models.signals.class_prepared",
        "django.db.models.signals.m2m_changed",
        "django.utils.autoreload.file_changed",
    }
    assert documented <= names.keys()


def test_C40_signals_in_modules_classes_and_nowhere_are_all_found():
    assert name_of(BOUGHT) == f"{HERE}.BOUGHT"
    assert name_of(Shop.sold) == f"{HERE}.Shop.sold"
    nowhere, also = Signal(), ModelSignal()
    assert name_of(nowhere).startswith("django.dispatch.dispatcher.Signal unnamed ")
    assert name_of(also).startswith("django.db.models.signals.ModelSignal unnamed ")


def test_C40_a_frozen_heap_hides_no_signal_of_a_module():
    assert f"{HERE}.BOUGHT" in named_signals([])


@pytest.fixture
def modules(tmp_path, monkeypatch):
    def make(name: str, source: str) -> types.ModuleType:
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        module = types.ModuleType(name)
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(source, str(file), "exec"), module.__dict__)
        return module

    return make


def test_C40_the_defining_module_beats_those_that_import(modules):
    defining = "from django.dispatch import Signal\npaid: Signal = Signal()\n"
    importing = "from django.dispatch import Signal\nfrom a_long_name_of_a_shop import paid\n"
    paid = modules("a_long_name_of_a_shop", defining).paid
    modules("bill", importing + "paid.connect(print, sender=None, weak=False)\nTOTALS = dict(paid=1)\n")
    assert name_of(paid) == "a_long_name_of_a_shop.paid"


def test_C40_a_public_module_beats_the_private_one_that_defines(modules):
    paid = modules("_shop_core", "from django.dispatch import Signal\npaid = Signal()\n").paid
    modules("a_public_door_of_the_shop", "from _shop_core import paid\n")
    assert name_of(paid) == "a_public_door_of_the_shop.paid"


def test_C40_django_keeps_its_names_when_a_project_imports_them(modules):
    modules("sigs", "from django.db.models import signals\npost_migrate = signals.post_migrate\n")
    assert name_of(post_migrate) == "django.db.models.signals.post_migrate"


def test_C40_finding_wakes_no_lazy_object(modules):
    woken = []
    lazy = SimpleLazyObject(lambda: woken.append(1) or Signal())
    modules("with_lazy", "").lazy = lazy
    named_signals([lazy])
    assert woken == []


# --- the whole ------------------------------------------------------------------------------------


@pytest.fixture
def lazily():
    """Receivers for a model that never comes; taken back afterwards."""
    post_save.connect(on_save, sender="ghost.Product", dispatch_uid="ghost")
    post_delete.connect(on_save_async, sender="ghost.Product", weak=False)
    yield
    del apps._pending_operations["ghost", "product"]


@pytest.mark.usefixtures("lazily")
def test_C40_receivers_of_a_model_that_never_came_are_shown_as_dead():
    shown = [row for row in inventory().receivers if row.model == "ghost.product"]
    assert [
        (row.signal.rpartition(".")[2], row.sender, row.receiver, row.dead, row.order) for row in shown
    ] == [
        ("post_delete", "ghost.product (unresolved)", f"{HERE}.on_save_async", True, None),
        ("post_save", "ghost.product (unresolved)", f"{HERE}.on_save", True, None),
    ]
    assert [(row.dispatch_uid, row.weak, row.is_async) for row in shown] == [
        (None, False, True),
        ("ghost", True, False),
    ]


def test_C40_a_disconnect_that_waits_for_a_model_is_no_receiver():
    post_save.disconnect(on_save, sender="ghost.Other")
    try:
        assert ("ghost", "other") in apps._pending_operations
        assert not [row for row in inventory().receivers if row.model == "ghost.other"]
    finally:
        del apps._pending_operations["ghost", "other"]


def test_C40_relations_that_wait_for_a_model_are_no_receivers():
    apps.lazy_model_operation(functools.partial(print, "x"), ("ghost", "other"))
    try:
        assert not [row for row in inventory().receivers if row.model == "ghost.other"]
    finally:
        del apps._pending_operations["ghost", "other"]


def test_C40_a_lazy_sender_that_came_is_an_ordinary_one():
    post_save.connect(on_save, sender="auth.Group", dispatch_uid="came")
    try:
        (row,) = [row for row in inventory().receivers if row.dispatch_uid == "came"]
        assert (row.sender, row.dead, row.model) == ("auth.Group", False, "auth.Group")
        assert "auth" in row.apps
    finally:
        post_save.disconnect(on_save, sender=Group, dispatch_uid="came")


def test_C40_djangos_own_receivers_are_listed_and_walked_once(monkeypatch):
    walks = []
    walk = gc.get_objects
    monkeypatch.setattr(gc, "get_objects", lambda: walks.append(1) or walk())
    found = inventory()
    assert walks == [1]
    row = next(row for row in found.receivers if row.receiver == "django.db.reset_queries")
    assert (row.signal, row.sender, row.owner) == ("django.core.signals.request_started", "any", "django")
    row = next(row for row in found.receivers if row.receiver.endswith(".create_permissions"))
    assert row.signal == "django.db.models.signals.post_migrate"
    assert row.dispatch_uid == "django.contrib.auth.management.create_permissions"
    assert row.apps == {"auth"}
