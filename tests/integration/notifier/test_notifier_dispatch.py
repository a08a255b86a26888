"""Dispatch and rescue: what was lost or died on the way is taken up again."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus, Message
from clarion.contracts.slice import SLICE_CONTENT_TYPE, SLICE_SIZE
from clarion.errors import BusUnavailable
from clarion.store.database import Database
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from tests.support.notifier import (
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    take_frames,
    wait_for_rows,
)

ANN = {"id": "ann", "email": "ann@example.org"}


class Forgetful(MemoryBus):
    """Takes no slices while `forgetful`."""

    forgetful = True

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        if self.forgetful and message.content_type == SLICE_CONTENT_TYPE:
            raise BusUnavailable("Forgetful.")
        await super().publish(exchange, key, message, mandatory=mandatory)


async def test_a_crash_before_a_slice_was_published_loses_no_member(database: Database) -> None:
    everybody = [f"s{n:05}" for n in range(SLICE_SIZE + 200)]
    await _add_members(database, everybody)
    bus = Forgetful()
    await bus.start()
    async with running_notifiers(bus, database, NotifierSettings(shutdown_timeout_s=0.2)):
        await publish(bus, envelope(event(to=["user:direct", "topic:all"])))
        await wait_for_rows(database, "SELECT 1 FROM slices", 1)
    bus.forgetful = False
    live = bus.listen(["0"])
    async with running_notifiers(bus, database, count=2):
        frames = await take_frames(live, len(everybody) + 1)
    assert sorted({feed for feed, _, _ in frames}) == sorted(
        f"default/{one}" for one in [*everybody, "direct"]
    )
    assert len(await rows(database, "SELECT 1 FROM notifications")) == len(everybody) + 1
    await bus.close()


async def test_a_slice_whose_message_was_lost_is_published_again(
    memory_bus: Bus, database: Database
) -> None:
    everybody = [f"s{n:05}" for n in range(SLICE_SIZE + 200)]
    await _add_members(database, everybody)
    lost = Forgetful()
    await lost.start()
    async with running_notifiers(lost, database, NotifierSettings(shutdown_timeout_s=0.2)):
        await publish(lost, envelope(event(to="topic:all")))
        await wait_for_rows(database, "SELECT 1 FROM slices", 1)
    await lost.close()
    async with database.driver() as tx:
        await tx.execute("UPDATE slices SET due_at = now()")
    async with running_notifiers(memory_bus, database):
        await wait_for_rows(database, "SELECT 1 FROM notifications", len(everybody))


async def test_a_job_that_was_lost_is_published_again(memory_bus: Bus, database: Database) -> None:
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'sent'", 1)
        async with database.driver() as tx:
            await tx.execute("UPDATE deliveries SET state = 'queued', due_at = now()")
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE attempt_count = 2", 1)


async def test_a_delivery_whose_senders_always_die_ends_dead(
    memory_bus: Bus, database: Database
) -> None:
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'sent'", 1)
        async with database.driver() as tx:
            await tx.execute(
                "UPDATE deliveries SET state = 'sending', rounds = 9, due_at = now(),"
                " leased_until = now()"
            )
        query = "SELECT reason FROM deliveries WHERE state = 'dead'"
        assert await wait_for_rows(database, query, 1) == [{"reason": "attempts_used_up"}]
    assert len(await rows(database, "SELECT 1 FROM attempts")) == 1


async def test_a_notification_released_but_not_announced_is_announced_again(
    memory_bus: Bus, database: Database
) -> None:
    live = memory_bus.listen(["0"])
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event()))
        first = await take_frames(live, 1)
        async with database.driver() as tx:
            await tx.execute("UPDATE notifications SET due_at = now()")
        again = await take_frames(live, 1)
        await wait_for_rows(database, "SELECT 1 FROM notifications WHERE due_at IS NULL", 1)
    assert again == first


async def test_missing_partitions_are_made_at_the_start(
    memory_bus: Bus, database: Database
) -> None:
    async with database.driver() as tx:
        await tx.execute(f"DROP TABLE attempts_{datetime.now(UTC):%Y_%m}")
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
        await wait_until(lambda: _attempted(database), 20, "an attempt")


async def _attempted(database: Database) -> bool:
    return len(await rows(database, "SELECT 1 FROM attempts")) == 1


async def _add_members(database: Database, members: list[str]) -> None:
    async with database.driver() as tx:
        await tx.execute(
            "INSERT INTO topic_members (tenant, topic, subscriber)"
            " SELECT 'default', 'all', unnest($1::text[])",
            members,
        )
