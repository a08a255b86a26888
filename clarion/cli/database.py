"""A database for one command: opened, closed, and its errors told in sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from clarion.errors import ClarionError, ConfigurationError, StoreUnavailable
from clarion.resources import database_address, open_database
from clarion.setting_names import ALL_NAMES
from clarion.settings import SharedSettings
from clarion.store.database import AWAY, Database
from clarion.store.embedded import is_embedded
from clarion.store.migrate import migrate


async def migrated() -> None:
    """Bring the database that the environment names to the newest schema."""
    settings = SharedSettings.read(ALL_NAMES)
    async with told(), database_address(settings) as url:
        if not is_embedded(settings.database_url):
            await migrate(url)


@asynccontextmanager
async def opened_database() -> AsyncIterator[Database]:
    """The database that the environment names."""
    settings = SharedSettings.read(ALL_NAMES)
    async with told(), open_database(settings, "clarion-cli") as database:
        yield database


@asynccontextmanager
async def told() -> AsyncIterator[None]:
    """Turn what a database can answer into an error that Clarion names."""
    try:
        yield
    except ClarionError:
        raise
    except (SQLAlchemyError, asyncpg.PostgresError, *AWAY) as error:
        raise named(error) from error


def named(error: BaseException) -> ClarionError:
    """The sentence for a failure, with the remedy; holds neither address nor password."""
    cause = cause_of(error)
    match cause:
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


def cause_of(error: BaseException) -> BaseException:
    """The driver's own error under those of SQLAlchemy."""
    while isinstance(error, SQLAlchemyError) and error.__cause__ is not None:
        error = error.__cause__
    if error.__cause__ is not None and isinstance(error.__cause__, asyncpg.PostgresError):
        return error.__cause__
    return error
