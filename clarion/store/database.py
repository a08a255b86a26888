"""The pool, and the two ways to hold a transaction.

`transaction()` gives SQLAlchemy Core; `driver()` gives the asyncpg connection under it for the
statements where the difference was measured (plan, send, inbox). Leaving without an error commits,
an exception rolls back: the block that opened the transaction is its one owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from clarion.errors import StoreUnavailable
from clarion.store.metrics import TRANSACTIONS

Driver = asyncpg.Connection

AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    PoolTimeout,
)
"""What says that the database cannot do it now, not that the statement is wrong."""

STORAGE = frozenset({"md.c", "fd.c", "smgr.c", "bufmgr.c", "slru.c", "xlog.c", "buffile.c"})
"""PostgreSQL's sources that touch files. What the system says when a file cannot grow, but for a
full disk, has no code of its own: it comes as an internal error."""


def is_away(error: BaseException) -> bool:
    """Whether a failure is the database's condition rather than the statement's fault."""
    if isinstance(error, DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        return error.connection_invalidated or (cause is not None and is_away(cause))
    if isinstance(error, asyncpg.InternalServerError):
        return getattr(error, "server_source_filename", None) in STORAGE
    if isinstance(error, ValueError):
        return False  # a value that the driver cannot encode, though its class is InterfaceError
    return isinstance(error, AWAY)


SILENCE_S = 1.0
"""How much longer than PostgreSQL's own limits we wait for an answer: past it the connection was
cut without a word."""


class Database:
    """A bounded pool of connections with every timeout set. `close` ends it."""

    def __init__(
        self, url: str, *, pool_size: int, timeout_s: float, application_name: str
    ) -> None:
        """`url` is `postgresql://...`; nothing is opened until first use."""
        self._timeout_s = timeout_s
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=timeout_s,
            pool_recycle=1800,
            hide_parameters=True,  # an error that is logged quotes no address and no body
            connect_args={
                "timeout": timeout_s,
                "command_timeout": timeout_s + SILENCE_S,
                "server_settings": server_settings(application_name, timeout_s),
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy transaction. Raises `StoreUnavailable` where the database is away."""
        try:
            async with self.engine.begin() as connection:
                TRANSACTIONS.inc()
                yield connection
        except (SQLAlchemyError, asyncpg.PostgresError, *AWAY) as error:
            raise_if_away(error)
            raise

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[Driver]:
        """An asyncpg transaction on a pooled connection; errors as `transaction`."""
        try:
            async with self.engine.connect() as connection:
                raw = await connection.get_raw_connection()
                driver: Any = raw.driver_connection
                TRANSACTIONS.inc()
                try:
                    async with driver.transaction():
                        try:
                            yield driver
                        except TimeoutError:
                            driver.terminate()  # a rollback would wait for the same silence
                            raise
                except BaseException as error:
                    if isinstance(error, TimeoutError):
                        driver.terminate()
                    # the pool does not see what the driver alone has noticed
                    if driver.is_closed() or isinstance(error, asyncpg.InternalClientError):
                        await connection.invalidate()
                    raise
        except (SQLAlchemyError, asyncpg.PostgresError, *AWAY) as error:
            raise_if_away(error)
            raise

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers and accepts writes."""
        async with asyncio.timeout(self._timeout_s), self.transaction() as connection:
            read_only = await connection.scalar(text("SHOW transaction_read_only"))
            if read_only == "on":
                raise StoreUnavailable("The database is read-only: a standby, or set to be.")

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def raise_if_away(error: BaseException) -> None:
    """Turn a failure of the database itself into `StoreUnavailable`; let others pass."""
    if is_away(error):
        raise StoreUnavailable(
            "The database cannot be reached or is too busy; nothing was changed."
        ) from error


def sqlalchemy_url(url: str) -> str:
    """`postgresql://` as SQLAlchemy's asyncpg dialect spells it."""
    _, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}"


def server_settings(application_name: str, timeout_s: float) -> dict[str, str]:
    """Limits that PostgreSQL itself enforces on every connection of ours."""
    limit_ms = str(int(timeout_s * 1000))
    return {
        "application_name": application_name,
        "statement_timeout": limit_ms,
        "lock_timeout": limit_ms,
        "idle_in_transaction_session_timeout": str(int(timeout_s * 2000)),
        "timezone": "UTC",
    }
