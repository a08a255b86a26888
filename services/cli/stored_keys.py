"""API keys in the database that the environment names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.records.api_keys import KeyRow, create_key, list_keys, revoke_key
from clarion.records.audit import CLI, keep_changes
from clarion.tokens.api_keys import hash_api_key, hint_of
from services.cli.database import opened_database


async def store(
    key: str, *, tenant: str, name: str, scopes: Sequence[str], expires_at: datetime | None
) -> UUID:
    """Store the hash of `key`; returns the id."""

    async def create(connection: AsyncConnection) -> UUID:
        identifier = await create_key(
            connection,
            tenant=tenant,
            name=name,
            key_hash=hash_api_key(key),
            hint=hint_of(key),
            scopes=scopes,
            expires_at=expires_at,
        )
        detail = {"name": name, "scopes": list(scopes)}
        await keep_changes(connection, tenant, CLI, "key.create", [(identifier, detail)])
        return identifier

    async with opened_database() as database:
        return await database.run_core(create)


async def read() -> list[KeyRow]:
    """All keys, the oldest first."""
    async with opened_database() as database:
        return await database.run_core(list_keys)


async def end(identifier: UUID) -> bool:
    """Revoke; False where there was nothing to revoke."""

    async def revoke(connection: AsyncConnection) -> bool:
        if not await revoke_key(connection, identifier):
            return False
        (key,) = [one for one in await list_keys(connection) if one.id == identifier]
        change = (identifier, {"name": key.name})
        await keep_changes(connection, key.tenant, CLI, "key.revoke", [change])
        return True

    async with opened_database() as database:
        return await database.run_core(revoke)


def line_of(row: KeyRow, now: datetime) -> str:
    """A key as one line."""
    state = "valid"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at is not None and row.expires_at <= now:
        state = "expired"
    scopes = ",".join(row.scopes)
    return f"{row.id}  {row.tenant}  {row.hint}  {state}  {row.name}  {scopes}"
