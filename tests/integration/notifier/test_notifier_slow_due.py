"""Due work that is always too slow, or cannot be written: what else is due goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from clarion.bus.protocol import Bus
from clarion.rules.outcomes import Outcome, Sent
from clarion.store.database import Database
from services.notifier.providers.capture import CaptureProvider
from services.notifier.providers.provider import Outgoing
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule import due_rows
from services.notifier.schedule.dispatcher import Dispatcher
from services.notifier.schedule.due_deliveries import DueDeliveries
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.sources import due_sources
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from tests.integration.notifier.test_notifier_backlog import fill
from tests.integration.notifier.test_notifier_slow import wait_until_waited
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}
DUE_TABLES = ("deliveries", "notifications", "slices")
ALL_DUE = """
UPDATE deliveries SET state = 'scheduled', due_at = now();
UPDATE notifications SET due_at = now();
INSERT INTO slices (event, topic, after, tenant, lane, due_at, trace_id)
SELECT id, 'all', '', tenant, lane, now(), trace_id FROM events
"""
SENT = "SELECT 1 FROM deliveries WHERE state = 'sent'"
LAPSE = """
UPDATE deliveries SET due_at = now(), leased_until = now() - interval '1 s' WHERE state = 'sending'
"""
DAWDLE = """
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.recipient LIKE 'slow%' THEN PERFORM pg_sleep(60); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER dawdle BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION dawdle()
"""
TAKEN = "SELECT 1 FROM {table} WHERE (due_at IS NULL OR due_at > now())"
REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'refused'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()
"""


@pytest.fixture
async def hasty(postgres_url: str) -> AsyncIterator[Database]:
    """A pool whose statements end after half a second."""
    opened = Database(postgres_url, pool_size=8, timeout_s=0.5, application_name="clarion-test")
    yield opened
    await opened.close()


@asynccontextmanager
async def locked(database: Database, statement: str) -> AsyncIterator[None]:
    """While another connection holds what this statement locks."""
    async with database.driver() as tx:
        await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await tx.execute(statement)
        yield


@asynccontextmanager
async def dispatching(bus: Bus, database: Database) -> AsyncIterator[None]:
    dispatcher = Dispatcher(due_sources(database, Publisher(bus, shards=1)))
    task = asyncio.create_task(dispatcher.run())
    yield
    await dispatcher.stop()
    await task


async def one_of_each(bus: Bus, database: Database) -> None:
    """A row of each kind that is due now."""
    async with running_notifiers(bus, database):
        await publish(bus, envelope(event(to=ANN, channels=["inbox", "email"])))
        await wait_for_rows(database, "SELECT 1 FROM deliveries WHERE state = 'sent'", 1)
    async with database.driver() as tx:
        await tx.execute(ALL_DUE)


