"""The demo page's API key: new at each start, never written down, ended with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from clarion.errors import StoreUnavailable
from clarion.store.api_keys import create_key, list_keys, revoke_key
from clarion.store.database import Database
from clarion.tokens.api_keys import hash_api_key, hint_of, new_api_key

NAME = "demo page"
TENANT = "default"
SCOPES = ("events:write", "tokens:write", "history:read")


@asynccontextmanager
async def demo_key(database: Database) -> AsyncIterator[str]:
    """A key that holds while this is open; one that a crash left behind is revoked."""
    await _revoke_all(database)
    key = new_api_key()
    async with database.transaction() as connection:
        await create_key(
            connection,
            tenant=TENANT,
            name=NAME,
            key_hash=hash_api_key(key),
            hint=hint_of(key),
            scopes=SCOPES,
        )
    try:
        yield key
    finally:
        with suppress(StoreUnavailable):  # then the next start revokes it
            await _revoke_all(database)


async def _revoke_all(database: Database) -> None:
    async with database.transaction() as connection:
        for row in await list_keys(connection):
            if row.name == NAME and row.tenant == TENANT and row.revoked_at is None:
                await revoke_key(connection, row.id)
