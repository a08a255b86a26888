"""Dependencies of the routes: their resources, and a caller whose key has a scope."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.bus.protocol import Bus
from clarion.http.cursors import Cursors
from clarion.store.database import Database
from clarion.tokens.api_keys import ApiKey
from services.gateway.admin.minted_tokens import MintedTokens
from services.gateway.front.auth import require_scope
from services.gateway.settings import GatewaySettings

SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction whose statements all see the same snapshot, so that an answer is consistent."""
    async with database.transaction() as connection:
        await connection.execute(SNAPSHOT)
        yield connection


bearer = HTTPBearer(scheme_name="apiKey", description="An API key: `clr_...`", auto_error=False)


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of the routes."""

    settings: GatewaySettings
    database: Database
    cursors: Cursors
    bus: Bus
    minted: MintedTokens


def resources_of(request: Request) -> Resources:
    """The resources of the app that serves this request."""
    return request.app.state.resources


def allow(scope: str) -> Callable[..., ApiKey]:
    """Depend on the caller's key with this scope. Raises `Forbidden`."""

    def caller(request: Request, _documented: Annotated[object, Security(bearer)]) -> ApiKey:
        key: ApiKey = request.scope["clarion.key"]
        require_scope(key, scope)
        return key

    return caller


Deps = Annotated[Resources, Depends(resources_of)]
HistoryReader = Annotated[ApiKey, Depends(allow("history:read"))]
EventWriter = Annotated[ApiKey, Depends(allow("events:write"))]
DeliveryWriter = Annotated[ApiKey, Depends(allow("deliveries:write"))]
DirectoryWriter = Annotated[ApiKey, Depends(allow("directory:write"))]
TokenWriter = Annotated[ApiKey, Depends(allow("tokens:write"))]
Admin = Annotated[ApiKey, Depends(allow("admin"))]
