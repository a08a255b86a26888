"""Work that is cancelled anywhere leaves no transaction open on the connection that others get."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from clarion.store.database import Database

TURNS = 40


async def work(database: Database) -> int:
    async with database.driver() as tx:
        return await tx.fetchval("INSERT INTO committed DEFAULT VALUES RETURNING n")


async def work_of_sqlalchemy(database: Database) -> int:
    async with database.transaction() as connection:
        row = await connection.exec_driver_sql("INSERT INTO committed DEFAULT VALUES RETURNING n")
        return int(row.scalar_one())


@pytest.mark.parametrize("act", [work, work_of_sqlalchemy])
async def test_what_is_committed_after_others_were_cancelled_is_seen_by_all(
    postgres_url: str, act: Callable[[Database], Awaitable[int]]
) -> None:
    database = Database(postgres_url, pool_size=1, timeout_s=5, application_name="clarion-test")
    witness = await asyncpg.connect(postgres_url)
    try:
        await witness.execute("CREATE TABLE committed (n int GENERATED ALWAYS AS IDENTITY)")
        for turns in range(TURNS):
            task = asyncio.ensure_future(act(database))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            row = await work(database)
            seen = await witness.fetchval("SELECT count(*) FROM committed WHERE n = $1", row)
            assert seen == 1, f"cancelled after {turns} turns"
    finally:
        await witness.close()
        await database.close()
