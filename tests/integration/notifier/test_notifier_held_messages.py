"""No message of jobs waits for its acknowledgement longer than a broker allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus, Received, Subscription
from clarion.errors import StoreUnavailable
from clarion.rules.outcomes import Outcome, Sent
from clarion.store.database import Database
from clarion.topology import LEAST_CONSUMER_TIMEOUT_S
from services.notifier.deliver import delivery_attempts, sender
from services.notifier.deliver.delivery_attempts import DeliveryAttempts
from services.notifier.deliver.leases import Lease, claim
from services.notifier.providers.capture import CaptureProvider
from services.notifier.providers.provider import Outgoing
from services.notifier.schedule import lost_jobs
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}
CONCURRENCY = 2
COUNT = 20
SENT = "SELECT 1 FROM deliveries WHERE state = 'sent'"
DUE = "UPDATE deliveries SET due_at = now() WHERE state = 'queued'"


class Settled:
    """A subscription that tells what became of its messages."""

    def __init__(self, inner: Subscription) -> None:
        self._inner = inner
        self.taken = self.acked = self.released = 0

    async def take(self, limit: int) -> list[Received]:
        messages = await self._inner.take(limit)
        self.taken += len(messages)
        return messages

    async def ack(self, messages: Sequence[Received]) -> None:
        self.acked += len(messages)
        await self._inner.ack(messages)

    async def release(self, messages: Sequence[Received]) -> None:
        self.released += len(messages)
        await self._inner.release(messages)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Watched(MemoryBus):
    """Keeps the subscription to the queue of normal email."""

    jobs: Settled

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        subscription = super().subscribe(queue, prefetch=prefetch)
        if queue != "clarion.deliveries.email.normal":
            return subscription
        self.jobs = Settled(subscription)
        return self.jobs  # pyright: ignore[reportReturnType]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time for a message, and those that are left are found soon."""
    monkeypatch.setattr(sender, "MAX_HELD_S", 0.3)
    monkeypatch.setattr(lost_jobs, "LOOK_S", 0.05)
    monkeypatch.setattr(lost_jobs, "IDLE_S", 0.1)
    monkeypatch.setattr(lost_jobs, "OVERTAKEN_BY", timedelta(0))


def test_the_bound_is_below_what_a_broker_may_be_set_to() -> None:
    assert sender.MAX_HELD_S + 60 < LEAST_CONSUMER_TIMEOUT_S < 30 * 60  # it looks once a minute


async def plan(bus: Bus, database: Database) -> None:
    """Deliveries in one message or a few."""
    await publish(bus, envelope(*(event(to=[ANN], channels=["email"]) for _ in range(COUNT))))
    await wait_for_rows(database, "SELECT 1 FROM deliveries", COUNT)


@pytest.mark.usefixtures("short")
async def test_slow_providers_hold_no_message_and_all_is_sent_in_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, asked = asyncio.Event(), list[UUID]()

    async def send(self: CaptureProvider, delivery: Outgoing) -> Outcome:
        asked.append(delivery.id)
        await go.wait()
        return Sent()

    monkeypatch.setattr(CaptureProvider, "send", send)
    bus = Watched()
    await bus.start()
    async with running_notifiers(bus, database, NotifierSettings(send_concurrency=CONCURRENCY)):
        await plan(bus, database)
        jobs = bus.jobs
        await wait_until(lambda: jobs.taken > 0 and jobs.acked == jobs.taken, 20, "acknowledged")
        assert (len(asked), jobs.released) == (CONCURRENCY, 0)
        assert await rows(database, SENT) == []
        go.set()
        await wait_until(lambda: _all_sent(database), 60, "all were sent")
    await bus.close()
    assert len(await rows(database, SENT)) == COUNT
    assert sorted(asked) == sorted(set(asked))


@pytest.mark.usefixtures("short")
async def test_slow_claims_hold_no_message_and_all_is_sent_in_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the database is away, or a row is locked."""
    go, in_time = asyncio.Event(), DeliveryAttempts.claim

    async def late(self: DeliveryAttempts, deliveries: Sequence[UUID], until: float) -> list[Lease]:
        await go.wait()
        return await in_time(self, deliveries, until)

    monkeypatch.setattr(DeliveryAttempts, "claim", late)
    bus = Watched()
    await bus.start()
    async with running_notifiers(bus, database, NotifierSettings(send_concurrency=CONCURRENCY)):
        await plan(bus, database)
        jobs = bus.jobs
        await wait_until(lambda: jobs.taken > 0 and jobs.acked == jobs.taken, 20, "acknowledged")
        assert (jobs.released, await rows(database, SENT)) == (0, [])
        go.set()
        await wait_until(lambda: _all_sent(database), 60, "all were sent")
    await bus.close()
    assert len(await rows(database, "SELECT 1 FROM attempts")) == COUNT


@pytest.mark.usefixtures("short")
async def test_a_database_that_is_away_ends_the_claims_of_a_message(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, tried = asyncio.Event(), asyncio.Event()

    async def claim_or_fail(*given: Any) -> list[Lease]:
        if away.is_set():
            tried.set()
            raise StoreUnavailable("The database does not answer.")
        return await claim(*given)

    monkeypatch.setattr(delivery_attempts, "claim", claim_or_fail)
    away.set()
    bus = Watched()
    await bus.start()
    with structlog.testing.capture_logs() as lines:
        async with running_notifiers(bus, database):
            await plan(bus, database)
            await wait_until(lambda: has_left(lines), 30, "the claims ended")
            assert tried.is_set()
            away.clear()
            await wait_until(lambda: _all_sent(database), 60, "all were sent")
    await bus.close()
    assert len(await rows(database, "SELECT 1 FROM attempts")) == COUNT


def has_left(lines: Sequence[Any]) -> bool:
    return any(one["event"] == "jobs_left" for one in lines)


async def _all_sent(database: Database) -> bool:
    """Whether all were sent; what waits is due, as after its minute in the queue."""
    async with database.driver() as tx:
        await tx.execute(DUE)
    return len(await rows(database, SENT)) == COUNT
