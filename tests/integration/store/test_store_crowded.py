"""A PostgreSQL without a free connection: told at once, nothing parked, healed by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.envelope import Entry
from clarion.contracts.event import Event
from clarion.errors import StoreUnavailable
from clarion.store.database import Database
from clarion.store.migrate import migrate
from clarion.topology import events_queue
from services.notifier.failures import is_transient
from services.notifier.plan.batch import Batch, Planner
from testbed.postgres import PostgresNode
from testbed.processes import wait_until
from tests.support.gateway import gateway_client
from tests.support.notifier import rows

CONNECTIONS = 12
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def make_small(node: PostgresNode) -> None:
    """A migrated server that takes few connections."""
    await migrate(node.url)
    connection = await asyncpg.connect(node.url)
    await connection.execute(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")
    await connection.execute("ALTER SYSTEM SET max_wal_senders = 0")
    await connection.close()
    node.stop()
    node.start()


async def take_all(node: PostgresNode) -> list[asyncpg.Connection]:
    """Every connection that it has."""
    taken: list[asyncpg.Connection] = []
    while True:
        try:
            taken.append(await asyncpg.connect(node.url))
        except asyncpg.TooManyConnectionsError:
            return taken


async def test_without_a_free_connection_all_say_so_and_nothing_is_parked(
    private_postgres: PostgresNode, memory_bus: Bus
) -> None:
    await make_small(private_postgres)
    database = Database(
        private_postgres.url, pool_size=4, timeout_s=5, application_name="clarion-test"
    )
    planner = Planner(database, carried=frozenset())
    entry = Entry("o-1", "shop", "default", datetime.now(UTC), PARENT, Event("t", to="user:1"))
    batch = Batch("normal", events_queue("normal"), [entry])
    taken = await take_all(private_postgres)
    async with gateway_client(memory_bus, database) as client:
        with pytest.raises(StoreUnavailable):
            await database.ping()
        with pytest.raises(StoreUnavailable) as held:
            await planner.plan(batch)
        listed = await client.get("/v1/notifications")
        accepted = await client.post("/v1/events", json={"type": "t", "to": "user:1"})
        ready = await client.get("/readyz")
        assert is_transient(held.value)
        assert (listed.status_code, listed.json()["code"]) == (503, "database_unavailable")
        assert int(listed.headers["retry-after"]) > 0
        assert (accepted.status_code, ready.status_code) == (202, 503)

        for one in taken:
            await one.close()
        await planner.plan(batch)

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await wait_until(is_ready, 20, "ready, once revoked keys are heard of again")
        assert len((await client.get("/v1/notifications")).json()["items"]) == 1
    assert await rows(database, "SELECT 1 FROM parked") == []
    await database.close()
