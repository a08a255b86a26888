"""Stored API keys: create, list, revoke. Only the hash of a key is stored, never the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import new_id
from clarion.store.tables import api_keys, tenants

KEYS_CHANNEL = "clarion_keys"
"""`NOTIFY` channel: its payload is the hash, in hexadecimal, of a key that is no longer valid."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """The public properties of a key."""

    id: UUID
    tenant: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def create_key(
    connection: AsyncConnection,
    *,
    tenant: str,
    name: str,
    key_hash: bytes,
    hint: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
) -> UUID:
    """Store a new key, and its tenant if that is new. Returns the key's id."""
    await connection.execute(insert(tenants).values(id=tenant).on_conflict_do_nothing())
    identifier = UUID(new_id())
    await connection.execute(
        insert(api_keys).values(
            id=identifier,
            tenant=tenant,
            name=name,
            hash=key_hash,
            hint=hint,
            scopes=list(scopes),
            expires_at=expires_at,
        )
    )
    return identifier


async def list_keys(connection: AsyncConnection) -> list[KeyRow]:
    """All keys including revoked ones, oldest first."""
    table = api_keys.c
    columns = (
        table.id,
        table.tenant,
        table.name,
        table.hint,
        table.scopes,
        table.created_at,
        table.expires_at,
        table.revoked_at,
    )
    rows = await connection.execute(select(*columns).order_by(table.id))
    return [
        KeyRow(
            id=row.id,
            tenant=row.tenant,
            name=row.name,
            hint=row.hint,
            scopes=tuple(row.scopes),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


async def revoke_key(connection: AsyncConnection, identifier: UUID) -> bool:
    """Revoke a key and notify every gateway at the commit. False if there is no such key or it is
    revoked already."""
    revoked = await connection.execute(
        update(api_keys)
        .where(api_keys.c.id == identifier, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_keys.c.hash)
    )
    key_hash = revoked.scalar_one_or_none()
    if key_hash is None:
        return False
    await connection.execute(select(func.pg_notify(KEYS_CHANNEL, key_hash.hex())))
    return True
