"""Dispatch publishes what was lost, and leaves alone what waits for its turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Message
from clarion.contracts.job import JOBS_CONTENT_TYPE, Jobs
from clarion.rules.outcomes import Outcome, Sent
from clarion.store.database import Database
from services.notifier.providers.capture import CaptureProvider
from services.notifier.providers.provider import Outgoing
from services.notifier.schedule import lost_jobs
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}
COUNT = 1_000
CONCURRENCY = 4

WATCH = """
CREATE TABLE updates (id uuid);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO updates VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER watch AFTER UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION watch()
"""
LATER = "UPDATE deliveries SET due_at = due_at - interval '10 minutes' WHERE state = 'queued'"
SENT = "SELECT 1 FROM deliveries WHERE state = 'sent'"


class Counting(MemoryBus):
    """Counts how often the job of a delivery was published; swallows them while `losing`."""

    def __init__(self) -> None:
        super().__init__()
        self.published: Counter[UUID] = Counter()
        self.losing = False

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        if message.content_type == JOBS_CONTENT_TYPE:
            jobs = msgspec.json.decode(message.body, type=Jobs).jobs
            self.published.update(job.delivery for job in jobs)
            if self.losing:
                return
        await super().publish(exchange, key, message, mandatory=mandatory)


class Slow:
    """A provider that takes nothing before it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked = 0

    async def send(self, delivery: Outgoing) -> Outcome:
        self.asked += 1
        await self.go.wait()
        return Sent()


@asynccontextmanager
async def counting_bus() -> AsyncIterator[Counting]:
    bus = Counting()
    await bus.start()
    yield bus
    await bus.close()


async def test_what_waits_for_a_slow_sender_is_published_once_and_not_rewritten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    monkeypatch.setattr(CaptureProvider, "send", slow.send)
    monkeypatch.setattr(lost_jobs, "OVERTAKEN_BY", timedelta(hours=1))  # time passes by the rows
    monkeypatch.setattr(lost_jobs, "LOOK_S", 0.05)
    monkeypatch.setattr(lost_jobs, "IDLE_S", 0.1)
    looks = Counter[int]()
    look = lost_jobs.LostJobs.look

    async def counted(self: lost_jobs.LostJobs) -> int:
        looks[id(self)] += 1
        return await look(self)

    monkeypatch.setattr(lost_jobs.LostJobs, "look", counted)
    settings = NotifierSettings(send_concurrency=CONCURRENCY)
    async with counting_bus() as bus, running_notifiers(bus, database, settings):
        every = [event(to=[ANN], channels=["email"]) for _ in range(COUNT)]
        await publish(bus, envelope(*every))
        await wait_until(lambda: slow.asked == CONCURRENCY, 20, "the sender is busy")
        await wait_for_rows(database, "SELECT 1 FROM deliveries", COUNT)
        async with database.driver() as tx:
            await tx.execute(LATER)
            await tx.execute(WATCH)
        seen = min(looks.values())
        await wait_until(lambda: min(looks.values()) > seen + 20, 30, "twenty looks")
        assert await rows(database, "SELECT 1 FROM updates") == []
        slow.go.set()
        await wait_for_rows(database, SENT, COUNT, timeout_s=60)
        assert set(bus.published.values()) == {1}
    (updates,) = await rows(database, "SELECT count(*) AS n FROM updates")
    assert updates["n"] <= 2 * COUNT


async def test_lost_jobs_are_published_again_where_nobody_has_anything_to_do(
    database: Database,
) -> None:
    async with counting_bus() as bus, running_notifiers(bus, database, count=2):
        bus.losing = True
        await publish(bus, envelope(*(event(to=[ANN], channels=["email"]) for _ in range(50))))
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'queued'", 50)
        await wait_until(lambda: len(bus.published) == 50, 20, "all were published")
        bus.losing = False
        async with database.driver() as tx:
            await tx.execute(LATER)
        await wait_for_rows(database, SENT, 50)
        assert set(bus.published.values()) == {2}


async def test_a_lost_job_is_found_by_a_line_that_is_never_idle(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_jobs, "IDLE_S", 3600)
    monkeypatch.setattr(lost_jobs, "LOOK_S", 0.05)
    async with counting_bus() as bus, running_notifiers(bus, database):
        bus.losing = True
        await publish(bus, envelope(event(id="lost", to=[ANN], channels=["email"])))
        await wait_until(lambda: len(bus.published) == 1, 20, "it was published")
        bus.losing = False
        async with database.driver() as tx:
            await tx.execute(LATER)
        await publish(bus, envelope(event(to=[ANN], channels=["email"])))
        await wait_for_rows(database, SENT, 2)
    lost: Any = max(bus.published.values())
    assert lost == 2
