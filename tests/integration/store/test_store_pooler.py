"""Clarion behind a real PgBouncer: planned, sent, read and revoked as without."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from clarion.bus.protocol import Bus
from clarion.store.address import Pooler
from clarion.store.database import Database
from clarion.store.migrate import migrate
from testbed.pgbouncer import Bouncer, start_pgbouncer
from testbed.processes import start_process, wait_until
from tests.integration.gateway.test_gateway_keys import revoke
from tests.support.catalogue import catalogue
from tests.support.gateway import gateway_client, make_key

DROPS = "ignore_startup_parameters = statement_timeout,lock_timeout," + (
    "idle_in_transaction_session_timeout,jit"
)
CLARION = (sys.executable, "-m", "services.cli")


def open_pool(url: str, pooler: str, direct_url: str | None = None) -> Database:
    return Database(
        url,
        pool_size=8,
        timeout_s=5,
        application_name="clarion-test",
        pooler=Pooler(pooler),
        direct_url=direct_url,
    )


@pytest.fixture
async def bouncer(postgres_url: str) -> AsyncIterator[Bouncer]:
    started = await start_pgbouncer(postgres_url, "transaction")
    yield started
    await started.process.stop()


@pytest.fixture
async def pooled(bouncer: Bouncer) -> AsyncIterator[Database]:
    opened = open_pool(bouncer.url, "transaction")
    yield opened
    await opened.close()


async def both_ways(database: Database, number: int) -> int:
    """The same statements on many sessions at once; what is kept of one disturbs another."""
    async with database.driver() as tx:
        rows = await tx.fetch("SELECT $1::int + n AS x FROM unnest($2::int[]) n", number, [1, 2])
        held = [await tx.fetchval(f"SHOW {name}") for name in ("statement_timeout", "jit")]
    assert held == ["5s", "off"]
    async with database.transaction() as connection:
        query = text("SELECT CAST(:n AS int) + 1, current_setting('lock_timeout')")
        row = (await connection.execute(query, {"n": number})).one()
        await connection.execute(text("SELECT '{\"a\": 1}'::jsonb"))
    assert row[1] == "5s"
    return sum(one["x"] for one in rows) - row[0]


async def test_statements_run_on_sessions_that_change_under_them(pooled: Database) -> None:
    found = await asyncio.gather(*(both_ways(pooled, number) for number in range(200)))
    assert found == [number + 2 for number in range(200)]


async def test_our_limits_stay_with_our_transactions(pooled: Database, bouncer: Bouncer) -> None:
    await asyncio.gather(*(both_ways(pooled, number) for number in range(20)))
    stranger = await asyncpg.connect(bouncer.url, statement_cache_size=0)
    try:
        limits = {(await stranger.fetchval("SHOW statement_timeout")) for _ in range(8)}
    finally:
        await stranger.close()
    assert limits == {"0"}


@pytest.mark.parametrize("way", ["asks", "listens"])
async def test_a_revoked_key_is_refused_soon(
    memory_bus: Bus, bouncer: Bouncer, postgres_url: str, way: str
) -> None:
    pool = open_pool(bouncer.url, "transaction", postgres_url if way == "listens" else None)
    key = await make_key(pool)
    headers = {"authorization": f"Bearer {key}"}
    async with gateway_client(memory_bus, pool) as client:

        async def is_refused() -> bool:
            return (await client.get("/v1/topics", headers=headers)).status_code == 401

        async def is_ready() -> bool:
            return (await client.get("/readyz")).json()["checks"]["keys"] == "ok"

        await wait_until(is_ready, 10, "a watch that is proven")
        assert not await is_refused()
        await revoke(pool, key)
        await wait_until(is_refused, 10, "the revoked key to be refused")
    await pool.close()


async def test_migrations_run_through_it(empty_postgres_url: str, postgres_url: str) -> None:
    started = await start_pgbouncer(empty_postgres_url, "transaction")
    async with started.process:
        await migrate(started.url, Pooler.TRANSACTION)
    assert await catalogue(empty_postgres_url) == await catalogue(postgres_url)


async def test_by_session_limits_are_set_by_a_statement(postgres_url: str) -> None:
    started = await start_pgbouncer(postgres_url, "session")
    async with started.process:
        pool = open_pool(started.url, "session")
        assert await both_ways(pool, 1) == 3
        await pool.close()


@pytest.mark.parametrize("lines", [(), (DROPS,)], ids=["refuses", "drops"])
async def test_doctor_says_which_setting_it_takes(
    amqp_url: str, postgres_url: str, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    started = await start_pgbouncer(postgres_url, "transaction", *lines)
    env = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": started.url,
        "CLARION_TOKEN_SECRET": "s" * 32,
        "CLARION_DATA_DIR": str(tmp_path),
        "CLARION_PORT": "0",
    }
    async with started.process:
        without = await start_process([*CLARION, "doctor"], env=env)
        assert await without.wait(60) == 1
        pooled = env | {"CLARION_DATABASE_POOLER": "transaction"}
        well = await start_process([*CLARION, "doctor"], env=pooled)
        assert await well.wait(60) == 0, well.output()
    assert "CLARION_DATABASE_POOLER=transaction" in without.output()
    assert "LISTEN needs CLARION_DATABASE_DIRECT_URL" in well.output()
