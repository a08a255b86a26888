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
from clarion.store.connecting import DATABASE_DIRECT_URL, DATABASE_URL
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
    direct_url = settings.database_direct_url
    if direct_url is not None and not is_embedded(settings.database_url):
        async with readable_errors(DATABASE_DIRECT_URL):
            await migrate(direct_url, url_setting=DATABASE_DIRECT_URL)
        return
    async with readable_errors(), database_address(settings) as url:
        if not is_embedded(settings.database_url):
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
async def readable_errors(url_setting: str = DATABASE_URL) -> AsyncIterator[None]:
    """Turn database errors into `ClarionError`; `url_setting` gave the address."""
    try:
        yield
    except StoreUnavailable as error:
        if isinstance(error.__cause__, ConfigurationError):
            raise error.__cause__ from None
        if error.__cause__ is None or isinstance(error.__cause__, ClarionError):
            raise
        raise named(
            error.__cause__, url_setting
        ) from None  # the chained error may quote the address
    except ClarionError:
        raise
    except (SQLAlchemyError, asyncpg.PostgresError, *AWAY) as error:
        raise named(error, url_setting) from None


def named(error: BaseException, url_setting: str = DATABASE_URL) -> ClarionError:
    """A message with the setting and the remedy, without address and password."""
    cause = driver_error(error)
    match cause:
        case asyncpg.ProtocolViolationError():
            return ConfigurationError(POOLER)
        case ssl.SSLCertVerificationError():
            return ConfigurationError(
                f"The certificate of the database is not one that {url_setting} trusts "
                f"({cause.verify_message}). Check sslrootcert, and the host's name."
            )
        case ssl.SSLError():
            return ConfigurationError(
                f"TLS with the database fails ({cause.reason or 'unknown'}). "
                f"Check sslmode, sslcert and sslkey in {url_setting}."
            )
        case ConnectionError() if type(cause) is ConnectionError:
            return ConfigurationError(
                f"The database offers no TLS, which {url_setting} demands by sslmode."
            )
        case asyncpg.InvalidAuthorizationSpecificationError():
            return ConfigurationError(
                f"The database refuses the login. Check user and password in {url_setting}."
            )
        case asyncpg.InvalidCatalogNameError():
            return ConfigurationError(
                "There is no such database on the server. Create it, "
                f"or correct the name in {url_setting}."
            )
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError():
            return ConfigurationError("The schema is not the newest one. Run: clarion migrate")
        case asyncpg.InsufficientPrivilegeError():
            return ConfigurationError("The database user may not do this. Grant it the rights.")
        case _:
            return StoreUnavailable(
                f"The database does not answer as it should ({type(cause).__name__}). "
                f"Is it up, and is {url_setting} right?"
            )
