"""Bring a database to the newest schema; one migrator at a time (advisory lock).

Each migration is one transaction, so what is done stays done. None waits long for a lock that
others want too: while it waits, everybody who comes later waits behind it. It gives up and tries
again. Indexes of tables that may be large are built beside the traffic (`clarion.store.indexes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from clarion.errors import ConfigurationError, StoreUnavailable
from clarion.package_data import folder
from clarion.store.address import Pooler
from clarion.store.conditions import driver_error
from clarion.store.connecting import DATABASE_URL, Connector, Driver, read_address

MIGRATIONS = folder("migrations")

CONNECT_S = 10.0
STATEMENT_S = 3_600.0
LOCK_S = 1.0
LOCK_ATTEMPTS = 60
PAUSE_S = 1.0

ONE_MIGRATOR = "SELECT pg_try_advisory_xact_lock(hashtext('clarion.migrate'))"
"""Tried again and again: a statement that waits would keep an index from being built."""
TURN_S = 600.0
TURN_TRY_S = 0.2

ENCODING = "SELECT current_setting('server_encoding')"

log = structlog.get_logger("clarion.store")


def migration_config(
    url: str, pooler: Pooler = Pooler.NONE, url_setting: str = DATABASE_URL
) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connector"] = migrator(url, pooler, url_setting, lock_s=LOCK_S)
    return config


def migrator(
    url: str, pooler: Pooler, url_setting: str = DATABASE_URL, *, lock_s: float | None = None
) -> Connector:
    """Opens connections whose statements may take long, and whose waits for a lock may not."""
    return Connector(
        read_address(url, url_setting),
        "clarion-migrate",
        CONNECT_S,
        pooler,
        statement_s=STATEMENT_S,
        lock_s=lock_s,
        url_setting=url_setting,
    )


async def migrate(
    url: str, pooler: Pooler = Pooler.NONE, *, url_setting: str = DATABASE_URL
) -> None:
    """Upgrade `url`, which `url_setting` gave, to the newest revision; does nothing where it is
    there already.

    Raises `ConfigurationError` for a database that cannot hold what Clarion writes.
    """
    config = migration_config(url, pooler, url_setting)
    async with _only_migrator(url, pooler, url_setting):
        for _ in range(LOCK_ATTEMPTS):
            try:
                await asyncio.to_thread(command.upgrade, config, "head")
            except DBAPIError as error:
                if not isinstance(driver_error(error), asyncpg.LockNotAvailableError):
                    raise
                log.info("migration_waits_for_lock", next_try_s=PAUSE_S)
                await asyncio.sleep(PAUSE_S)
            else:
                return
    raise StoreUnavailable(
        f"A table is held by another session for longer than {LOCK_ATTEMPTS} attempts. "
        "See pg_stat_activity for transactions that are open for long, then migrate again."
    )


async def check_encoding(connection: Driver) -> None:
    """Raises `ConfigurationError` unless the database stores UTF-8."""
    encoding = await connection.fetchval(ENCODING)
    if encoding != "UTF8":
        raise ConfigurationError(wrong_encoding(str(encoding)))


def wrong_encoding(encoding: str) -> str:
    """The sentence for a database that cannot hold every text."""
    return (
        f"The encoding of the database is {encoding}; Clarion needs UTF8. "
        "Make one with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
    )


@asynccontextmanager
async def _only_migrator(url: str, pooler: Pooler, url_setting: str) -> AsyncIterator[None]:
    """One at a time. It holds its lock in a transaction of its own, through any pooler."""
    connection = await migrator(url, pooler, url_setting).connect()
    try:
        async with connection.transaction():
            await check_encoding(connection)
            await _take_turn(connection)
            yield
    finally:
        connection.terminate()


async def _take_turn(connection: Driver) -> None:
    try:
        async with asyncio.timeout(TURN_S):
            while not await _has_turn(connection):  # noqa: ASYNC110 (another process has it)
                await asyncio.sleep(TURN_TRY_S)
    except TimeoutError:
        raise StoreUnavailable("Another migrator is at work; migrate again later.") from None


async def _has_turn(connection: Driver) -> bool:
    has_turn = await connection.fetchval(ONE_MIGRATOR)
    # what was asked with the extended protocol keeps its snapshot until the next question, and
    # an index is built only once no transaction holds an older one
    await connection.execute("SELECT 1")
    return bool(has_turn)
