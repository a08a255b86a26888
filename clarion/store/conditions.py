"""What a failure says: that the database cannot do it now, or that the statement is wrong.

By class and SQLSTATE only. Its text is never read: it is in the server's language.
"""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

RACES = (
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.exceptions.OutdatedSchemaCacheError,
)
"""Errors that do not recur when the same work is retried: a deadlock, a serialisation failure, a
schema that a migration changed under a prepared statement."""

NOT_OURS = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidColumnReferenceError,  # of ON CONFLICT: a restore makes indexes last
    asyncpg.InvalidSchemaNameError,
)
"""A database that was dropped, is being restored or waits for `clarion migrate`, and a role that
may not do what it needs: they end as they came, and nothing an event says brings them about."""

AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.QueryCanceledError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    *NOT_OURS,
    *RACES,
    PoolTimeout,
)
"""What says that the database cannot do it now, not that the statement is wrong."""

STORAGE = frozenset({"md.c", "fd.c", "smgr.c", "bufmgr.c", "slru.c", "xlog.c", "buffile.c"})
"""PostgreSQL's sources that touch files. What the system says when a file cannot grow, but for a
full disk, has no code of its own: it comes as an internal error."""


def driver_error(error: BaseException) -> BaseException:
    """The driver's own error under those of SQLAlchemy."""
    while isinstance(error, SQLAlchemyError):
        origin: BaseException | None = getattr(error, "orig", None)
        cause = origin.__cause__ if origin is not None else error.__cause__
        if cause is None:
            break
        error = cause
    return error


def is_away(error: BaseException) -> bool:
    """Whether a failure is the database's condition rather than the statement's fault."""
    if getattr(error, "connection_invalidated", False):
        return True
    error = driver_error(error)
    if isinstance(error, asyncpg.InternalServerError):
        return getattr(error, "server_source_filename", None) in STORAGE
    if isinstance(error, ValueError):
        return False  # a value that the driver cannot encode, though its class is InterfaceError
    return isinstance(error, AWAY)


def lost_a_race(error: BaseException | None) -> bool:
    """Whether the same work succeeds when retried at once."""
    return error is not None and isinstance(driver_error(error), RACES)


def lacks_partition(error: BaseException) -> bool:
    """Whether a row found no partition that takes it. PostgreSQL calls it a violated check, but
    names no constraint."""
    error = driver_error(error)
    return isinstance(error, asyncpg.CheckViolationError) and not getattr(
        error, "constraint_name", None
    )


def why_away(error: BaseException) -> str:
    """A sentence for readiness checks, without address, name or password."""
    match error:
        case asyncpg.InvalidCatalogNameError():
            return "There is no such database on the server now."
        case asyncpg.InvalidAuthorizationSpecificationError():
            return "The database refuses the login."
        case asyncpg.InsufficientPrivilegeError():
            return "The database user may not do this: it lacks a GRANT."
        case (
            asyncpg.UndefinedTableError()
            | asyncpg.UndefinedColumnError()
            | asyncpg.UndefinedObjectError()
            | asyncpg.InvalidColumnReferenceError()
        ):
            return "The schema is not that of this release. Run: clarion migrate"
        case asyncpg.ProtocolViolationError():
            return (
                "A pooler such as PgBouncer refuses the settings of our sessions. "
                "Set CLARION_DATABASE_POOLER=transaction (or session)."
            )
        case _:
            return "The database cannot be reached or is too busy; nothing was changed."
