"""Whether the connection to PostgreSQL is encrypted, and what prevents it."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.errors import ConfigurationError
from clarion.store.address import Pooler
from clarion.store.conditions import AWAY
from clarion.store.connecting import DATABASE_DIRECT_URL, is_encrypted, is_verified
from clarion.store.database import Database
from services.cli.database import named
from services.cli.doctor.finding import Finding

ENCRYPTION = "database encryption"
POOLER = "database pooler"

SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY(:names)"
"""Times without a unit are milliseconds there, as we set them."""


def transport(connection: Any) -> Finding:
    """How the connection is protected; none is a fault, for the network may be trusted."""
    if not is_encrypted(connection):
        return Finding(ENCRYPTION, "The connection is not encrypted.")
    if is_verified(connection):
        return Finding(ENCRYPTION, "The connection is encrypted and the server is verified.")
    return Finding(
        ENCRYPTION,
        "The connection is encrypted, but the server is not verified: that takes "
        "sslmode=verify-full and sslrootcert.",
    )


async def check_pooler(connection: AsyncConnection, database: Database) -> list[Finding]:
    """Whether the settings of our sessions arrive, and how revocations of keys arrive."""
    if not await _settings_arrive(connection, database):
        return [
            Finding(
                POOLER,
                "A pooler between us and PostgreSQL drops the settings of our sessions.",
                "Set CLARION_DATABASE_POOLER=transaction (or session), as its pool_mode says.",
            )
        ]
    listener = database.listener("clarion-doctor")
    if database.connector.pooler is Pooler.NONE:
        return []
    if listener is None:
        sentence = (
            f"CLARION_DATABASE_POOLER={database.connector.pooler}; gateways poll for revoked keys "
            "every second, because LISTEN needs CLARION_DATABASE_DIRECT_URL."
        )
        return [Finding(POOLER, sentence)]
    try:
        (await listener.connect()).terminate()
    except (asyncpg.PostgresError, ConfigurationError, *AWAY) as error:
        is_named = isinstance(error, ConfigurationError)
        sentence = str(error if is_named else named(error, DATABASE_DIRECT_URL))
        return [Finding(POOLER, sentence, f"Correct {DATABASE_DIRECT_URL}.")]
    return [Finding(POOLER, "Revocations of keys arrive over a connection of their own.")]


async def _settings_arrive(connection: AsyncConnection, database: Database) -> bool:
    connector = database.connector
    ours = connector.limits.keys() - connector.address.settings.keys()
    names = [name for name in ours if name.endswith("_timeout")]
    rows = await connection.execute(text(SETTINGS), {"names": names})
    return all(row.setting == connector.limits[row.name] for row in rows)
