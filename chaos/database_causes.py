"""What is done to PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

import asyncpg

from testbed.postgres import PostgresNode

LOCKED_S = 2.0
FREE_S = 0.2
FILE_LIMIT = 1024**2
REFILL_S = 0.05

LOCK = "LOCK TABLE inboxes, event_keys, deliveries IN SHARE ROW EXCLUSIVE MODE"
EVERY_TABLE = """
SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
"""
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name <> 'chaos'
"""


def cause(postgres: PostgresNode, action: str) -> AbstractAsyncContextManager[None]:
    """The action for as long as the context is open."""
    causes = {
        "kill": _kill,
        "stop": _stop,
        "readonly": _readonly,
        "slow": _slow,
        "crowded": _crowded,
        "full": _full,
        "dump": _dump,
    }
    return causes[action](postgres)


@asynccontextmanager
async def _kill(postgres: PostgresNode) -> AsyncIterator[None]:
    await asyncio.to_thread(postgres.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(postgres.start)


@asynccontextmanager
async def _stop(postgres: PostgresNode) -> AsyncIterator[None]:
    await asyncio.to_thread(postgres.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(postgres.start)


@asynccontextmanager
async def _readonly(postgres: PostgresNode) -> AsyncIterator[None]:
    """Also what is connected may not write any more."""
    async with _connection(postgres) as control:
        await control.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await control.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            await control.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await control.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def _slow(postgres: PostgresNode) -> AsyncIterator[None]:
    """Writers wait for locks, two seconds again and again."""

    async def hold() -> None:
        async with _connection(postgres) as control:
            while True:
                async with control.transaction():
                    await control.execute(LOCK)
                    await asyncio.sleep(LOCKED_S)
                await asyncio.sleep(FREE_S)

    holding = asyncio.create_task(hold())
    try:
        yield
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


@asynccontextmanager
async def _crowded(postgres: PostgresNode) -> AsyncIterator[None]:
    """Others take every connection; those that were open are ended."""

    async def fill(crowd: AsyncExitStack) -> None:
        while True:
            try:
                await crowd.enter_async_context(_connection(postgres))
            except (asyncpg.PostgresError, OSError):
                await asyncio.sleep(REFILL_S)

    async with _connection(postgres) as control, AsyncExitStack() as crowd:
        filling = [asyncio.create_task(fill(crowd)) for _ in range(4)]
        await control.execute(END_OTHERS)
        try:
            yield
        finally:
            for task in filling:
                task.cancel()
            await asyncio.gather(*filling, return_exceptions=True)


@asynccontextmanager
async def _full(postgres: PostgresNode) -> AsyncIterator[None]:
    """No file of a table or index can grow past a megabyte, for clients old and new.

    A limit of the kernel on the processes of the server, since only a mount can fill a disk of
    one's own: what PostgreSQL meets is a failure to extend a file, as on a full disk.
    """
    await asyncio.to_thread(postgres.limit_files, FILE_LIMIT)
    try:
        yield
    finally:
        await asyncio.to_thread(postgres.limit_files, None)


@asynccontextmanager
async def _dump(postgres: PostgresNode) -> AsyncIterator[None]:
    """One `pg_dump` after the other, and its locks held throughout: of a large database it holds
    them for hours."""

    async def dump() -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                *postgres.dump_command, stdout=asyncio.subprocess.DEVNULL
            )
            try:
                await process.wait()
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            await asyncio.sleep(FREE_S)

    async with _connection(postgres) as control:
        tables = await control.fetchval(EVERY_TABLE)
        async with control.transaction(isolation="repeatable_read", readonly=True):
            await control.execute(f"LOCK TABLE {tables} IN ACCESS SHARE MODE")
            dumping = asyncio.create_task(dump())
            try:
                yield
            finally:
                dumping.cancel()
                await asyncio.gather(dumping, return_exceptions=True)


@asynccontextmanager
async def _connection(postgres: PostgresNode) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        postgres.url,
        server_settings={"application_name": "chaos", "default_transaction_read_only": "off"},
    )
    try:
        yield connection
    finally:
        with suppress(asyncpg.PostgresError, OSError):
            await connection.close(timeout=5)
