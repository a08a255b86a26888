"""Consumes one lane: plans events and slices, publishes the results, acknowledges.

| case | action |
|---|---|
| planned and published | acknowledged |
| the database is unavailable, or a race was lost | retried, never dead-lettered |
| too slow while the database answers | divided and retried after newer work; a single event that |
| | is too slow `MAX_ATTEMPTS` times is dead-lettered: `took_too_long` |
| planning raises | the batch is halved until the poison event is alone and dead-lettered |
| the broker is unavailable for the results | published again until confirmed; acknowledged |
| the process dies in between | redelivered; the committed rows are read back |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import structlog

from clarion.bus.protocol import Bus, Received, Subscription, SubscriptionClosed
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database
from clarion.topology import events_queue
from services.notifier import metrics
from services.notifier.fail_points import reach
from services.notifier.failures import TookTooLong
from services.notifier.ingest.environment import MAX_WAIT_S, Environment
from services.notifier.ingest.work import Pending, Work
from services.notifier.messages.parser import MessageParser
from services.notifier.plan.batch import Batch, BatchTooLarge, Planner
from services.notifier.plan.claim import key_of
from services.notifier.publish.outbox import Outbox, Publisher
from services.notifier.publish.readback import NO_ID, read_back
from services.notifier.transient_retry import Stopped

log = structlog.get_logger("clarion.notifier")

PREFETCH = 128
MAX_HELD = PREFETCH // 2
"""Messages that may wait after being too slow. Beyond this the messages of the tenant (or large
event) with most of them are dead-lettered: they would use up the prefetch and block other
tenants."""
MAX_ATTEMPTS = 3
"""Attempts of an event or a slice that is too slow while the database answers."""


class Consumer:
    """One worker of one lane with its own subscription."""

    def __init__(
        self,
        lane: str,
        *,
        bus: Bus,
        database: Database,
        planner: Planner,
        publisher: Publisher,
        parser: MessageParser,
        batch_size: int,
    ) -> None:
        self._lane = lane
        self._queue = events_queue(lane)
        self._database = database
        self._environment = Environment(lane, database, publisher)
        self._planner = planner
        self._parser = parser
        self._batch_size = batch_size
        self._subscription: Subscription = bus.subscribe(self._queue, prefetch=PREFETCH)
        self._pending = Pending()

    @property
    def held(self) -> str:
        """Code of the condition that prevents planning or publishing now, else empty."""
        return self._environment.held

    async def run(self) -> None:
        """Run until `stop`; then finish work in progress except work that was too slow."""
        try:
            while True:
                messages = await self._take()
                parsed_messages = [self._parser.parse(message) for message in messages]
                self._pending.add(parsed_messages, self._batch_size)
                await self._turn()
        except SubscriptionClosed:
            await self._hand_back()
        except Stopped:
            await self._hand_back()
        except BaseException:
            await self._hand_back()
            raise

    async def stop(self) -> None:
        """Stop consuming. Does not wait for work in progress."""
        self._environment.stop()
        await self._subscription.close()

    async def _take(self) -> Sequence[Received]:
        """Messages that have arrived; none if deferred work is due first."""
        wait_s = self._pending.wait_s(time.monotonic())
        if wait_s is None:
            return await self._subscription.take(PREFETCH)
        try:
            async with asyncio.timeout(wait_s):
                return await self._subscription.take(PREFETCH)
        except TimeoutError:
            return []

    async def _turn(self) -> None:
        """Plan all events that have arrived, then one slice or one piece of deferred work."""
        while self._pending.fresh:
            await self._work(self._pending.fresh.popleft())
        later = self._pending.next_later(time.monotonic())
        if later is not None:
            await self._work(later)

    async def _work(self, work: Work) -> None:
        parts = [work]
        finished: list[Received] = []
        while parts:
            part = parts.pop()
            try:
                outbox = await self._environment.until_possible(partial(self._plan, part))
            except Stopped:
                raise
            except TookTooLong as error:
                finished += await self._too_slow(part, error)
            except BatchTooLarge as error:
                groups = part.groups(error.sizes, error.most)
                parts.extend(reversed(self._pending.split(part, groups)))
            except Exception as error:
                halves = part.halves()
                if len(halves) > 1:
                    parts.extend(reversed(self._pending.split(part, halves)))
                    continue
                finished += await self._dead_letter(part, error)
            else:
                await self._publish(outbox)
                finished += self._pending.done(part)
        reach("plan.after_publish")
        if finished:
            await self._subscription.ack(finished)
            self._pending.settled(finished)
        reach("plan.after_ack")

    async def _plan(self, work: Work) -> Outbox:
        slice_ = work.slice_
        if slice_ is None:
            return await self._planner.plan(self._batch_of(work))
        return await self._planner.plan_slice(
            slice_, is_redelivered=work.is_redelivered, failures=work.failures
        )

    def _batch_of(self, work: Work) -> Batch:
        redelivered = frozenset(
            key_of(entry)
            for parsed in work.parsed_messages
            if parsed.message.redelivered
            for entry in parsed.entries
        )
        return Batch(self._lane, self._queue, work.entries, work.malformed, redelivered)

    async def _too_slow(self, work: Work, error: TookTooLong) -> list[Received]:
        """Defer the work, or dead-letter it; returns the messages that are done."""
        metrics.PLAN_TOO_SLOW.labels(self._lane).inc()
        work.count_failure()
        divided = work.divided()
        log.warning("plan_too_slow", lane=self._lane, parts=len(divided), error=str(error))
        if len(divided) > 1:
            self._pending.later.extend(self._pending.split(work, divided))
        elif work.failures < MAX_ATTEMPTS:
            work.defer(min(MAX_WAIT_S, backoff_s(work.failures)))
            self._pending.later.append(work)
        else:
            return await self._dead_letter(work, error)
        finished: list[Received] = []
        for excess in self._pending.take_excess(MAX_HELD):
            for part in self._pending.split(excess, [Work([alone]) for alone in excess.parts()]):
                finished += await self._dead_letter(part, error)
        return finished

    async def _dead_letter(self, work: Work, error: Exception) -> list[Received]:
        """Dead-letter one event, slice or malformed part, so that it can be redriven."""
        log.error("dead_lettered", lane=self._lane, error=type(error).__name__)
        try:
            await self._environment.until_possible(partial(self._park, work, error))
        except TookTooLong:
            # retried later: nothing is lost, and no other work waits for it
            work.defer(MAX_WAIT_S)
            self._pending.later.append(work)
            return []
        return self._pending.done(work)

    async def _park(self, work: Work, error: Exception) -> None:
        slice_ = work.slice_
        if slice_ is not None:
            await self._planner.park_slice(slice_, self._queue, error)
        elif work.entries:
            await self._planner.park_event(self._batch_of(work), error)
        else:
            await self._planner.park_unstorable(self._queue, work.malformed)

    async def _publish(self, outbox: Outbox) -> None:
        await self._environment.until_published(outbox)
        if not outbox.duplicates:
            return
        last = NO_ID
        while True:
            read = partial(read_back, self._database, outbox.duplicates, last)
            try:
                earlier, following = await self._environment.until_possible(read)
            except TookTooLong as error:
                # hints: the rows are committed, and dispatch publishes due ones
                log.warning("read_back_skipped", lane=self._lane, error=str(error))
                return
            await self._environment.until_published(earlier)
            if following is None:
                return
            last = following

    async def _hand_back(self) -> None:
        left = self._pending.take_all()
        if left:
            log.warning("plan_handed_back", messages=len(left))
            await self._subscription.release(left)
