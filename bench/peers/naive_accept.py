"""Accepting events: a FastAPI route, a pydantic model, a confirmed publish per request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

import aio_pika
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, Field

from bench.lib.events import API_KEY
from bench.peers.broker import QUEUE, connect, events_queue

KEYS = {API_KEY: "default"}


class Content(BaseModel):
    title: str = Field(max_length=1_000)
    body: str | None = Field(None, max_length=20_000)
    url: str | None = Field(None, max_length=2_000)


class Event(BaseModel):
    type: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")
    id: str = Field(default_factory=lambda: str(uuid4()), min_length=1, max_length=256)
    source: str = Field("api", min_length=1, max_length=256)
    time: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    to: str | list[str]
    data: Any = None
    content: Content | None = None
    channels: list[Literal["inbox", "email", "sms"]] = ["inbox"]
    lane: Literal["urgent", "normal"] = "normal"


class Accepted(BaseModel):
    accepted: int
    ids: list[str]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    connection = await connect()
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        await events_queue(channel)
        app.state.exchange = channel.default_exchange
        yield


app = FastAPI(lifespan=lifespan)
bearer = HTTPBearer()


def tenant(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    found = KEYS.get(credentials.credentials)
    if found is None:
        raise HTTPException(401)
    return found


@app.post("/v1/events", status_code=202)
async def accept(
    event: Event, request: Request, tenant: Annotated[str, Depends(tenant)]
) -> Accepted:
    message = aio_pika.Message(
        event.model_dump_json().encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        headers={"tenant": tenant},
    )
    await request.app.state.exchange.publish(message, QUEUE, timeout=5)
    return Accepted(accepted=1, ids=[event.id])


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}
