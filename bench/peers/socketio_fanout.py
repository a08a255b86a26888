"""Fan-out by python-socketio: a room for each subscriber, emits through RabbitMQ."""

from __future__ import annotations

import os
from typing import Any, cast

import jwt
from socketio import ASGIApp, AsyncAioPikaManager, AsyncServer

from bench.lib.events import TOKEN_SECRET

SILENCE_S = 600
"""No heartbeat of this server is what is measured."""

server = cast(
    "Any",  # it has no types
    AsyncServer(
        async_mode="asgi",
        client_manager=AsyncAioPikaManager(os.environ["CLARION_AMQP_URL"]),
        http_compression=False,
        ping_interval=SILENCE_S,
    ),
)


@server.event
async def connect(session: str, _: dict[str, Any], auth: dict[str, Any] | None) -> bool:
    try:
        token = (auth or {}).get("token", "")
        claims = jwt.decode(token, TOKEN_SECRET, algorithms=["HS256"], audience="clarion")
    except jwt.InvalidTokenError:
        return False
    await server.enter_room(session, claims["sub"])
    return True


async def healthz(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


app = ASGIApp(server, other_asgi_app=healthz)
