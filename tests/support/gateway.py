"""A gateway under test: built by its composition root, spoken to over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
from asgi_lifespan import LifespanManager
from sqlalchemy import insert

from clarion.bus.protocol import Bus, Subscription
from clarion.contracts.envelope import RawEntry, decode_raw_envelope
from clarion.contracts.ids import new_id
from clarion.store.database import Database
from clarion.store.tables import api_keys, tenants
from clarion.tokens.api_keys import SCOPES, hash_api_key, new_api_key
from clarion.topology import events_queue
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings

KEY = "a-key-of-the-settings-0123456789"
SECRET = "0123456789abcdef0123456789abcdef"


def settings_of(**changed: Any) -> GatewaySettings:
    """Settings with a key and a token secret."""
    given: dict[str, Any] = {"api_key": KEY, "token_secret": SECRET, **changed}
    return GatewaySettings(**given)


@asynccontextmanager
async def gateway_client(
    bus: Bus, database: Database, **changed: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    """A started gateway, spoken to in this process with the key of the settings."""
    app = create_app(settings_of(**changed), bus=bus, database=database)
    async with (
        LifespanManager(app) as manager,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=manager.app),
            base_url="http://gateway",
            headers={"authorization": f"Bearer {KEY}"},
        ) as client,
    ):
        yield client


async def make_key(
    database: Database,
    *,
    tenant: str = "acme",
    scopes: Sequence[str] = SCOPES,
    expires_at: datetime | None = None,
) -> str:
    """A key in the database; made as `clarion keys create` makes it."""
    key = new_api_key()
    async with database.transaction() as connection:
        known = (await connection.execute(tenants.select().where(tenants.c.id == tenant))).first()
        if known is None:
            await connection.execute(insert(tenants).values(id=tenant))
        await connection.execute(
            insert(api_keys).values(
                id=new_id(),
                tenant=tenant,
                name="test",
                hash=hash_api_key(key),
                hint="clr_",
                scopes=list(scopes),
                expires_at=expires_at,
            )
        )
    return key


class Published:
    """What the gateway put into the queue of one lane."""

    def __init__(self, bus: Bus, lane: str = "normal") -> None:
        self._subscription: Subscription = bus.subscribe(events_queue(lane), prefetch=10_000)

    async def envelopes(self) -> list[list[RawEntry]]:
        """Waits for at least one."""
        messages = await self._subscription.take(10_000)
        return [decode_raw_envelope(one.body).events for one in messages]

    async def entries(self, count: int) -> list[RawEntry]:
        """Waits for so many, over any number of envelopes."""
        entries: list[RawEntry] = []
        while len(entries) < count:
            entries += [entry for envelope in await self.envelopes() for entry in envelope]
        return entries


def at(text: str) -> datetime:
    """A time of day of one fixed day, UTC."""
    return datetime.fromisoformat(f"2026-11-20T{text}").replace(tzinfo=UTC)
