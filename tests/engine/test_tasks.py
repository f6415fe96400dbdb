"""Hints and tasks against real brokers, and against brokers that refuse or hang.

The rule: a bound in seconds is asserted only where the requirement is one.
"""

from __future__ import annotations

import inspect
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import amqp
import kombu
import pytest
from celery import Celery
from celery.app.defaults import NAMESPACES, flatten
from django.db import OperationalError, connection, connections, transaction
from kombu.transport.redis import Channel as RedisChannel

from project.catalog.models import PriceRecord
from syncops import conf, delivery, dispatch, tasks
from syncops.models import Change, Lane, Store
from syncops.providers.memory import Memory
from tests.acceptance.conftest import delete_queue
from tests.conftest import make_product

#: The application of the test that runs; SYNCOPS["CELERY_APP"] names it.
app: Celery | None = None

URLS = {"redis": "redis://127.0.0.1:{port}/13", "rabbitmq": "amqp://guest:guest@127.0.0.1:{port}//"}
BROKERS = pytest.mark.parametrize("kind", sorted(URLS))

Make = Callable[[str, int], "Queue"]


class Queue:
    """The queue of a test on a broker at some port of this machine."""

    def __init__(self, kind: str, port: int) -> None:
        self.name = f"syncops-test-{uuid.uuid4().hex[:12]}"
        self.url = URLS[kind].format(port=port)
        self.real = URLS[kind].format(port={"redis": 6379, "rabbitmq": 5672}[kind])

    def messages(self) -> list[kombu.Message]:
        """Take everything that waits."""
        with kombu.Connection(self.real) as broker, broker.channel() as channel:
            queue = kombu.Queue(self.name, channel=channel)
            queue.declare()
            return list(iter(lambda: queue.get(no_ack=True), None))

    def hints(self) -> list[list[str]]:
        """Take everything that waits: store and database of each."""
        return [json.loads(message.body)[0] for message in self.messages()]

    def delete(self) -> None:
        delete_queue(self.real, self.name)


class Relay:
    """A way to a real broker that can fall silent or be cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.silent = False
        #: Bytes that the broker's answers may still have, in all.
        self.room: int | None = None
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    @property
    def connections(self) -> int:
        return len(self.pairs)

    def cut(self) -> None:
        """End every connection, as a broker does that is restarted."""
        for pair in self.pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        for thread in list(self.threads):
            thread.join(10)
        for pair in self.pairs:
            for end in pair:
                end.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((caller, broker))
            for source, sink, answers in ((caller, broker, False), (broker, caller, True)):
                thread = threading.Thread(target=self._pump, args=(source, sink, answers))
                self.threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if answers and self.room is not None:
                    data, self.room = data[: self.room], max(0, self.room - len(data))
                if data and not self.silent:
                    sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def broker(settings: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes the broker of the test: an application, a gate and publishers of its own."""
    queues: list[Queue] = []

    def make(kind: str, port: int = 0) -> Queue:
        request.getfixturevalue(f"{kind}_url")
        queue = Queue(kind, port or {"redis": 6379, "rabbitmq": 5672}[kind])
        queues.append(queue)
        settings.CELERY_BROKER_URL = queue.url
        settings.SYNCOPS = {**settings.SYNCOPS, "CELERY_APP": f"{__name__}.app"}
        made = Celery("tests", set_as_current=False)
        made.config_from_object(conf.celery_settings(queue.url), namespace="CELERY")
        made.conf.task_default_queue = queue.name
        monkeypatch.setattr(sys.modules[__name__], "app", made)
        monkeypatch.setattr(tasks, "_gate", dispatch.Gate())
        return queue

    yield make
    if app is not None:
        tasks._publishers(app, os.getpid()).force_close_all()
    tasks._publishers.cache_clear()
    for queue in queues:
        queue.delete()


@pytest.fixture
def relay(broker: Make) -> Iterator[Callable[[str], tuple[Relay, Queue]]]:
    relays: list[Relay] = []

    def make(kind: str) -> tuple[Relay, Queue]:
        relays.append(Relay({"redis": 6379, "rabbitmq": 5672}[kind]))
        return relays[-1], broker(kind, relays[-1].port)

    yield make
    for each in relays:
        each.close()


