"""`flush`: deliver what is marked, store by store.

The rule: a dry run makes no write and no call; a flush goes through the same lanes as a worker, so the two never
send for one store at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from syncops import lanes, outbox
from syncops.delivery import Delivery, Means, Preview, deliver, preview
from syncops.dispatch import due
from syncops.models import Failure, Run
from syncops.operations import runs
from syncops.operations.stores import select
from syncops.values import Ending

#: Seconds between two looks of `--watch` and `--wait`.
LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did, one entry a store that had anything to do."""

    stores: tuple[Delivery, ...] = ()
    previews: tuple[Preview, ...] = ()
    dry_run: bool = False
    run: int | None = None

    @property
    def ending(self) -> Ending:
        """Leftovers where an item failed; temporary where a store that has work could not be served."""
        wrong = [each.misconfigured for each in self.stores] + [each.misconfigured for each in self.previews]
        if any(wrong):
            return Ending.MISCONFIGURED
        if any(each.parked or each.retrying for each in self.stores):
            return Ending.LEFTOVERS
        if any(each.unknown or (each.skipped_because and each.waiting) for each in self.stores):
            return Ending.TEMPORARY
        return Ending.DONE


def run(
    patterns: Sequence[str] = (),
    *,
    limit: int | None = None,
    force: bool = False,
    wait: bool = False,
    forever: bool = False,
    means: Callable[[str], Means] = lambda _: Means(),
    pause: Callable[[float], None] = time.sleep,
    part_of: int | None = None,
    using: str = "default",
) -> Flushed:
    """Deliver what waits in the stores that match, turn by turn, until nothing more can be sent now.

    `limit` is refs a store. `wait` goes on until nothing waits, also for items that are tried again later and
    lanes that are held; `forever` until the caller raises KeyboardInterrupt. `means(store)` gives each store its
    progress; `pause` waits between two looks. `part_of` is the Run of an operation that this flush belongs to.
    """
    chosen = [store.slug for store in select(patterns, using=using)]
    totals: dict[str, Delivery] = {}
    record: Run | None = None
    try:
        while True:
            for slug in _having_work(chosen, using):
                if record is None and part_of is None:
                    record = runs.start(
                        "flush",
                        store=",".join(patterns),
                        arguments={"limit": limit, "force": force},
                        using=using,
                    )
                number = record.pk if record is not None else part_of
                _turns(slug, totals, limit, force, number, means(slug), using)
            if not forever and (not wait or not _waiting(chosen, using)):
                break
            pause(LOOK)
    except KeyboardInterrupt:
        if not forever:
            raise
    finally:
        if record is not None:
            runs.finish(record, {slug: asdict(each) for slug, each in totals.items()}, using=using)
    return Flushed(tuple(totals.values()), run=record.pk if record else None)


def dry_run(
    patterns: Sequence[str] = (), *, limit: int | None = None, force: bool = False, using: str = "default"
) -> Flushed:
    """What a flush would do now, without a write and without a call."""
    chosen = select(patterns, using=using)
    found = tuple(preview(store.slug, force=force, limit=limit, using=using) for store in chosen)
    return Flushed(previews=found, dry_run=True)


def _turns(
    slug: str,
    totals: dict[str, Delivery],
    limit: int | None,
    force: bool,
    run: int | None,
    means: Means,
    using: str,
) -> None:
    """Turn after turn of one store, while they get anywhere."""
    total = totals.setdefault(slug, Delivery(slug))
    while True:
        left = None if limit is None else limit - total.refs
        turn = deliver(slug, using=using, force=force, limit=left, run=run, means=means)
        _add(total, turn)
        exhausted = limit is not None and total.refs >= limit
        if turn.skipped_because or not turn.waiting or not turn.moved or exhausted:
            return


def _add(total: Delivery, turn: Delivery) -> None:
    for name in ("refs", "calls", "delivered", "unchanged", "gone", "muted", "retrying", "parked", "unknown"):
        setattr(total, name, getattr(total, name) + getattr(turn, name))
    total.waiting, total.skipped_because = turn.waiting, turn.skipped_because
    total.misconfigured = turn.misconfigured


def _having_work(chosen: Sequence[str], using: str) -> Iterator[str]:
    """The stores that have something to deliver now, those with a lane that is not free included: it is said."""
    marked = {slug for slug in outbox.depth(using=using) if lanes.standing(slug, using=using).state != "off"}
    yield from (slug for slug in chosen if slug in {*marked, *due(using=using)})


def _waiting(chosen: Sequence[str], using: str) -> bool:
    """Whether something will still be sent by itself: what is paused or off is not waited for."""
    stopped = {"paused", "off"}
    going = [slug for slug in chosen if lanes.standing(slug, using=using).state not in stopped]
    retrying = Failure.objects.using(using).filter(
        store__in=going, muted=False, next_attempt_at__isnull=False
    )
    return bool(set(outbox.depth(using=using)) & set(going)) or retrying.exists()
