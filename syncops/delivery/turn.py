"""One turn of one lane: lease, read, plan, push, settle, until nothing is left or the time is over.

The rule: a call is started only while the lease outlasts it and the store is on, and everything it teaches is
settled under the token before the next one starts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeVar

from syncops import conf, errors, lanes, outbox, retry, signals
from syncops.delivery.calls import Delivery, Means, attempt
from syncops.delivery.plan import Fate, Item, survey
from syncops.delivery.settlement import Outcome, settle
from syncops.lanes import Lease
from syncops.models import Attempt, Lane, Store
from syncops.providers import registry
from syncops.providers.base import Provider
from syncops.retry import ItemEffect, ItemVerdict, Next, StoreEffect, Verdict
from syncops.values import Done, Listing

T = TypeVar("T")


#: Calls that one batch may cost while the item that spoils it is looked for.
BISECT_CALLS = 16

#: Changes that are read at once.
ROWS = 1000


def deliver(
    store: str,
    *,
    using: str = "default",
    force: bool = False,
    limit: int | None = None,
    run: int | None = None,
    means: Means | None = None,
) -> Delivery:
    """Take the lane of a store and deliver what waits there, for at most SYNCOPS["TURN"] seconds of work.

    A lane that cannot be taken, or a store that is set up wrongly, is not an error: the Delivery says why it was
    skipped. Raises InsideTransaction where the caller has a transaction open.
    """
    means = means or Means()
    done = Delivery(store)
    try:
        lease = lanes.take(store, owner=means.owner, using=using, monotonic=means.monotonic)
    except errors.LaneHeld as held:
        done.skipped_because = str(held)
    else:
        try:
            row = Store.objects.using(using).get(pk=store)
            with registry.make(row.provider, store, row.options) as provider:
                Turn(lease, provider, row, done, means, run, force=force).work(limit)
        except errors.LeaseLost as lost:
            done.skipped_because = str(lost)
        except (errors.ConfigurationError, errors.UsageError) as wrong:
            # One store that is set up wrongly must not keep the others waiting.
            done.skipped_because, done.misconfigured = wrong.advice, True
        finally:
            lanes.release(lease)
    done.waiting, _ = outbox.depth(using=using).get(store, (0, None))
    return done


class Turn:
    """The work of one turn, while its lease lasts."""

    def __init__(
        self,
        lease: Lease,
        provider: Provider,
        store: Store,
        done: Delivery,
        means: Means,
        run: int | None,
        *,
        force: bool,
    ) -> None:
        self.lease = lease
        self.provider = provider
        self.alias = store.provider
        self.timeout = float(store.options.get("timeout", conf.get().TIMEOUT))
        self.done = done
        self.means = means
        self.run = run
        self.force = force
        self.ends = means.monotonic() + conf.get().TURN

    def work(self, limit: int | None) -> None:
        """Deliver until nothing is left, the limit is reached, the time is over, or the store needs a rest."""
        while not self._over():
            rows = max(ROWS, self.provider.max_items)
            found = survey(
                self.lease.store, self.provider, rows=rows, force=self.force, using=self.lease.using
            ).items
            items = found if limit is None else found[: max(0, limit - self.done.refs)]
            if not items:
                return
            going = self._step(items)
            self.done.refs = self.done.moved
            self.means.progress(self.done)
            if not going:
                return

    def _over(self) -> bool:
        """Whether somebody wants the worker to stop, or the time is over; a turn gets somewhere first."""
        return self.means.stop() or (self.means.monotonic() >= self.ends and self.done.moved > 0)

    def _step(self, items: Sequence[Item]) -> bool:
        """Settle what needs no call, read back, send. Returns whether the turn may go on."""
        by_fate: dict[Fate, list[Item]] = {fate: [] for fate in Fate}
        for item in items:
            by_fate[item.fate].append(item)
        outcome = Outcome(settled=[*by_fate[Fate.UNCHANGED], *by_fate[Fate.GONE], *by_fate[Fate.MUTED]])
        for item in by_fate[Fate.REFUSED]:
            if item.refusal is not None:
                self._fail(outcome, item, item.refusal)
        for item in by_fate[Fate.LATER]:
            verdict = ItemVerdict(ItemEffect.UNKNOWN, "unconfirmed", "Its last call had no usable answer.")
            self._fail(outcome, item, verdict)
        self._settle(outcome)
        self.done.unchanged += len(by_fate[Fate.UNCHANGED])
        self.done.gone += len(by_fate[Fate.GONE])
        self.done.muted += len(by_fate[Fate.MUTED])
        if by_fate[Fate.READ_BACK] and not self._over() and not self._read_back(by_fate[Fate.READ_BACK]):
            return False
        return self._send(by_fate[Fate.SEND])

    def _send(self, items: Sequence[Item]) -> bool:
        by_sku = {item.listing.sku: item for item in items if item.listing is not None}
        planned = self.provider.plan([item.listing for item in items if item.listing is not None])
        batches = deque((batch, 1) for batch in planned)
        while batches:
            if self._over():
                return True
            batch, calls = batches.popleft()
            verdict = self._push(batch, by_sku, alone=len(batch) == 1)
            if verdict.next is Next.STOP:
                return False
            if verdict.next in {Next.HALVE, Next.BISECT} and len(batch) > 1:
                if calls >= BISECT_CALLS:
                    self._rest(verdict)
                    return False
                # Depth first, so that the item that spoils the call is found before the next batch is tried.
                half = len(batch) // 2
                batches.extendleft([(batch[half:], 2 * calls), (batch[:half], 2 * calls)])
        return True

    def _push(self, batch: Sequence[Listing], by_sku: dict[str, Item], *, alone: bool) -> Verdict:
        """One call and its settlement."""
        lanes.renew(self.lease, for_seconds=self.timeout)
        began = self.means.monotonic()
        try:
            answer = attempt(lambda: self._push_once(batch), self.means)
        except BaseException:
            self._note_interrupted([by_sku[listing.sku] for listing in batch], began)
            raise
        verdict = retry.classify(answer)
        self.done.calls += 1
        outcome = Outcome(attempt=self._attempt(answer, verdict, len(batch), began))
        results = {each.sku: each for each in answer.results} if isinstance(answer, Done) else {}
        for listing in batch:
            item = by_sku[listing.sku]
            if verdict.items is None:
                self._note(outcome, item, retry.classify_item(listing, results.get(listing.sku)))
            elif verdict.next in {Next.BISECT, Next.HALVE} and alone:
                self._fail(outcome, item, ItemVerdict(ItemEffect.PARKED, verdict.name, str(answer)))
            elif verdict.items is not ItemEffect.UNTOUCHED:
                self._fail(outcome, item, ItemVerdict(verdict.items, verdict.name, str(answer)))
        self._settle(outcome)
        self._account(verdict, answer)
        if outcome.confirmed:
            skus = tuple(item.listing.sku for item in outcome.confirmed if item.listing is not None)
            signals.delivered.send_robust(
                sender=Lane, store=self.lease.store, skus=skus, using=self.lease.using
            )
        self.means.progress(self.done)
        return verdict

    def _note_interrupted(self, items: Sequence[Item], began: float) -> None:
        """Ctrl-C or SIGTERM while a call was under way: the marketplace may have it, so it is read back first.

        Without this, the lane that is given back now could send a newer price before the older call arrives.
        """
        broken = errors.OutcomeUnknown("The call was interrupted on our side")
        outcome = Outcome(attempt=self._attempt(broken, retry.classify(broken), len(items), began))
        for item in items:
            self._fail(outcome, item, ItemVerdict(ItemEffect.UNKNOWN, "interrupted", str(broken)))
        self._settle(outcome)

    def _push_once(self, batch: Sequence[Listing]) -> Done:
        answer = self.provider.push(batch, self.timeout)
        if not isinstance(answer, Done):
            raise errors.ConfigurationError(
                f"{self.alias} accepts calls without an answer; there is no poll yet"
            )
        return answer

    def _read_back(self, items: Sequence[Item]) -> bool:
        """Ask what the marketplace shows of items whose call had no usable answer."""
        skus = [item.listing.sku for item in items if item.listing is not None]
        lanes.renew(self.lease, for_seconds=self.timeout)
        began = self.means.monotonic()
        answer = attempt(lambda: self.provider.fetch(skus, self.timeout), self.means)
        self.done.calls += 1
        if isinstance(answer, Exception):
            verdict = retry.classify(answer)
            self._settle(Outcome(attempt=self._attempt(answer, verdict, len(skus), began)))
            self._account(verdict, answer)
            return False
        verdict = Verdict("read back", StoreEffect.RESET, None, Next.GO_ON)
        shown = {sku: answer.get(sku) for sku in skus}
        self._settle(Outcome(shown=shown, attempt=self._attempt(answer, verdict, len(skus), began)))
        self._account(verdict, answer)
        return True

    def _note(self, outcome: Outcome, item: Item, verdict: ItemVerdict) -> None:
        if verdict.effect is ItemEffect.CONFIRMED:
            outcome.confirmed.append(item)
            self.done.delivered += 1
        else:
            self._fail(outcome, item, verdict)

    def _fail(self, outcome: Outcome, item: Item, verdict: ItemVerdict) -> None:
        effect = outcome.fail(item, verdict, chance=self.means.chance)
        self.done.retrying += effect is ItemEffect.RETRY
        self.done.parked += effect is ItemEffect.PARKED
        self.done.unknown += effect is ItemEffect.UNKNOWN

    def _settle(self, outcome: Outcome) -> None:
        settle(self.lease, outcome, provider=self.alias)

    def _attempt(self, answer: object, verdict: Verdict, items: int, began: float) -> Attempt:
        return Attempt(
            store_id=self.lease.store,
            run_id=self.run,
            token=self.lease.token,
            items=items,
            duration=self.means.monotonic() - began,
            verdict=verdict.name,
            http_status=getattr(answer, "status", None),
            request_id=getattr(answer, "request_id", ""),
        )

    def _account(self, verdict: Verdict, answer: object) -> None:
        """What the outcome means for the account of the store."""
        match verdict.store:
            case StoreEffect.RESET:
                lanes.succeeded(self.lease)
            case StoreEffect.FAULT:
                self._rest(verdict)
                self.done.skipped_because = f"{verdict.name}: {answer}"
            case StoreEffect.DENIED:
                lanes.denied(self.lease, str(answer), delay=conf.get().RETRY_FLOOR)
                self.done.skipped_because = f"{verdict.name}: {answer}"
            case StoreEffect.PAUSE:
                lanes.pause(self.lease.store, str(answer), using=self.lease.using)
                self.done.skipped_because = f"{verdict.name}: {answer}"
            case StoreEffect.NEUTRAL:
                pass

    def _rest(self, verdict: Verdict) -> None:
        settings = conf.get()
        delay = retry.backoff(
            lanes.streak(self.lease) + 1,
            base=settings.RETRY_BASE,
            cap=settings.RETRY_CAP,
            floor=settings.RETRY_FLOOR,
            retry_after=verdict.retry_after,
            uniform=self.means.chance,
        )
        lanes.failed(self.lease, delay=delay)