@pytest.fixture
def silence() -> Iterator[Callable[[bool], int]]:
    """The port of a listener that never answers, or whose backlog is full so that nobody even connects."""
    opened: list[socket.socket] = []

    def make(full: bool) -> int:
        listener = socket.create_server(("127.0.0.1", 0), backlog=0 if full else 16)
        opened.append(listener)
        # Linux accepts one connection more than the backlog says.
        for _ in range(4 if full else 0):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
            opened.append(caller)
        return int(listener.getsockname()[1])

    yield make
    for each in opened:
        each.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def failing_hint() -> float:
    """Seconds that a hint took to fail."""

    def work() -> None:
        with pytest.raises(kombu.exceptions.OperationalError):
            tasks.hint("eu")

    return seconds(work)


# What is sent


@BROKERS
def test_D10_a_hint_names_a_store_and_a_database_and_expires_with_the_sweep(
    broker: Make, settings: Any, kind: str
) -> None:
    queue = broker(kind)
    settings.SYNCOPS = {**settings.SYNCOPS, "SWEEP": 7.5}

    before = time.time()
    tasks.hint("eu", "other")

    [message] = queue.messages()
    assert json.loads(message.body)[:2] == [["eu", "other"], {}]
    assert message.headers["task"] == "syncops.deliver_store"
    expires = datetime.fromisoformat(message.headers["expires"]).timestamp()
    assert 7.5 <= expires - before <= 7.5 + (time.time() - before)


@BROKERS
def test_D10_a_commit_sends_one_hint_however_much_it_changed(
    broker: Make, transactional_db: Any, kind: str
) -> None:
    queue = broker(kind)
    eu = Store.objects.create(slug="eu", provider="memory")
    us = Store.objects.create(slug="us", provider="memory")
    queue.hints()

    with transaction.atomic():
        for number in range(20):
            make_product(eu, f"A-{number}")
            make_product(us, f"A-{number}")
        assert queue.hints() == [], "nothing before the commit"

    assert sorted(queue.hints()) == [["eu", "default"], ["us", "default"]]


