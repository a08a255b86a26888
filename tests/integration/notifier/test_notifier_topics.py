"""Events that name many topics: counted before anybody is read, and nobody else waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from clarion.bus.protocol import Bus
from clarion.records.inboxes import Person
from clarion.store.database import Database, Driver
from services.notifier.fail_points import arm, disarm
from services.notifier.plan import audience, batch
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

TOPICS = 60
MEMBERS = 300
EVENTS = 6

ADD = """
INSERT INTO topic_members (tenant, topic, subscriber)
SELECT 'default', $1 || t, $2 || lpad(n::text, 6, '0')
FROM generate_series(1, $3::int) t, generate_series(1, $4::int) n
"""
TOLD = "SELECT subscriber FROM notifications WHERE tenant = 'default'"
OPEN = "SELECT 1 FROM slices WHERE due_at IS NULL"
PENDING = "SELECT 1 FROM slices WHERE due_at IS NOT NULL"


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    disarm()


async def test_members_of_many_topics_are_told_once_each_event(
    bus: Bus, database: Database
) -> None:
    """The same members in all, a few of their own, and topics that nobody is in."""
    async with database.driver() as tx:
        await tx.execute(ADD, "same", "m", TOPICS, MEMBERS)
        await tx.execute("UPDATE topic_members SET subscriber = subscriber || '-' || topic"
                         " WHERE subscriber = 'm000001'")  # fmt: skip
    topics = [f"topic:same{n}" for n in range(1, TOPICS + 1)] + ["topic:empty", "topic:zzz"]
    events = [event(to=["user:direct", "user:m000002", *topics]) for _ in range(EVENTS)]
    everybody = 1 + TOPICS + MEMBERS - 1
    async with running_notifiers(bus, database):
        await publish(bus, envelope(*events))
        stored = await wait_for_rows(database, TOLD, EVENTS * everybody, timeout_s=60)
        await wait_for_rows(database, PENDING, 0)
    assert len({one["subscriber"] for one in stored}) == everybody
    heads = await rows(database, "SELECT DISTINCT version, unread FROM inboxes")
    assert heads == [{"version": EVENTS, "unread": EVENTS}]


async def test_an_event_of_another_tenant_waits_for_at_most_one_slice(
    memory_bus: Bus, database: Database
) -> None:
    async with database.driver() as tx:
        await tx.execute(ADD, "t", "m", TOPICS, MEMBERS)
    large = [event(to=[f"topic:t{n}" for n in range(1, TOPICS + 1)]) for _ in range(EVENTS)]
    other = envelope(event(id="other"), tenant="other")
    slices_before = 0
    planned = asyncio.Event()
    sending: list[asyncio.Task[None]] = []

    def count() -> None:
        nonlocal slices_before
        slices_before += 1
        arm("slice.after_commit", count)

    def send_other() -> None:
        sending.append(asyncio.create_task(publish(memory_bus, other)))
        arm("slice.after_commit", count)
        arm("plan.after_commit", planned.set)

    arm("slice.after_commit", send_other, nth=3)
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(*large))
        async with asyncio.timeout(30):
            await planned.wait()
        waited_for = slices_before
        (found,) = await rows(database, "SELECT id FROM events WHERE event_id = 'other'")
        pending = len(await rows(database, PENDING))
        disarm()
    assert found
    assert (waited_for <= 1, pending > 0) == (True, True)


async def test_nobody_is_read_before_it_is_known_that_all_fit(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audience that is sliced is not read by the transaction that claims the event, nor is one
    read twice because the batch is divided."""
    read: list[tuple[str, str]] = []
    members = audience.read_members

    async def counted(tx: Driver, topics: list[Person]) -> dict[Person, list[str]]:
        read.extend(topics)
        return await members(tx, topics)

    monkeypatch.setattr(audience, "read_members", counted)
    async with database.driver() as tx:
        await tx.execute(ADD, "small", "s", 8, batch.MAX_NOTIFICATIONS // 4)
        await tx.execute(ADD, "large", "m", 8, MEMBERS)
    small = [event(to=f"topic:small{n}") for n in range(1, 9)]
    large = [event(to=[f"topic:large{n}" for n in range(1, 9)]) for _ in range(4)]
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(*large, *small))
        count = 8 * batch.MAX_NOTIFICATIONS // 4 + 4 * MEMBERS
        await wait_for_rows(database, TOLD, count, timeout_s=60)
    assert sorted(read) == [("default", f"small{n}") for n in range(1, 9)]
