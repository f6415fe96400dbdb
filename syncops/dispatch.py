"""Dispatch: which stores are due, and who is told.

The rule: a hint may be lost, doubled or late; it carries a store's slug and nothing else, and a broker that
does not answer never delays the caller twice in 30 seconds. The sender is handed in, so that nothing here knows
of Celery.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models.functions import Now

from syncops import lanes
from syncops.models import Change, Failure

logger = logging.getLogger("syncops.dispatch")

#: Seconds without a hint after one that failed.
QUIET = 30.0

#: Seconds after which no further hint is begun for one commit, however many stores it touched: with a hint of
#: one second at most, a caller is never held up for longer than 1.5 seconds.
BUDGET = 0.4


@dataclass(slots=True)
class Gate:
    """Keeps a broken broker from delaying request after request. One for each process."""

    monotonic: Callable[[], float] = time.monotonic
    shut_until: float = float("-inf")

    def send(self, stores: Iterable[str], send: Callable[[str], object]) -> int:
        """Send a hint for each store, as long as the broker takes them quickly. Raises nothing.

        Returns how many were sent; the sweep finds the others.
        """
        sent = 0
        ends = self.monotonic() + BUDGET
        for store in sorted(stores):
            if self.monotonic() < self.shut_until:
                return sent
            if self.monotonic() > ends:
                logger.warning("the broker is slow; the sweep delivers to the other stores")
                return sent
            try:
                send(store)
            except Exception as error:
                self.shut_until = self.monotonic() + QUIET
                # The text of a broker's exception may hold its address with the password.
                logger.warning("no hint could be sent (%s); the sweep delivers", type(error).__name__)
                return sent
            sent += 1
        return sent


def waits(store: str, *, using: str) -> bool:
    """Whether a store has something to deliver, whatever its lane says."""
    if Change.objects.using(using).filter(store=store).exists():
        return True
    return Failure.objects.using(using).filter(store=store, muted=False, next_attempt_at__lte=Now()).exists()


def due(*, using: str) -> list[str]:
    """The stores that have something to deliver and a lane that could be taken now."""
    marked = Change.objects.using(using).order_by().values_list("store", flat=True).distinct()
    failures = Failure.objects.using(using).filter(muted=False, next_attempt_at__lte=Now())
    waiting = {*marked, *failures.order_by().values_list("store", flat=True).distinct()}
    return sorted(waiting & lanes.ready(using))
