"""A connection to the database that is cut without a word: it fails in time and is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from chaos.ground import socket_of
from chaos.line import Line, Streams
from clarion.errors import StoreUnavailable
from clarion.store.database import Database, Driver
from testbed.postgres import PostgresNode

TIMEOUT_S = 0.5

Ask = Callable[[Database], Awaitable[None]]


@pytest.fixture
async def line(private_postgres: PostgresNode) -> AsyncIterator[Line]:
    async def open_target() -> Streams:
        return await asyncio.open_unix_connection(socket_of(private_postgres))

    opened = Line(open_target)
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
async def distant(line: Line) -> AsyncIterator[Database]:
    """A pool of one connection, by way of the line."""
    url = f"postgresql://postgres@127.0.0.1:{line.port}/postgres"
    opened = Database(url, pool_size=1, timeout_s=TIMEOUT_S, application_name="clarion-test")
    yield opened
    await opened.close()


async def ask_driver(database: Database) -> None:
    async with database.driver() as tx:
        await tx.fetchval("SELECT 1")


async def ask_core(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("SELECT 1"))


async def cut_within(line: Line, database: Database, *, statements: int) -> None:
    """A transaction whose line is cut after the first of its statements."""
    async with asyncio.timeout(20), database.driver() as tx:
        await tx.fetchval("SELECT 1")
        line.strike("silent")
        line.mend()
        for _ in range(statements - 1):
            await tx.fetchval("SELECT 1")


@pytest.mark.parametrize("ask", [ask_driver, ask_core])
async def test_a_silent_connection_fails_in_time_and_is_replaced(
    line: Line, distant: Database, ask: Ask
) -> None:
    await ask(distant)
    line.strike("silent")
    line.mend()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(20):
            await ask(distant)
    await ask(distant)


async def test_a_connection_that_falls_silent_within_a_transaction_fails_in_time(
    line: Line, distant: Database
) -> None:
    with pytest.raises(StoreUnavailable):
        await cut_within(line, distant, statements=2)
    await ask_driver(distant)


async def test_a_commit_that_is_not_answered_fails_in_time(line: Line, distant: Database) -> None:
    with pytest.raises(StoreUnavailable):
        await cut_within(line, distant, statements=1)
    await ask_driver(distant)


async def test_a_timeout_ends_the_connection_once_and_before_a_rollback(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is what the caller hears of, not that the connection is closed."""
    done: list[str] = []
    terminate, execute = asyncpg.Connection.terminate, asyncpg.Connection.execute

    def counted(self: Driver) -> None:
        done.append("terminate")
        terminate(self)

    async def noted(self: Driver, query: str, *given: Any, **options: Any) -> str:
        done.append(query)
        return await execute(self, query, *given, **options)

    await ask_driver(database)
    monkeypatch.setattr(asyncpg.Connection, "terminate", counted)
    monkeypatch.setattr(asyncpg.Connection, "execute", noted)
    with pytest.raises(StoreUnavailable) as told:
        async with database.driver():
            raise TimeoutError
    assert done == ["BEGIN;", "terminate"]
    assert isinstance(told.value.__cause__, TimeoutError)
