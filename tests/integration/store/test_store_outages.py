"""A database that goes away under its services and comes back is an outage like any other."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx2
import pytest
from prometheus_client import REGISTRY

from clarion.bus.protocol import Bus
from clarion.contracts.ids import lowest_id_at
from clarion.errors import StoreUnavailable
from clarion.records.partitions import month_start
from clarion.store.database import Database
from clarion.store.migrate import migrate
from services.notifier.failures import is_transient
from testbed.installed_postgres import InstalledPostgres
from testbed.postgres import PostgresNode
from testbed.processes import wait_until
from tests.support.gateway import gateway_client
from tests.support.notifier import envelope, event, publish, running_notifiers, wait_for_rows

Act = Callable[[asyncpg.Connection], Awaitable[None]]

GERMAN = "de_DE.UTF-8"


def other_database(url: str, name: str, user: str = "postgres") -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}", netloc=f"{user}:@"))


def crashes() -> float:
    found = 0.0
    for metric in REGISTRY.collect():
        if metric.name == "clarion_background_restarts":
            found += sum(one.value for one in metric.samples if one.name.endswith("_total"))
    return found


async def drop(admin: asyncpg.Connection) -> None:
    await admin.execute("DROP DATABASE clarion WITH (FORCE)")


async def make_again(admin: asyncpg.Connection) -> None:
    await admin.execute("CREATE DATABASE clarion OWNER clarion")


KICK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clarion'"


async def forbid(admin: asyncpg.Connection) -> None:
    await admin.execute("ALTER ROLE clarion NOLOGIN")
    await admin.execute(KICK)


async def allow(admin: asyncpg.Connection) -> None:
    await admin.execute("ALTER ROLE clarion LOGIN")


async def close_it(admin: asyncpg.Connection) -> None:
    await admin.execute("ALTER DATABASE clarion ALLOW_CONNECTIONS false")
    await admin.execute(KICK)


async def open_it(admin: asyncpg.Connection) -> None:
    await admin.execute("ALTER DATABASE clarion ALLOW_CONNECTIONS true")


@pytest.fixture
async def admin(private_postgres: PostgresNode) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(private_postgres.url)
    await connection.execute("CREATE ROLE clarion LOGIN")
    await make_again(connection)
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("leave", "come_back", "is_new"),
    [(drop, make_again, True), (forbid, allow, False), (close_it, open_it, False)],
    ids=["dropped", "role_may_not_log_in", "no_connections"],
)
async def test_services_go_on_when_it_is_back(
    private_postgres: PostgresNode,
    admin: asyncpg.Connection,
    memory_bus: Bus,
    leave: Act,
    come_back: Act,
    is_new: bool,
) -> None:
    url = other_database(private_postgres.url, "clarion", "clarion")
    await migrate(url)
    pool = Database(url, pool_size=4, timeout_s=5, application_name="clarion-test")
    before = crashes()
    async with running_notifiers(memory_bus, pool), gateway_client(memory_bus, pool) as client:

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await wait_until(is_ready, 20, "ready")
        await publish(memory_bus, envelope(event(id="before")))
        await wait_for_rows(pool, "SELECT 1 FROM notifications", 1)
        await leave(admin)
        await publish(memory_bus, envelope(event(id="meanwhile")))
        unready = await _unready(client)
        answer = await client.get("/v1/topics")
        await come_back(admin)
        if is_new:
            await migrate(url)
        await wait_until(is_ready, 40, "ready again")
        await wait_for_rows(pool, "SELECT 1 FROM events WHERE event_id = 'meanwhile'", 1)
        assert await pool.ping() is None
    await pool.close()
    assert unready["checks"]["database"] != "ok"
    assert answer.status_code == 503
    assert crashes() == before


async def _unready(client: httpx2.AsyncClient) -> dict[str, dict[str, str]]:
    found: list[dict[str, dict[str, str]]] = []

    async def is_unready() -> bool:
        answer = await client.get("/readyz")
        found.append(answer.json())
        return answer.status_code == 503

    await wait_until(is_unready, 20, "not ready")
    return found[-1]


async def test_a_schema_that_is_not_there_is_an_outage_too(
    empty_postgres_url: str, memory_bus: Bus
) -> None:
    pool = Database(empty_postgres_url, pool_size=2, timeout_s=5, application_name="clarion-test")
    async with gateway_client(memory_bus, pool) as client:
        answer = await client.get("/v1/topics")
    with pytest.raises(StoreUnavailable, match="clarion migrate"):
        async with pool.driver() as tx:
            await tx.execute("SELECT 1 FROM events")
    await pool.close()
    assert answer.status_code == 503


def german_locale(folder: Path) -> dict[str, str]:
    """The environment of a server that may speak German; empty where none can be made."""
    folder.mkdir()
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / GERMAN)],
        check=False,
        capture_output=True,
        timeout=60,
    )
    folder.chmod(0o755)
    return {"LOCPATH": str(folder)} if made.returncode == 0 else {}


async def test_a_missing_partition_is_known_in_any_language() -> None:
    node = InstalledPostgres()
    env = german_locale(node.folder / "locales")
    async with await node.start(env=env):
        language = f"?options=-c%20lc_messages={GERMAN}" if env else ""
        url = f"postgresql://postgres@127.0.0.1:{node.port}/postgres{language}"
        await migrate(url)
        pool = Database(url, pool_size=2, timeout_s=5, application_name="clarion-test")
        missing = await _refused(pool, row_without_month())
        violated = await _refused(pool, NEGATIVE)
        await pool.close()
    assert is_transient(missing)
    assert not is_transient(violated)
    if env:
        assert "keine Partition" in str(missing)


NEGATIVE = "INSERT INTO inboxes (tenant, subscriber, version, unread) VALUES ('a', 'b', 1, -1)"


def row_without_month() -> str:
    identifier: UUID = lowest_id_at(month_start(datetime.now(UTC), 9))
    columns = "id, tenant, source, event_id, type, accepted_at"
    return f"INSERT INTO events ({columns}) VALUES ('{identifier}', 'a', 'b', 'c', 'd', now())"


async def _refused(pool: Database, statement: str) -> Exception:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with pool.driver() as tx:
            await tx.execute(statement)
    return refused.value
