"""However often an event is sent again, its audience is announced at most twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import LiveSubscription, Message, Received, Subscription
from clarion.contracts.announcement import decode_announcement
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE
from clarion.contracts.slice import SLICE_CONTENT_TYPE, SLICE_SIZE
from clarion.store.database import Database
from clarion.topology import DELIVERIES, EVENTS, LIVE
from services.notifier.settings import NotifierSettings
from tests.support.notifier import envelope, event, publish, rows, running_notifiers

REPEATS = 10
MEMBERS = 3 * SLICE_SIZE + 500
ONE_BY_ONE = NotifierSettings(plan_batch_size=1)
"""Each repeat is planned by itself, while the large audience is planned."""

ADD = """
INSERT INTO topic_members (tenant, topic, subscriber)
SELECT 'default', $1, 'm' || lpad(n::text, 6, '0') FROM generate_series(1, $2::int) n
"""


class TallyBus(MemoryBus):
    """Counts what is published, and knows when all of `clarion.events` is acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.published: dict[str, int] = {}
        self._unacknowledged = 0
        self.idle = asyncio.Event()

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        kind = message.content_type if exchange == EVENTS else exchange
        self.published[kind] = self.published.get(kind, 0) + 1
        if exchange == EVENTS:
            self._unacknowledged += 1
            self.idle.clear()
        await super().publish(exchange, key, message, mandatory=mandatory)

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        inner = super().subscribe(queue, prefetch=prefetch)
        return Tallied(inner, self) if queue.startswith(EVENTS) else inner

    def acknowledged(self, number: int) -> None:
        self._unacknowledged -= number
        if not self._unacknowledged:
            self.idle.set()


class Tallied:
    """A subscription that tells its bus what is acknowledged."""

    def __init__(self, inner: Subscription, bus: TallyBus) -> None:
        self._inner = inner
        self._bus = bus
        self.take, self.park = inner.take, inner.park
        self.release, self.close = inner.release, inner.close

    async def ack(self, messages: Sequence[Received]) -> None:
        await self._inner.ack(messages)
        self._bus.acknowledged(len(messages))


async def announced(bus: TallyBus, live: LiveSubscription) -> list[tuple[str, int]]:
    """(feed, version) of every frame so far."""
    frames: list[tuple[str, int]] = []
    left = bus.published.get(LIVE, 0)
    while left > 0:
        for message in await live.take(1_000):
            left -= 1
            found = decode_announcement(message.body).frames
            frames += [(one.feed, one.version) for one in found]
    return frames


async def settled(bus: TallyBus) -> None:
    async with asyncio.timeout(60):
        await bus.idle.wait()


@pytest.mark.parametrize("named", [0, 500])
async def test_repeats_while_a_large_audience_is_planned(named: int, database: Database) -> None:
    bus = TallyBus()
    await bus.start()
    live = bus.listen(["0"])
    async with database.driver() as tx:
        await tx.execute(ADD, "all", MEMBERS)
    sent = event(to=[*(f"user:n{n}" for n in range(named)), "topic:all"])
    async with running_notifiers(bus, database, ONE_BY_ONE):
        await publish(bus, *(envelope(sent) for _ in range(1 + REPEATS)))
        await settled(bus)
    frames = await announced(bus, live)
    people = named + MEMBERS
    told = await rows(database, "SELECT count(DISTINCT subscriber) AS n FROM notifications")
    assert told == [{"n": people}]
    assert len(set(frames)) == people
    assert len(frames) <= 2 * people
    slices = len(await rows(database, "SELECT 1 FROM slices"))
    assert bus.published[SLICE_CONTENT_TYPE] <= slices + 1 + REPEATS
    await bus.close()


async def test_repeats_of_an_event_for_a_thousand_people(database: Database) -> None:
    bus = TallyBus()
    await bus.start()
    live = bus.listen(["0"])
    async with database.driver() as tx:
        await tx.execute(ADD, "all", SLICE_SIZE - 1)
    sent = event(to=["topic:all", {"id": "a", "email": "a@example.org"}], channels=["email"])
    shown = event(to="topic:all")
    async with running_notifiers(bus, database, ONE_BY_ONE):
        again = [envelope(sent), envelope(shown)] * (1 + REPEATS)
        await publish(bus, *again)
        await settled(bus)
    assert len(await announced(bus, live)) <= 2 * (SLICE_SIZE - 1)
    assert bus.published[DELIVERIES] <= 2
    assert bus.published[ENVELOPE_CONTENT_TYPE] == len(again)
    await bus.close()


async def test_a_slice_that_is_published_again_and_again_is_planned_once(
    database: Database,
) -> None:
    """As dispatch does where the lane is behind."""
    bus = TallyBus()
    await bus.start()
    live = bus.listen(["0"])
    async with database.driver() as tx:
        await tx.execute(ADD, "all", MEMBERS)
    async with running_notifiers(bus, database):
        await publish(bus, envelope(event(to="topic:all")))
        await settled(bus)
        first = bus.published[SLICE_CONTENT_TYPE]
        planned = await rows(database, "SELECT event, topic, after FROM slices ORDER BY after")
        for one in planned:
            body = {"v": 1, **one, "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
            again = Message(msgspec.json.encode(body), SLICE_CONTENT_TYPE)
            await publish(bus, *(again for _ in range(REPEATS)))
        await settled(bus)
    assert len(await announced(bus, live)) <= 2 * MEMBERS
    assert bus.published[SLICE_CONTENT_TYPE] == first + REPEATS * len(planned)
    await bus.close()
