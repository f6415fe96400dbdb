"""The tasks of a Celery worker, and the hints that ask for them. The only module that imports celery.

The rule: a message names a store and a database and nothing else; it may be lost, doubled or late. A task is
a few lines around a plain function, and whoever sends a hint waits about a second at most.
"""

from __future__ import annotations

import logging
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, cast

from celery import Celery, current_app, shared_task
from celery.signals import worker_shutting_down
from django.db import DatabaseError
from django.utils.module_loading import import_string
from kombu.connection import ConnectionPool

from syncops import conf, delivery, dispatch

logger = logging.getLogger("syncops.tasks")

#: Seconds that any one step of publishing a hint may wait for the broker.
PATIENCE = 1.0

#: Connections that threads of one process may publish on at once.
PUBLISHERS = 50

#: A publication that fails faster than this is tried once more on a new connection.
AT_ONCE = 0.25

_gate = dispatch.Gate()

#: Shared with the children of a worker's pool: not 0 once the worker is to stop.
_stopping = mmap.mmap(-1, 1)


def _options() -> dict[str, Any]:
    """What the tasks need whatever the project's own settings say (measured facts: docs/decisions.md).

    A hint is acknowledged early and its result ignored. The limits are there for a turn that no deadline of
    its own ends: its last call may begin at the end of TURN.
    """
    longest = conf.get().TURN + conf.get().TIMEOUT
    return {
        "ignore_result": True,
        "acks_late": False,
        "reject_on_worker_lost": False,
        "soft_time_limit": longest + 10,
        "time_limit": longest + 20,
    }


@shared_task(name="syncops.deliver_store", **_options())
def deliver_store(store: str, using: str = "default") -> None:
    """Deliver what waits for one store; ask for another turn where this one left something."""
    if not dispatch.waits(store, using=using):
        return  # Hints are doubled and late, and a turn in vain is not cheap.
    with _ending_with_its_call() as stop:
        done = delivery.deliver(store, using=using, means=delivery.Means(stop=stop))
        if done.misconfigured:
            logger.error("%s cannot be served: %s", store, done.skipped_because)
        if done.waiting and not done.skipped_because:
            send_hints([store], using)


@shared_task(name="syncops.sweep", **_options())
def sweep() -> None:
    """Send a hint for every store that is due: this is what repairs a hint that was lost."""
    for using in conf.get().DATABASES:
        try:
            due = dispatch.due(using=using)
        except DatabaseError:
            logger.exception("the database %s could not be swept", using)
        else:
            # A gate of its own: the broker has just brought this very task.
            dispatch.Gate().send(due, partial(hint, using=using))


def send_hints(stores: Iterable[str], using: str) -> None:
    """Send a hint for each store, unless the broker failed lately. Raises nothing."""
    _gate.send(stores, partial(hint, using=using))


def hint(store: str, using: str = "default") -> None:
    """Publish one hint. It expires with the sweep that would have found the store anyway.

    Raises what the broker's client raises, after about PATIENCE seconds at most.
    """
    app = application()
    with _publishers(app, os.getpid()).acquire(block=True, timeout=AT_ONCE) as connection:
        used, began = connection.connected, time.monotonic()
        try:
            _publish(app, connection, store, using)
        except Exception:
            connection.collect()
            if not used or time.monotonic() - began > AT_ONCE:
                raise
            # The broker was restarted since this connection was used last.
            _publish(app, connection, store, using)


def application() -> Celery:
    """The Celery application: SYNCOPS["CELERY_APP"], or the one that is current."""
    path = conf.get().CELERY_APP
    found: Any = import_string(path) if path else current_app
    return cast("Celery", found)


def _publish(app: Celery, connection: Any, store: str, using: str) -> None:
    connection.ensure_connection(max_retries=0, interval_start=0, timeout=PATIENCE)
    if sock := getattr(connection.connection, "sock", None):
        # py-amqp's own read_timeout does not end the wait for the rest of a frame that was begun.
        sock.settimeout(PATIENCE)
    task: Any = app.tasks["syncops.deliver_store"]
    task.apply_async(
        (store, using),
        expires=conf.get().SWEEP,
        producer=app.amqp.Producer(connection, auto_declare=False),
        # With a retry, kombu would wait for a hung broker far longer than its sockets do.
        retry=False,
        confirm_timeout=PATIENCE,
    )


@cache
def _publishers(app: Celery, _pid: int) -> ConnectionPool:
    """The connections of this process that hints are published on.

    They are not the application's own: a worker must be patient where a hint must not. And they are not
    shared with a child that was forked, where two would write on one socket.
    """
    options: dict[str, Any] = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    url = str(app.conf.broker_write_url or app.conf.broker_url or "")
    if url.startswith(conf.REDIS):
        options |= {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "retry_on_timeout": False}
    elif url.startswith(conf.RABBITMQ):
        options |= {"read_timeout": PATIENCE, "write_timeout": PATIENCE, "confirm_publish": True}
    connection = app.connection_for_write(connect_timeout=PATIENCE, transport_options=options, heartbeat=0)
    return connection.Pool(limit=PUBLISHERS)


@worker_shutting_down.connect
def _stop_turns(**_: object) -> None:
    _stopping[0] = 1


@contextmanager
def _ending_with_its_call() -> Iterator[Callable[[], bool]]:
    """Let a SIGTERM end a turn after the call in flight, with the lease given back. Yields whether it came.

    A worker that is stopped alone tells the children of its pool by shared memory. A child that gets the
    signal itself, as in a process group, would drop the call, whose outcome nobody would then know; so the
    signal is kept until the turn is over.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: bool(_stopping[0])
        return
    kept: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: kept.append(number))
    try:
        yield lambda: bool(kept or _stopping[0])
    finally:
        signal.signal(signal.SIGTERM, before)
        if kept:
            signal.raise_signal(signal.SIGTERM)
