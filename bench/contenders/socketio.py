"""python-socketio on uvicorn with its own RabbitMQ manager (aio-pika)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from socketio import AsyncAioPikaManager

from bench.contenders.contender import Contender, News
from bench.lib.ground import Ground
from bench.lib.server import peer
from bench.loads.sockets import Sockets


@asynccontextmanager
async def opened(ground: Ground) -> AsyncIterator[Contender]:
    """As `Opening`."""
    async with (
        ground.fresh(migrated=False) as settings,
        peer("socketio_fanout", settings) as server,
    ):
        manager = AsyncAioPikaManager(settings["CLARION_AMQP_URL"], write_only=True)
        publisher = cast("Any", manager)  # it has no types

        async def send(news: Sequence[News]) -> None:
            for one in news:
                await publisher.emit("notification", json.loads(one.body), room=one.subscriber)

        path = "/socket.io/?EIO=4&transport=websocket"
        sockets = Sockets(server.port, path, '40{"token":"{token}"}', '40{"sid"')
        yield Contender("socketio", server, sockets, send)
        if publisher.publisher_connection is not None:  # it opens one when it first publishes
            await publisher.publisher_connection.close()
