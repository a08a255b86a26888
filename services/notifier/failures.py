"""Classifies failed transactions: transient conditions to retry, or poison messages.

Only conditions of the environment, which end by themselves, are retried without bound. Work that
exceeds a limit while the database answers is counted: see `TookTooLong`.
"""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError

from clarion.errors import StoreUnavailable
from clarion.store.conditions import lacks_partition
from clarion.store.database import Database

TRANSIENT_ERRORS = (
    StoreUnavailable,
    asyncpg.TransactionRollbackError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
)
"""Conditions of the database, lost races (deadlock, serialization) or a foreign schema: no fault of
an event."""


def is_transient(error: Exception) -> bool:
    """Whether the same work may succeed later, unchanged."""
    if isinstance(error, DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        return error.connection_invalidated or (
            isinstance(cause, Exception) and is_transient(cause)
        )
    if lacks_partition(error):
        return True
    if isinstance(error, ValueError):
        return False  # a value that the driver cannot encode, though its class is InterfaceError
    return isinstance(error, TRANSIENT_ERRORS)


PLANNING_FAILED = "planning_failed"
TOOK_TOO_LONG = "took_too_long"

LIMITS = frozenset(
    {
        "57014",  # statement_timeout, or cancelled by an administrator
        "55P03",  # lock_timeout
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "53200",  # out of memory
        "53400",  # temp_file_limit
    }
)
"""SQLSTATEs of work that exceeded a limit of its transaction."""

CAN_PLAN = """
LOCK TABLE event_keys, events, notifications, deliveries, inboxes, slices IN ROW EXCLUSIVE MODE
"""
"""The table locks of every plan: waits if a lock on a whole table blocks all plans."""

CAN_RECORD = "LOCK TABLE deliveries, attempts, captures IN ROW EXCLUSIVE MODE"
"""The table locks of recording attempts."""


class TookTooLong(Exception):
    """The work exceeded a limit while the database answered: the work may be at fault, not the
    environment."""


def root_of(error: BaseException) -> BaseException:
    """The exception of the driver within its wrappers."""
    while True:
        if isinstance(error, asyncpg.PostgresError):
            return error
        inner = error.orig if isinstance(error, DBAPIError) else error.__cause__
        if inner is None:
            return error
        error = inner


def exceeds_limit(error: BaseException) -> bool:
    """Whether a limit on time, locks or memory ended the work: one of PostgreSQL's, or our
    `command_timeout` (which also applies to opening a connection)."""
    root = root_of(error)
    if isinstance(root, asyncpg.PostgresError):
        return root.sqlstate in LIMITS
    return isinstance(root, TimeoutError)


async def can_plan(database: Database) -> bool:
    """Whether the database answers and other transactions can write the tables of a plan."""
    return await _can_write(database, CAN_PLAN)


async def can_record(database: Database) -> bool:
    """Whether the database answers and other transactions can record attempts."""
    return await _can_write(database, CAN_RECORD)


async def _can_write(database: Database, lock: str) -> bool:
    try:
        await database.ping()
        async with database.driver() as tx:
            await tx.execute(lock)
    except Exception as error:
        if isinstance(root_of(error), asyncpg.InsufficientPrivilegeError):
            return True  # it answered; this role inserts and may not lock
        if not isinstance(error, TimeoutError) and not is_transient(error):
            raise
        return False
    return True


def reason_of(error: BaseException) -> str:
    """The reason code for dead-lettering an event or a slice after this error."""
    return TOOK_TOO_LONG if isinstance(error, TookTooLong) else PLANNING_FAILED


def detail_of(error: BaseException, what: str) -> str:
    """The reason as a sentence with a remedy."""
    if isinstance(error, TookTooLong):
        return (
            f"{what} took too long, again and again, while the database answered: {error}. "
            "Look for a lock that is held, for missing indexes or old statistics (ANALYZE), or "
            "raise CLARION_DATABASE_TIMEOUT_S; then redrive it."
        )
    return f"{what} failed: {type(error).__name__}: {error}"
