"""A database that answers and cannot write: it is away for us, nobody's fault, and heals alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest
from sqlalchemy import text

from chaos.database_causes import cause
from clarion.errors import StoreUnavailable
from clarion.store.database import Database
from testbed.postgres import PostgresNode
from testbed.processes import wait_until

GROW = "INSERT INTO grown SELECT repeat('x', 500) FROM generate_series(1, 5000)"

INTERNAL = "DO $$ BEGIN RAISE EXCEPTION 'a fault' USING ERRCODE = 'XX000'; END $$"


@pytest.fixture
def private_postgres() -> Iterator[PostgresNode]:
    """One whose files may be limited."""
    node = PostgresNode()
    node.shrink_wal()
    node.start()
    yield node
    node.stop()


@pytest.fixture
async def pool(private_postgres: PostgresNode) -> AsyncIterator[Database]:
    opened = Database(
        private_postgres.url, pool_size=1, timeout_s=5, application_name="clarion-test"
    )
    async with opened.transaction() as connection:
        await connection.execute(text("CREATE TABLE grown (x text)"))
    yield opened
    await opened.close()


async def by_core(pool: Database) -> None:
    async with pool.transaction() as connection:
        await connection.execute(text(GROW))


async def by_driver(pool: Database) -> None:
    async with pool.driver() as driver:
        await driver.execute(GROW)


async def is_unready(pool: Database) -> bool:
    try:
        await pool.ping()
    except StoreUnavailable:
        return True
    return False


async def test_a_read_only_database_is_not_ready_even_where_we_are_connected(
    private_postgres: PostgresNode, pool: Database
) -> None:
    assert not await is_unready(pool)
    async with cause(private_postgres, "readonly"):
        await wait_until(lambda: is_unready(pool), 10, "not ready")
        with pytest.raises(StoreUnavailable):
            await by_driver(pool)

    async def is_ready() -> bool:
        return not await is_unready(pool)

    await wait_until(is_ready, 10, "ready")
    await by_core(pool)


@pytest.mark.parametrize("write", [by_core, by_driver])
async def test_files_that_cannot_grow_are_the_databases_condition(
    private_postgres: PostgresNode, pool: Database, write: Callable[[Database], Awaitable[None]]
) -> None:
    async with cause(private_postgres, "full"):
        with pytest.raises(StoreUnavailable):
            await write(pool)
        await pool.ping()
    await write(pool)


async def test_an_error_inside_of_postgresql_is_not_taken_for_a_full_disk(pool: Database) -> None:
    with pytest.raises(asyncpg.InternalServerError):
        async with pool.driver() as driver:
            await driver.execute(INTERNAL)


async def test_an_upsert_before_a_restore_has_made_its_key_waits_for_the_database(
    private_postgres: PostgresNode, pool: Database
) -> None:
    upsert = "INSERT INTO grown VALUES ('x') ON CONFLICT (x) DO NOTHING"
    with pytest.raises(StoreUnavailable):
        async with pool.driver() as driver:
            await driver.execute(upsert)
    with pytest.raises(StoreUnavailable):
        async with pool.transaction() as connection:
            await connection.execute(text(upsert))
    async with pool.driver() as driver:
        await driver.execute("ALTER TABLE grown ADD PRIMARY KEY (x)")
        await driver.execute(upsert)
