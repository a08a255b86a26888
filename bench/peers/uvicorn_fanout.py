"""Fan-out on uvicorn's own WebSocket path, as lean as ASGI allows: no framework, text that is
encoded already, one `send` for each frame."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from typing import Any

import jwt
from aio_pika.abc import AbstractQueue

from bench.lib.events import TOKEN_SECRET
from bench.peers.broker import connect, live_exchange

sessions: defaultdict[str, set[Any]] = defaultdict(set)


async def deliver(queue: AbstractQueue) -> None:
    """Each message: pairs of subscriber and text."""
    async with queue.iterator(no_ack=True) as messages:
        async for message in messages:
            for subscriber, text in json.loads(message.body):
                event = {"type": "websocket.send", "text": text}
                for send in tuple(sessions[subscriber]):
                    with suppress(OSError, RuntimeError):
                        await send(event)


async def lifespan(receive: Any, send: Any) -> None:
    await receive()
    connection = await connect()
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(await live_exchange(channel))
        delivering = asyncio.create_task(deliver(queue))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        delivering.cancel()
    await send({"type": "lifespan.shutdown.complete"})


async def live(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    token = dict(scope["headers"]).get(b"authorization", b"").removeprefix(b"Bearer ")
    try:
        claims = jwt.decode(token, TOKEN_SECRET, algorithms=["HS256"], audience="clarion")
    except jwt.InvalidTokenError:
        await send({"type": "websocket.close", "code": 4401})
        return
    await send({"type": "websocket.accept"})
    sessions[claims["sub"]].add(send)
    try:
        await send({"type": "websocket.send", "text": '{"type":"welcome"}'})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sessions[claims["sub"]].discard(send)


async def healthz(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await live(scope, receive, send)
    else:
        await healthz(send)
