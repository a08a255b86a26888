"""uvicorn's own WebSocket path, fed by aio-pika."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aio_pika

from bench.contenders.contender import Contender, News
from bench.lib.ground import Ground
from bench.lib.server import peer
from bench.loads.sockets import Sockets
from bench.peers.broker import LIVE


@asynccontextmanager
async def opened(ground: Ground) -> AsyncIterator[Contender]:
    """As `Opening`."""
    async with (
        ground.fresh(migrated=False) as settings,
        peer("uvicorn_fanout", settings) as server,
        await aio_pika.connect(settings["CLARION_AMQP_URL"]) as connection,
    ):
        exchange = await (await connection.channel()).get_exchange(LIVE)

        async def send(news: Sequence[News]) -> None:
            body = json.dumps([(one.subscriber, one.body.decode()) for one in news])
            await exchange.publish(aio_pika.Message(body.encode()), "")

        sockets = Sockets(server.port, "/v1/live", ready="welcome")
        yield Contender("uvicorn", server, sockets, send)
