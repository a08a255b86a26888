"""One parked message with its bounded body."""

from __future__ import annotations

import base64
import codecs
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import parked
from clarion.tokens.api_keys import ApiKey
from services.gateway.front.auth import is_from_settings

MAX_BODY_BYTES = 256 * 1024

_p = parked.c


def seen_by(key: ApiKey) -> ColumnElement[bool]:
    """A tenant's own; messages without a tenant are for the installation's operator."""
    own = _p.tenant == key.tenant
    return or_(own, _p.tenant.is_(None)) if is_from_settings(key) else own


async def read_parked(
    connection: AsyncConnection, key: ApiKey, identifier: UUID
) -> dict[str, Any] | None:
    """One message with up to `MAX_BODY_BYTES` of its body, if it exists."""
    statement = select(
        *(column for column in _p if column.name != "body"),
        func.substring(_p.body, 1, MAX_BODY_BYTES).label("head"),
        func.octet_length(_p.body).label("size"),
    ).where(_p.id == identifier, seen_by(key))
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    head, truncated = bytes(row["head"]), row["size"] > MAX_BODY_BYTES
    encoding, body = _shown(head, truncated)
    return {**row, "encoding": encoding, "body": body, "truncated": truncated}


async def whole(connection: AsyncConnection, key: ApiKey, identifier: UUID) -> Row[Any] | None:
    """The stored row, if it exists."""
    statement = select(parked).where(and_(_p.id == identifier, seen_by(key)))
    return (await connection.execute(statement)).one_or_none()


def _shown(head: bytes, truncated: bool) -> tuple[str, str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return "text", decoder.decode(head, final=not truncated)
    except UnicodeDecodeError:
        return "base64", base64.b64encode(head).decode()
