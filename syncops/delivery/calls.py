"""One call to a provider, and what a turn needs from outside to make it.

The rule: a call is made again at once only where it is certain that nothing was sent; every exception is an
outcome, and none of them leaves the turn.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import tenacity

from syncops import errors

logger = logging.getLogger("syncops.delivery")

T = TypeVar("T")


@dataclass(slots=True)
class Delivery:
    """What one turn did for one store. Counts are items, but for `calls`."""

    store: str
    refs: int = 0
    calls: int = 0
    delivered: int = 0
    unchanged: int = 0
    gone: int = 0
    muted: int = 0
    retrying: int = 0
    parked: int = 0
    unknown: int = 0
    waiting: int = 0
    skipped_because: str = ""
    misconfigured: bool = False  #: skipped for something that only an operator can mend

    @property
    def moved(self) -> int:
        """Items that did not stay where they were."""
        settled = self.delivered + self.unchanged + self.gone + self.muted
        return settled + self.retrying + self.parked + self.unknown


@dataclass(slots=True)
class Means:
    """What a turn needs from outside, so that a test can hold it still."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: random.Random = field(default_factory=random.SystemRandom)
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    progress: Callable[[Delivery], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False  #: asked before each call; the turn ends where it says yes


def attempt(call: Callable[[], T], means: Means) -> T | Exception:
    """Make a call, at most three times in ten seconds, and return its answer or the exception it ended in."""
    again = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(3) | tenacity.stop_before_delay(10),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=2),
        retry=tenacity.retry_if_exception(_nothing_was_sent),
        sleep=means.sleep,
        reraise=True,
    )
    try:
        return again(call)
    except errors.ProviderError as error:
        return error
    except Exception as error:
        logger.exception("a call failed by a fault of ours")
        return error


def _nothing_was_sent(error: BaseException) -> bool:
    return isinstance(error, errors.Unreachable) or (
        isinstance(error, errors.ServerFault)
        and error.answered_before_body
        and error.status in {502, 503, 504}
    )