def test_D13_without_a_broker_a_save_only_marks(
    transactional_db: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(tasks, "hint", lambda *args, **_: asked.append(args))
    settings.CELERY_BROKER_URL = ""
    make_product(Store.objects.create(slug="eu", provider="memory"), "A-1")
    assert Change.objects.exists()
    assert asked == []


@pytest.mark.parametrize("broker_url", ["", "redis://127.0.0.1:1/0"], ids=["no broker", "refused"])
def test_D10_celery_is_imported_by_the_first_hint_and_not_before(broker_url: str, tmp_path: Any) -> None:
    code = """
import sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from syncops.models import Store
from project.catalog.models import Product
Store.objects.create(slug="eu", provider="memory")
before = "celery" in sys.modules
Product.objects.create(store_id="eu", sku="A-1", name="Mug")
print(before, "celery" in sys.modules)
"""
    env = {key: value for key, value in os.environ.items() if not key.startswith("SYNCOPS_")}
    env |= {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
    }
    env |= {"SYNCOPS_HOME": str(tmp_path), "SYNCOPS_BROKER_URL": broker_url}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", str(bool(broker_url))], done.stderr


# Brokers that refuse, hang, or come back


@BROKERS
def test_D10_a_refused_broker_costs_the_caller_a_third_of_a_second_at_most(broker: Make, kind: str) -> None:
    broker(kind, closed_port())
    tasks.application().finalize()
    assert failing_hint() <= 0.3


@BROKERS
@pytest.mark.parametrize("full", [False, True], ids=["silent", "backlog full"])
def test_D10_a_hung_broker_costs_one_and_a_half_seconds_at_most(
    broker: Make, silence: Callable[[bool], int], kind: str, full: bool
) -> None:
    broker(kind, silence(full))
    assert failing_hint() <= 1.5


@BROKERS
def test_D10_a_broker_that_freezes_under_an_open_connection_costs_no_more(
    relay: Callable[[str], tuple[Relay, Queue]], kind: str
) -> None:
    way, queue = relay(kind)
    tasks.hint("eu")
    way.silent = True
    assert failing_hint() <= 1.5
    way.silent = False
    tasks.hint("us")
    assert queue.hints()[-1] == ["us", "default"]


@BROKERS
@pytest.mark.parametrize("room", [1, 50, 600])
def test_D10_a_broker_that_freezes_in_the_middle_of_an_answer_costs_no_more(
    relay: Callable[[str], tuple[Relay, Queue]], kind: str, room: int
) -> None:
    way, _ = relay(kind)
    way.room = room
    assert failing_hint() <= 1.5


@BROKERS
def test_D10_a_hint_survives_a_restart_of_the_broker_between_two_commits(
    relay: Callable[[str], tuple[Relay, Queue]], kind: str
) -> None:
    way, queue = relay(kind)
    tasks.hint("eu")
    way.cut()
    tasks.hint("us")
    assert queue.hints() == [["eu", "default"], ["us", "default"]]


@BROKERS
def test_D10_hints_of_one_process_share_a_connection(
    relay: Callable[[str], tuple[Relay, Queue]], kind: str
) -> None:
    way, queue = relay(kind)
    tasks.hint("eu")
    opened = way.connections
    for _ in range(4):
        tasks.hint("eu")
    assert len(queue.hints()) == 5
    assert way.connections == opened


@BROKERS
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_D10_a_forked_child_publishes_on_a_connection_of_its_own(
    relay: Callable[[str], tuple[Relay, Queue]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    way, queue = relay(kind)
    tasks.hint("parent")
    before = list(way.pairs)
    child = os.fork()
    if child == 0:
        try:
            tasks.hint("child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    tasks.hint("parent")

    assert queue.hints() == [["parent", "default"], ["child", "default"], ["parent", "default"]]
    opened = way.pairs[len(before) :]
    assert len(opened) == len(before), "as many again for the child, and none for the parent"


@BROKERS
def test_D10_a_save_survives_a_hung_broker_and_the_next_one_does_not_even_ask(
    relay: Callable[[str], tuple[Relay, Queue]], transactional_db: Any, kind: str
) -> None:
    way, _ = relay(kind)
    product = make_product(Store.objects.create(slug="eu", provider="memory"), "A-1")
    Change.objects.all().delete()
    tasks._publishers(tasks.application(), os.getpid()).force_close_all(close_pool=False)
    before, way.silent = way.connections, True
    others: list[str] = []

    def save(amount: str) -> None:
        with transaction.atomic():
            PriceRecord.objects.get(product=product).save()
            transaction.on_commit(lambda: others.append(amount))

    assert seconds(lambda: save("13.00")) <= 1.5
    asked = way.connections - before
    save("14.00")

    assert others == ["13.00", "14.00"], "the hooks of other apps still ran"
    assert Change.objects.count() == 2, "the rows are there for the sweep"
    assert (asked, way.connections - before) == (1, 1)


# The tasks


@pytest.fixture
def queue(broker: Make, transactional_db: Any) -> Queue:
    return broker("redis", 0)


def test_D12_deliver_store_delivers(queue: Queue) -> None:
    make_product(Store.objects.create(slug="eu", provider="memory"), "A-1")
    queue.hints()
    tasks.deliver_store("eu")
    assert list(Memory.shelf("eu").items) == ["A-1"]
    assert queue.hints() == []


def test_D09_a_turn_that_ended_with_work_left_asks_for_another_one(queue: Queue, settings: Any) -> None:
    store = Store.objects.create(slug="eu", provider="memory", options={"batch_limit": 1})
    for number in range(2):
        make_product(store, f"A-{number}")
    queue.hints()
    settings.SYNCOPS = {**settings.SYNCOPS, "TURN": 0}

    tasks.deliver_store("eu", "default")
    assert list(Memory.shelf("eu").items) == ["A-0"]
    assert queue.hints() == [["eu", "default"]]
    tasks.deliver_store("eu", "default")
    assert list(Memory.shelf("eu").items) == ["A-0", "A-1"]
    assert queue.hints() == []


def test_D09_a_lane_that_is_held_or_paused_asks_for_nothing(queue: Queue) -> None:
    make_product(Store.objects.create(slug="eu", provider="memory"), "A-1")
    queue.hints()
    Lane.objects.create(store_id="eu", paused_at="2026-01-01T00:00Z", paused_reason="a test")
    tasks.deliver_store("eu")
    assert Memory.shelf("eu").calls == []
    assert queue.hints() == []


def test_D10_a_hint_for_a_store_that_is_gone_does_nothing(queue: Queue) -> None:
    tasks.deliver_store("gone")
    assert queue.hints() == []
    assert not Lane.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_D11_the_sweep_hints_at_what_is_due_in_every_database(broker: Make) -> None:
    queue = broker("rabbitmq", 0)
    for using in ("default", "other"):
        make_product(Store.objects.using(using).create(slug="eu", provider="memory"), "A-1")
    queue.hints()
    tasks.sweep()
    assert sorted(queue.hints()) == [["eu", "default"], ["eu", "other"]]


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_D11_a_database_that_fails_does_not_stop_the_sweep_of_the_others(broker: Make) -> None:
    queue = broker("redis", 0)
    make_product(Store.objects.using("other").create(slug="eu", provider="memory"), "A-1")
    queue.hints()

    def down(*_: object) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(down):
        tasks.sweep()
    assert queue.hints() == [["eu", "other"]]
    assert connections["default"].is_usable()


def test_D11_the_sweep_does_not_mind_that_a_hint_failed_lately(queue: Queue, settings: Any) -> None:
    make_product(Store.objects.create(slug="eu", provider="memory"), "A-1")
    queue.hints()
    settings.SYNCOPS = {**settings.SYNCOPS, "DATABASES": ("default",)}
    tasks._gate.shut_until = float("inf")
    tasks.sweep()
    assert queue.hints() == [["eu", "default"]]


@pytest.mark.django_db(transaction=True)
def test_D07_a_turn_that_is_asked_to_stop_ends_after_its_call_with_the_lease_given_back(store: Any) -> None:
    store.options = {"batch_limit": 1}
    store.save()
    for number in range(3):
        make_product(store, f"A-{number}")
    stopping: list[str] = []

    def progress(done: delivery.Delivery) -> None:
        stopping.extend(["now"] * done.calls)

    done = delivery.deliver("eu", means=delivery.Means(progress=progress, stop=lambda: bool(stopping)))

    assert (done.calls, done.delivered, done.waiting, done.skipped_because) == (1, 1, 2, "")
    assert Lane.objects.get().expires_at is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "options", [{}, {"timeout": 600}], ids=["shortest lease", "store with a long timeout"]
)
def test_D02_a_lease_is_long_enough_for_the_call_it_was_renewed_for(
    settings: Any, options: dict[str, float]
) -> None:
    settings.SYNCOPS = {**settings.SYNCOPS, "TIMEOUT": 2, "LEASE": 7}
    make_product(Store.objects.create(slug="eu", provider="memory", options=options), "A-1")
    done = delivery.deliver("eu")
    assert (done.delivered, done.skipped_because) == (1, "")


# The settings


def test_D12_every_setting_is_one_that_celery_has() -> None:
    known = {name for name, _ in flatten(NAMESPACES)}
    for url in ("redis://h/0", "amqp://h//", "sqs://h"):
        given = {name.removeprefix("CELERY_").lower() for name in conf.celery_settings(url)}
        assert given <= known
    assert conf.celery_settings("") == {}


def test_D12_every_transport_option_is_one_that_the_transport_reads() -> None:
    on_redis = conf.celery_settings("rediss://h/0")["CELERY_BROKER_TRANSPORT_OPTIONS"]
    on_rabbitmq = conf.celery_settings("amqps://h//")["CELERY_BROKER_TRANSPORT_OPTIONS"]
    assert on_redis.keys() <= set(RedisChannel.from_transport_options)
    assert on_rabbitmq.keys() <= inspect.signature(amqp.Connection).parameters.keys()
    assert on_rabbitmq["confirm_publish"] is True


def test_D12_beat_follows_the_sweep() -> None:
    [entry] = conf.celery_settings("redis://h/0", {"SWEEP": 2.5})["CELERY_BEAT_SCHEDULE"].values()
    assert entry == {"task": tasks.sweep.name, "schedule": 2.5, "options": {"expires": 2.5}}


@pytest.mark.parametrize("name", ["syncops.deliver_store", "syncops.sweep"])
def test_D12_the_tasks_keep_their_options_whatever_the_project_says(name: str) -> None:
    careless = Celery("careless", set_as_current=False)
    careless.conf.update(
        task_acks_late=True, task_reject_on_worker_lost=True, task_ignore_result=False, task_time_limit=9
    )
    task = careless.tasks[name]
    assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (False, False, True)
    assert (task.soft_time_limit, task.time_limit) == (100, 110)
