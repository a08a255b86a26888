"""Takes what has arrived on one lane, has it planned, publishes what follows, acknowledges.

| what happens | what is done |
|---|---|
| planned and published | acknowledged |
| the database is away, or a race was lost | held and tried again, never parked |
| planning raises | the batch is halved until the bad event is alone, which is parked |
| the broker does not take what follows | published again until it does; then acknowledged |
| the process ends in between | the messages come again; what was committed is read back |
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import structlog

from clarion.bus.protocol import Bus, Received, Subscription, SubscriptionClosed
from clarion.contracts.slice import Slice
from clarion.errors import BusUnavailable
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database
from clarion.topology import events_queue
from services.notifier import metrics
from services.notifier.fail_points import reach
from services.notifier.failures import is_condition
from services.notifier.intake import Intake, Reading
from services.notifier.outbox import Outbox, Publisher
from services.notifier.plan.batch import Batch, Planner
from services.notifier.plan.readback import NO_ID, read_back

log = structlog.get_logger("clarion.notifier")

PREFETCH = 128
MAX_WAIT_S = 5.0


Result = TypeVar("Result")


class Stopped(Exception):
    """The service stops and what is held could not be finished: it will come again."""


class Consumer:
    """One worker of one lane, with a subscription of its own."""

    def __init__(
        self,
        lane: str,
        *,
        bus: Bus,
        database: Database,
        planner: Planner,
        publisher: Publisher,
        intake: Intake,
        batch_size: int,
    ) -> None:
        self._lane = lane
        self._queue = events_queue(lane)
        self._database = database
        self._planner = planner
        self._publisher = publisher
        self._intake = intake
        self._batch_size = batch_size
        self._subscription: Subscription = bus.subscribe(self._queue, prefetch=PREFETCH)
        self._stopping = asyncio.Event()
        self.held = ""
        """Why nothing can be planned or published now, in a word; empty where work goes on."""

    async def run(self) -> None:
        """Work until `stop`; what is in hand is finished first."""
        while True:
            try:
                messages = await self._subscription.take(PREFETCH)
            except SubscriptionClosed:
                return
            await self._work(messages)

    async def stop(self) -> None:
        """Take no more. Does not wait for what is in hand."""
        self._stopping.set()
        await self._subscription.close()

    async def _work(self, messages: Sequence[Received]) -> None:
        readings = [self._intake.read(message) for message in messages]
        left = list(messages)
        try:
            for group in _groups(readings, self._batch_size):
                piece = group[0].piece
                if piece is not None:
                    await self._plan_slice(piece)
                else:
                    await self._plan_all(self._batch_of(group))
                reach("plan.after_publish")
                done = left[: len(group)]
                del left[: len(group)]
                await self._subscription.ack(done)
                reach("plan.after_ack")
        except Stopped:
            log.warning("plan_handed_back", messages=len(left))
            await self._subscription.release(left)
        except BaseException:
            await self._subscription.release(left)
            raise

    def _batch_of(self, group: Sequence[Reading]) -> Batch:
        return Batch(
            self._lane,
            self._queue,
            [entry for reading in group for entry in reading.entries],
            [one for reading in group for one in reading.malformed],
        )

    async def _plan_all(self, batch: Batch) -> None:
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                outbox = await self._until_possible(partial(self._planner.plan, part))
            except Stopped:
                raise
            except Exception as error:
                if len(part.entries) > 1:
                    parts.extend(reversed(part.halves()))
                    continue
                await self._park(part, error)
            else:
                await self._publish(outbox)

    async def _park(self, part: Batch, error: Exception) -> None:
        if not part.entries:
            raise error
        log.error("event_parked", lane=self._lane, error=type(error).__name__)
        await self._until_possible(partial(self._planner.park_event, part, error))

    async def _plan_slice(self, piece: Slice) -> None:
        try:
            outbox = await self._until_possible(partial(self._planner.plan_slice, piece))
        except Stopped:
            raise
        except Exception as error:
            log.error("slice_parked", lane=self._lane, error=type(error).__name__)
            park = partial(self._planner.park_slice, piece, self._queue, error)
            await self._until_possible(park)
        else:
            await self._publish(outbox)

    async def _publish(self, outbox: Outbox) -> None:
        await self._until_confirmed(outbox)
        if not outbox.duplicates:
            return
        last = NO_ID
        while True:
            read = partial(read_back, self._database, outbox.duplicates, last)
            earlier, following = await self._until_possible(read)
            await self._until_confirmed(earlier)
            if following is None:
                return
            last = following

    async def _until_possible(self, act: Callable[[], Awaitable[Result]]) -> Result:
        failures = 0
        while True:
            try:
                result = await act()
            except Exception as error:
                if not is_condition(error):
                    raise
                self.held = type(error).__name__
                failures += 1
                metrics.PLAN_RETRIES.inc()
                log.warning("plan_held", lane=self._lane, error=self.held)
            else:
                self.held = ""
                return result
            await self._wait(failures)

    async def _until_confirmed(self, outbox: Outbox) -> None:
        failures = 0
        while True:
            try:
                await self._publisher.publish(outbox)
            except BusUnavailable as error:
                self.held = error.code
                failures += 1
                metrics.PUBLISH_RETRIES.inc()
                log.warning("publish_held", lane=self._lane, reason=error.code)
            else:
                self.held = ""
                return
            await self._wait(failures)

    async def _wait(self, failures: int) -> None:
        try:
            async with asyncio.timeout(min(MAX_WAIT_S, backoff_s(failures - 1))):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise Stopped


def _groups(readings: Sequence[Reading], size: int) -> Iterator[list[Reading]]:
    """Readings in order: each slice alone, others together until they hold `size` events."""
    group: list[Reading] = []
    events = 0
    for reading in readings:
        if group and (reading.piece is not None or events + len(reading.entries) > size):
            yield group
            group, events = [], 0
        if reading.piece is not None:
            yield [reading]
            continue
        group.append(reading)
        events += len(reading.entries)
    if group:
        yield group
