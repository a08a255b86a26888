"""A database for one command, with readable errors."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from clarion.errors import ClarionError, ConfigurationError, StoreUnavailable
from clarion.records.epoch import begin_epoch
from clarion.records.partitions import make_partitions
from clarion.resources import database_address, open_database
from clarion.setting_names import ALL_NAMES
from clarion.settings import SharedSettings
from clarion.store.conditions import AWAY, driver_error
from clarion.store.database import Database
from clarion.store.embedded import is_embedded
from clarion.store.migrate import migrate

POOLER = (
    "A pooler such as PgBouncer stands before the database and refuses the settings of a session. "
    "Set CLARION_DATABASE_POOLER=transaction, or session, as its pool_mode says."
)


async def migrated() -> None:
    """Migrate the database in the environment to the newest schema."""
    settings = SharedSettings.read(ALL_NAMES)
    async with readable_errors(), database_address(settings) as url:
        if is_embedded(settings.database_url):
            return
        if settings.database_direct_url is not None:
            await migrate(settings.database_direct_url)
        else:
            await migrate(url, settings.database_pooler)


async def partitioned() -> None:
    """Create missing partitions in the database in the environment."""
    async with opened_database() as database:
        await make_partitions(database)


async def epoch_begun() -> None:
    """Begin a new epoch after a restore of the database in the environment."""
    async with opened_database() as database:
        await database.run(begin_epoch)


@asynccontextmanager
async def opened_database() -> AsyncIterator[Database]:
    """The database in the environment."""
    settings = SharedSettings.read(ALL_NAMES)
    async with readable_errors(), open_database(settings, "clarion-cli") as database:
        yield database


@asynccontextmanager
async def readable_errors() -> AsyncIterator[None]:
    """Turn database errors into `ClarionError`."""
    try:
        yield
    except StoreUnavailable as error:
        if isinstance(error.__cause__, ConfigurationError):
            raise error.__cause__ from None
        if error.__cause__ is None or isinstance(error.__cause__, ClarionError):
            raise
        raise named(error.__cause__) from None  # the chained error may quote the address
    except ClarionError:
        raise
    except (SQLAlchemyError, asyncpg.PostgresError, *AWAY) as error:
        raise named(error) from None


def named(error: BaseException) -> ClarionError:
    """A message with the remedy, without address and password."""
    cause = driver_error(error)
    match cause:
        case asyncpg.ProtocolViolationError():
            return ConfigurationError(POOLER)
        case ssl.SSLCertVerificationError():
            return ConfigurationError(
                "The certificate of the database is not one that CLARION_DATABASE_URL trusts "
                f"({cause.verify_message}). Check sslrootcert, and the host's name."
            )
        case ssl.SSLError():
            return ConfigurationError(
                f"TLS with the database fails ({cause.reason or 'unknown'}). "
                "Check sslmode, sslcert and sslkey in CLARION_DATABASE_URL."
            )
        case ConnectionError() if type(cause) is ConnectionError:
            return ConfigurationError(
                "The database offers no TLS, which CLARION_DATABASE_URL demands by sslmode."
            )
        case asyncpg.InvalidAuthorizationSpecificationError():
            return ConfigurationError(
                "The database refuses the login. Check user and password in CLARION_DATABASE_URL."
            )
        case asyncpg.InvalidCatalogNameError():
            return ConfigurationError(
                "There is no such database on the server. Create it, "
                "or correct the name in CLARION_DATABASE_URL."
            )
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError():
            return ConfigurationError("The schema is not the newest one. Run: clarion migrate")
        case asyncpg.InsufficientPrivilegeError():
            return ConfigurationError("The database user may not do this. Grant it the rights.")
        case _:
            return StoreUnavailable(
                f"The database does not answer as it should ({type(cause).__name__}). "
                "Is it up, and is CLARION_DATABASE_URL right?"
            )
