"""Lost races: a deadlock or a serialisation failure is begun anew, and nobody hears of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from prometheus_client import REGISTRY

from clarion.bus.protocol import Bus
from clarion.errors import StoreUnavailable
from clarion.store.database import Database, Driver
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.release import release_scheduled
from services.pusher.inbox.command import InboxCommand
from services.pusher.inbox.commands import InboxCommands
from testbed.processes import wait_until
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

WAITS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def retried(error: str) -> float:
    return REGISTRY.get_sample_value("clarion_database_retries_total", {"error": error}) or 0.0


async def held_and_entered(bus: Bus, database: Database) -> None:
    """Two items of one person: one that has entered and is due to be announced again, one held."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    async with running_notifiers(bus, database):
        await publish(bus, envelope(event(), event(send_at=later)))
        await wait_for_rows(database, "SELECT 1 FROM notifications", 2)
    async with database.driver() as tx:
        await tx.execute("UPDATE notifications SET due_at = now() - interval '1 minute'")


async def test_a_release_and_a_command_take_the_inbox_before_its_items(
    memory_bus: Bus, database: Database
) -> None:
    await held_and_entered(memory_bus, database)
    async with database.driver() as command:
        await command.execute("SELECT 1 FROM inboxes WHERE subscriber = '42' FOR UPDATE")
        release = asyncio.create_task(database.run(lambda tx: release_scheduled(tx, Portion(100))))

        async def is_over_or_waits() -> bool:
            return release.done() or bool(await command.fetchval(WAITS))

        await wait_until(is_over_or_waits, 10, "the release")
        await command.execute("UPDATE notifications SET read_at = now() WHERE version = 1")
    first = await release
    async with database.driver() as tx:
        second = await release_scheduled(tx, Portion(100))
    assert (first.taken, second.taken) == (0, 2)
    heads = await rows(database, "SELECT version, unread FROM inboxes")
    assert [head["version"] for head in heads] == [2]


async def test_releases_and_commands_at_once_all_go_through(
    memory_bus: Bus, database: Database
) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    people = [f"user:p{n}" for n in range(5)]
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(*(event(to=people) for _ in range(10))))
        await publish(memory_bus, envelope(*(event(to=people, send_at=later) for _ in range(10))))
        await wait_for_rows(database, "SELECT 1 FROM notifications", 100)
    async with database.driver() as tx:
        await tx.execute("UPDATE notifications SET due_at = now() - interval '1 minute'")
    commands = InboxCommands(database)

    async def read_all(person: str) -> None:
        for verb in ("read", "unread", "seen", "read") * 3:
            await commands.apply(InboxCommand("default", person, verb, up_to=10))

    async def release_all() -> None:
        for _ in range(20):
            await database.run(lambda tx: release_scheduled(tx, Portion(7)))

    work = [read_all(person.removeprefix("user:")) for person in people]
    await asyncio.gather(*work, release_all(), release_all())
    async with database.driver() as tx:
        while (await release_scheduled(tx, Portion(100))).taken:
            pass
    left = await rows(database, "SELECT 1 FROM notifications WHERE version IS NULL")
    assert left == []


async def test_a_deadlock_is_begun_anew(database: Database) -> None:
    before = retried("DeadlockDetectedError")
    async with database.driver() as tx:
        await tx.execute("CREATE TABLE two (id int PRIMARY KEY, n int)")
        await tx.execute("INSERT INTO two VALUES (1, 0), (2, 0)")
    met = asyncio.Barrier(2)

    async def add(first: int, second: int) -> None:
        tries = 0

        async def work(tx: Driver) -> None:
            nonlocal tries
            tries += 1
            await tx.execute("UPDATE two SET n = n + 1 WHERE id = $1", first)
            if tries == 1:
                await met.wait()
            await tx.execute("UPDATE two SET n = n + 1 WHERE id = $1", second)

        await database.run(work)

    await asyncio.gather(add(1, 2), add(2, 1))
    assert [row["n"] for row in await rows(database, "SELECT n FROM two")] == [2, 2]
    assert retried("DeadlockDetectedError") - before == 1


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_a_race_that_is_always_lost_is_not_the_statements_fault(
    database: Database, sqlstate: str
) -> None:
    tries = 0

    async def work(tx: Driver) -> None:
        nonlocal tries
        tries += 1
        await tx.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$")

    with pytest.raises(StoreUnavailable) as lost:
        await database.run(work)
    assert tries == 5
    assert isinstance(lost.value.__cause__, asyncpg.TransactionRollbackError)
