"""What a failed transaction means: try again, or the batch holds something poisonous."""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError

from clarion.errors import StoreUnavailable
from clarion.store.conditions import lacks_partition

CONDITIONS = (
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
"""The database's condition, a lost race (deadlock, serialization) or a schema that is not ours:
nothing an event can be blamed for."""


def is_condition(error: Exception) -> bool:
    """Whether the same work may go through later, unchanged."""
    if isinstance(error, DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        return error.connection_invalidated or (
            isinstance(cause, Exception) and is_condition(cause)
        )
    if lacks_partition(error):
        return True
    if isinstance(error, ValueError):
        return False  # a value that the driver cannot encode, though its class is InterfaceError
    return isinstance(error, CONDITIONS)
