"""How the peers meet RabbitMQ: a durable quorum queue and an exchange for live news."""

from __future__ import annotations

import os

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue, AbstractRobustConnection

QUEUE = "naive.events"
LIVE = "naive.live"


async def connect() -> AbstractRobustConnection:
    return await aio_pika.connect_robust(os.environ["CLARION_AMQP_URL"])


async def events_queue(channel: AbstractChannel) -> AbstractQueue:
    return await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})


async def live_exchange(channel: AbstractChannel) -> AbstractExchange:
    return await channel.declare_exchange(LIVE, aio_pika.ExchangeType.FANOUT)
