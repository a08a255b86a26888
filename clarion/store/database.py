"""The pool, and the two ways to hold a transaction.

`transaction()` gives SQLAlchemy Core; `driver()` gives the asyncpg connection under it for the
statements where the difference was measured (plan, send, inbox). Retryable work is given to
`run_core` or `run`, which do that where it lost a race. Leaving without an error commits,
an exception rolls back: the block that opened the transaction is its one owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from random import SystemRandom
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from clarion.errors import ConfigurationError, StoreUnavailable
from clarion.store.address import Pooler
from clarion.store.conditions import AWAY, driver_error, is_away, lost_a_race, why_away
from clarion.store.connecting import (
    DATABASE_DIRECT_URL,
    Connector,
    Driver,
    engine_arguments,
    read_address,
)
from clarion.store.metrics import RETRIED, TRANSACTIONS

__all__ = ["AWAY", "Database", "Driver", "is_away", "open_engine", "raise_if_away"]

ATTEMPTS = 5
"""How often work is done again that lost a race against other transactions."""
MAX_PAUSE_S = 0.1

T = TypeVar("T")
C = TypeVar("C")

_random = SystemRandom()


class Database:
    """A bounded pool of connections with every timeout set. `close` ends it."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        timeout_s: float,
        application_name: str,
        pooler: Pooler = Pooler.NONE,
        direct_url: str | None = None,
    ) -> None:
        """`url` is `postgresql://...`; nothing is opened until first use. Past a pooler by
        transaction, `direct_url` is the way to the server itself. Raises `ConfigurationError`."""
        self._timeout_s = timeout_s
        self.url = url
        self.connector = Connector(read_address(url), application_name, timeout_s, pooler)
        self._direct_url = direct_url
        self.engine = open_engine(self.connector, pool_size=pool_size)
        self._first = self.connector.each_transaction

    def listener(self, application_name: str) -> Connector | None:
        """Opens connections for `LISTEN`; None if no address of the database keeps a session."""
        given = self.connector
        if self._direct_url is not None:
            return Connector(
                read_address(self._direct_url, DATABASE_DIRECT_URL),
                application_name,
                given.timeout_s,
                url_setting=DATABASE_DIRECT_URL,
            )
        if given.pooler is Pooler.TRANSACTION:
            return None
        return replace(given, application_name=application_name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A SQLAlchemy transaction. Raises `StoreUnavailable` where the database is away."""
        try:
            async with self.engine.begin() as connection:
                TRANSACTIONS.inc()
                yield connection
        except (SQLAlchemyError, asyncpg.PostgresError, ConfigurationError, *AWAY) as error:
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
                    async with _begun(driver):
                        if self._first is not None:
                            await _set_first(driver, self._first, self.connector)
                        yield driver
                except BaseException as error:
                    # After a cancellation at BEGIN or COMMIT the result is unknown: on a
                    # connection that went back to the pool with a transaction still open, all that
                    # others commit later would be savepoints of it
                    if not isinstance(error, Exception):
                        driver.terminate()
                    # the pool does not see what the driver alone has noticed
                    if driver.is_closed() or isinstance(error, asyncpg.InternalClientError):
                        await connection.invalidate()
                    raise
        except (SQLAlchemyError, asyncpg.PostgresError, ConfigurationError, *AWAY) as error:
            raise_if_away(error)
            raise

    async def run(self, work: Callable[[Driver], Awaitable[T]]) -> T:
        """The outcome of `work` in a transaction of its own; errors as `driver`.

        Where it lost a race (deadlock, serialisation failure, a schema that changed meanwhile),
        nothing was changed, and it is called again, a few times: it must change nothing but the
        database.
        """
        return await _repeated(self.driver, work)

    async def run_core(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """As `run`, with SQLAlchemy Core."""
        return await _repeated(self.transaction, work)

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers and accepts writes."""
        async with asyncio.timeout(self._timeout_s), self.transaction() as connection:
            read_only = await connection.scalar(text("SHOW transaction_read_only"))
            if read_only == "on":
                raise StoreUnavailable("The database is read-only: a standby, or set to be.")

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


async def _repeated(
    begin: Callable[[], AbstractAsyncContextManager[C]], work: Callable[[C], Awaitable[T]]
) -> T:
    for attempt in range(1, ATTEMPTS):
        try:
            async with begin() as connection:
                return await work(connection)
        except StoreUnavailable as error:
            if not lost_a_race(error.__cause__):
                raise
            RETRIED.labels(type(error.__cause__).__name__).inc()
        await asyncio.sleep(_random.uniform(0, MAX_PAUSE_S * attempt))
    async with begin() as connection:
        return await work(connection)


def open_engine(connector: Connector, **pool: Any) -> AsyncEngine:
    """SQLAlchemy over connections of ours; by default a pool, `pool` says which."""
    limits = {"max_overflow": 0, "pool_timeout": connector.timeout_s, "pool_recycle": 1800}
    engine = create_async_engine(
        "postgresql+asyncpg://",
        hide_parameters=True,  # an error that is logged quotes no address and no body
        connect_args=engine_arguments(connector),
        **(pool if "poolclass" in pool else limits | pool),
    )
    first = connector.each_transaction
    if first is not None:

        @event.listens_for(engine.sync_engine, "begin")
        def _set(connection: Connection) -> None:
            try:
                connection.exec_driver_sql(first)
            except DBAPIError as error:
                refused = connector.refused_setting(driver_error(error))
                if refused is not None:
                    raise refused from None
                raise

    return engine


@asynccontextmanager
async def _begun(driver: Driver) -> AsyncIterator[None]:
    """A transaction. A timeout, wherever it is met, ends the connection: whatever were said on it
    next, a rollback too, would wait for the same silence."""
    transaction: Any = driver.transaction()
    try:
        await transaction.start()
        try:
            yield
        except BaseException as error:
            if not isinstance(error, TimeoutError):
                await transaction.rollback()
            raise
        await transaction.commit()
    except TimeoutError:
        driver.terminate()
        raise


async def _set_first(driver: Driver, first: str, connector: Connector) -> None:
    try:
        await driver.execute(first)
    except asyncpg.PostgresError as error:
        if (refused := connector.refused_setting(error)) is not None:
            raise refused from None
        raise


def raise_if_away(error: BaseException) -> None:
    """Turn a failure of the database itself into `StoreUnavailable`; let others pass."""
    if isinstance(error, ConfigurationError):
        raise StoreUnavailable(str(error)) from error
    if is_away(error):
        cause = driver_error(error)
        raise StoreUnavailable(why_away(cause)) from cause