@pytest.mark.parametrize("table", DUE_TABLES)
async def test_each_kind_of_due_work_has_its_turn_whatever_another_does(
    table: str, memory_bus: Bus, database: Database, hasty: Database
) -> None:
    await one_of_each(memory_bus, database)
    async with (
        locked(database, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"),
        dispatching(memory_bus, hasty),
    ):
        for other in set(DUE_TABLES) - {table}:
            await wait_for_rows(database, TAKEN.format(table=other), 1)


@pytest.mark.parametrize("table", DUE_TABLES)
async def test_due_work_that_the_database_refuses_ends_no_other(
    table: str, memory_bus: Bus, database: Database
) -> None:
    """An error that is no condition of the environment, again and again."""
    await one_of_each(memory_bus, database)
    async with database.driver() as tx:
        await tx.execute(REFUSE.format(table=table))
    async with dispatching(memory_bus, database):
        for other in set(DUE_TABLES) - {table}:
            await wait_for_rows(database, TAKEN.format(table=other), 1)


class Holding:
    """A provider that takes everything. While it has a delivery to `held`, another connection
    begins to hold its row."""

    def __init__(self, database: Database, held: int) -> None:
        self._database = database
        self._held = held
        self._holders: list[asyncio.Task[None]] = []
        self._let_go = asyncio.Event()

    async def send(self, delivery: Outgoing) -> Outcome:
        if len(self._holders) < self._held:
            taken = asyncio.Event()
            self._holders.append(asyncio.create_task(self._hold(delivery.id, taken)))
            await taken.wait()
        return Sent()

    async def let_go(self) -> None:
        self._let_go.set()
        await asyncio.gather(*self._holders)

    async def _hold(self, delivery: UUID, taken: asyncio.Event) -> None:
        async with locked(
            self._database, f"SELECT 1 FROM deliveries WHERE id = '{delivery}' FOR UPDATE"
        ):
            taken.set()
            await self._let_go.wait()


def left_to_their_lease() -> float:
    found = REGISTRY.get_sample_value("clarion_deliveries_left_total", {"channel": "email"})
    return found or 0.0


async def test_deliveries_whose_rows_another_holds_do_not_keep_their_slots(
    memory_bus: Bus, database: Database, hasty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = 2
    holding = Holding(database, slots)
    monkeypatch.setattr(CaptureProvider, "send", holding.send)
    settings = NotifierSettings(send_concurrency=slots)
    before = left_to_their_lease()
    try:
        async with running_notifiers(memory_bus, hasty, settings):
            every = [event(to=[ANN], channels=["email"]) for _ in range(20)]
            await publish(memory_bus, envelope(*every))
            await wait_for_rows(database, SENT, 20 - slots, timeout_s=60)
            await wait_until(lambda: left_to_their_lease() == before + slots, 60, "both are left")
            await holding.let_go()
            async with database.driver() as tx:
                await tx.execute(LAPSE)
            await wait_for_rows(database, SENT, 20, timeout_s=60)
    finally:
        await holding.let_go()


async def test_a_delivery_that_is_too_slow_to_claim_does_not_hold_those_beside_it(
    memory_bus: Bus, database: Database, hasty: Database
) -> None:
    """They are in one message of jobs."""
    slow = {"id": "slow", "email": "slow@example.org"}
    async with database.driver() as tx:
        await tx.execute(DAWDLE)
    async with running_notifiers(memory_bus, hasty):
        people = [[slow] if n == 7 else [ANN] for n in range(20)]
        await publish(memory_bus, envelope(*(event(to=to, channels=["email"]) for to in people)))
        await wait_for_rows(database, SENT, 19, timeout_s=60)


async def test_attempts_that_nobody_can_record_wait_for_the_table(
    memory_bus: Bus, database: Database, hasty: Database
) -> None:
    """That is the environment: each is sent once, however long it lasts."""
    async with running_notifiers(memory_bus, hasty):
        async with locked(database, "LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE"):
            every = [event(to=[ANN], channels=["email"]) for _ in range(3)]
            await publish(memory_bus, envelope(*every))
            await wait_until_waited(database, 12)
        await wait_for_rows(database, SENT, 3)
    assert len(await rows(database, "SELECT 1 FROM attempts")) == 3


SLOW_ROWS = 60
"""Far more than others would wait for, one after another."""
SLOW_TENANT = """
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.tenant = 'slow' THEN PERFORM pg_sleep(60); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER dawdle BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION dawdle()
"""
MEND = "DROP FUNCTION dawdle() CASCADE"
LONG_DUE = "now() - CASE tenant WHEN 'slow' THEN interval '1 h' ELSE interval '1 s' END"
KINDS_DUE = {
    "delivery": f"UPDATE deliveries SET state = 'scheduled', due_at = {LONG_DUE}",
    "notification": f"UPDATE notifications SET due_at = {LONG_DUE}, version = NULL",
    "snoozed": f"UPDATE notifications SET due_at = {LONG_DUE}, snoozed_until = {LONG_DUE}",
    "slice": f"""
INSERT INTO slices (event, topic, after, tenant, lane, due_at, trace_id)
SELECT id, 'all', '', tenant, lane, {LONG_DUE}, trace_id FROM events""",
}
KIND_TABLES = {
    "delivery": "deliveries",
    "notification": "notifications",
    "snoozed": "notifications",
    "slice": "slices",
}
TAKEN_OF = (
    "SELECT 1 FROM {table} WHERE (tenant = 'slow') = $1 AND (due_at IS NULL OR due_at > now())"
)


def too_slow(kind: str) -> float:
    found = REGISTRY.get_sample_value("clarion_due_rows_too_slow_total", {"kind": kind})
    return found or 0.0


@pytest.mark.parametrize("kind", KINDS_DUE)
async def test_due_rows_of_others_are_taken_beside_a_tenant_whose_rows_are_too_slow(
    kind: str, memory_bus: Bus, database: Database, hasty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many it has, though they are due first; they are taken once they can be."""
    monkeypatch.setattr(due_rows, "PASS_S", 3.0)
    table = KIND_TABLES[kind]
    before = too_slow(kind)
    async with running_notifiers(memory_bus, database):
        for tenant, count in (("slow", SLOW_ROWS), ("t1", 40), ("t2", 40)):
            one = [event(to=ANN, channels=["inbox", "email"]) for _ in range(count)]
            await publish(memory_bus, envelope(*one, tenant=tenant))
        await wait_for_rows(database, SENT, SLOW_ROWS + 80)
    async with database.driver() as tx:
        await tx.execute(KINDS_DUE[kind])
        await tx.execute(SLOW_TENANT.format(table=table))
    async with dispatching(memory_bus, hasty):
        await wait_for_rows(database, TAKEN_OF.format(table=table), 80, False)
        assert await rows(database, TAKEN_OF.format(table=table), True) == []
        assert too_slow(kind) > before
        async with database.driver() as tx:
            await tx.execute(MEND)
        await wait_for_rows(database, TAKEN_OF.format(table=table), SLOW_ROWS, True, timeout_s=60)


@pytest.mark.parametrize("slow_rows", [1, 5])
async def test_due_rows_of_the_same_tenant_are_taken_beside_one_that_is_too_slow(
    slow_rows: int, memory_bus: Bus, database: Database, hasty: Database
) -> None:
    slow = {"id": "slow", "email": "slow@example.org"}
    people = [[slow]] * slow_rows + [[ANN]] * 20
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(*(event(to=to, channels=["email"]) for to in people)))
        await wait_for_rows(database, SENT, len(people))
    async with database.driver() as tx:
        await tx.execute(
            "UPDATE deliveries SET state = 'scheduled',"
            " due_at = now() - length(recipient) * interval '1 s'"
        )
        await tx.execute(DAWDLE)
    async with dispatching(memory_bus, hasty):
        await wait_for_rows(
            database, "SELECT 1 FROM deliveries WHERE state = 'queued'", 20, timeout_s=60
        )


async def test_a_lost_job_is_published_again_beside_one_that_is_too_slow(
    memory_bus: Bus, database: Database, hasty: Database
) -> None:
    slow = {"id": "slow", "email": "slow@example.org"}
    async with running_notifiers(memory_bus, database):
        await publish(
            memory_bus,
            envelope(*(event(to=[to], channels=["email"]) for to in (slow, ANN))),
        )
        await wait_for_rows(database, SENT, 2)
    async with database.driver() as tx:
        await tx.execute(
            "UPDATE deliveries SET state = 'queued',"
            " due_at = now() - length(recipient) * interval '1 s'"
        )
        await tx.execute(DAWDLE)
    async with running_notifiers(memory_bus, hasty):
        await wait_for_rows(database, SENT, 1, timeout_s=60)


async def test_while_nobody_can_take_what_is_due_no_row_is_to_blame(
    memory_bus: Bus, database: Database, hasty: Database
) -> None:
    await one_of_each(memory_bus, database)
    kinds = list(KINDS_DUE)
    before = [too_slow(kind) for kind in kinds]
    async with dispatching(memory_bus, hasty):
        async with locked(database, f"LOCK TABLE {', '.join(DUE_TABLES)} IN EXCLUSIVE MODE"):
            await wait_until_waited(database, 12)
        for table in DUE_TABLES:
            await wait_for_rows(database, TAKEN.format(table=table), 1)
    assert [too_slow(kind) for kind in kinds] == before


@pytest.mark.parametrize("lane", ["urgent", "normal"])
async def test_finding_due_deliveries_reads_the_index_whatever_is_passed_over(
    lane: str, memory_bus: Bus, database: Database
) -> None:
    await fill(database, 5_000)
    deliveries = DueDeliveries(database, Publisher(memory_bus, shards=1), leave_queued=True)
    async with database.driver() as tx:
        await tx.execute("ANALYZE deliveries")
        passed: Any = await tx.fetch("SELECT id FROM deliveries ORDER BY due_at LIMIT 100")
        for which in (Portion(10), Portion(10, [one[0] for one in passed], ["slow"])):
            plan = await tx.fetch("EXPLAIN " + deliveries.find, *which, lane)
            text = "\n".join(row[0] for row in plan)
            assert "lane_due_at_idx" in text
            assert "->  Sort" not in text
            assert "Seq Scan" not in text
