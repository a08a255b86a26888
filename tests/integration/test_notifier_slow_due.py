"""Due work that is always too slow, or cannot be written: what else is due goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from services.notifier.dispatch import Dispatcher
from services.notifier.outbox import Publisher
from tests.support.notifier import envelope, event, publish, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}
DUE_TABLES = ("deliveries", "notifications", "slices")
ALL_DUE = """
UPDATE deliveries SET state = 'scheduled', due_at = now();
UPDATE notifications SET due_at = now();
INSERT INTO slices (event, topic, after, tenant, lane, due_at, trace_id)
SELECT id, 'all', '', tenant, lane, now(), trace_id FROM events
"""
TAKEN = "SELECT 1 FROM {table} WHERE due_at IS NULL OR due_at > now()"
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
    dispatcher = Dispatcher(database, Publisher(bus, shards=1))
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
