"""Fan-out: a FastAPI WebSocket endpoint and `send_json` to each session that a message is for."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import jwt
from aio_pika.abc import AbstractQueue
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from bench.lib.events import TOKEN_SECRET
from bench.peers.broker import connect, live_exchange

sessions: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def deliver(queue: AbstractQueue) -> None:
    """Each message: an item and the subscriber whom it is for, as `naive_plan` announces it."""
    async with queue.iterator(no_ack=True) as messages:
        async for message in messages:
            body = json.loads(message.body)
            await send(body.pop("subscriber"), body)


async def send(subscriber: str, body: dict[str, Any]) -> None:
    frame = {"type": "notification", **body}
    for socket in list(sessions[subscriber]):
        with suppress(WebSocketDisconnect, RuntimeError):
            await socket.send_json(frame)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    connection = await connect()
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(await live_exchange(channel))
        delivering = asyncio.create_task(deliver(queue))
        yield
        delivering.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/v1/live")
async def live(socket: WebSocket) -> None:
    token = socket.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(token, TOKEN_SECRET, algorithms=["HS256"], audience="clarion")
    except jwt.InvalidTokenError:
        await socket.close(4401)
        return
    subscriber = claims["sub"]
    await socket.accept()
    sessions[subscriber].add(socket)
    await socket.send_json({"type": "welcome"})
    try:
        while True:
            await socket.receive_json()
    except WebSocketDisconnect:
        sessions[subscriber].discard(socket)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}
