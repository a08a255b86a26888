"""Whether RabbitMQ answers, accepts our login, and has what we declare."""

from __future__ import annotations

from collections.abc import Sequence

import aio_pika
from aiormq.exceptions import ChannelNotFoundEntity

from clarion.bus.rabbitmq.backoff import CONNECT_TIMEOUT_S
from clarion.bus.rabbitmq.connection import connect, place_of
from clarion.bus.rabbitmq.declaration import MayNotDeclare, declare_exchange, declare_unbound_queue
from clarion.bus.rabbitmq.outcome import BrokerFailure, within
from clarion.errors import ConfigurationError
from clarion.topology import DECLARED_EXCHANGES, DECLARED_QUEUES, Exchange, Queue
from services.cli.doctor.finding import Finding


async def check_broker(urls: Sequence[str]) -> list[Finding]:
    """One finding for each host, and one for the topology."""
    if any(url.startswith("memory:") for url in urls):
        sentence = "It lives in memory: for one process (clarion dev) only, and forgets at its end."
        return [Finding("broker", sentence)]
    return [finding for url in urls for finding in await _host(url)]


async def _host(url: str) -> list[Finding]:
    subject = f"broker {place_of(url)}"
    try:
        connection = await within(
            2 * CONNECT_TIMEOUT_S, connect(url, "clarion-doctor", CONNECT_TIMEOUT_S)
        )
    except ConfigurationError as error:
        return [Finding(subject, str(error), "Correct CLARION_AMQP_URL or the broker's user.")]
    except BrokerFailure as failure:
        remedy = "Start RabbitMQ, or correct host and port in CLARION_AMQP_URL."
        return [Finding(subject, f"It does not answer ({failure}).", remedy)]
    async with connection:
        return [
            Finding(subject, "It answers and accepts the login."),
            await _topology(subject, connection),
        ]


async def _topology(subject: str, connection: aio_pika.abc.AbstractConnection) -> Finding:
    present = [queue for queue in DECLARED_QUEUES if await _exists(connection, queue)]
    try:
        for exchange in DECLARED_EXCHANGES:
            if await _exists(connection, exchange):
                await declare_exchange(await connection.channel(), exchange)
        for queue in present:
            channel = await connection.channel()
            await declare_unbound_queue(channel, queue)
            await channel.close()
    except MayNotDeclare:
        there = f"{len(present)} of {len(DECLARED_QUEUES)} queues are there"
        return Finding(subject, f"{there}; our user may not declare any: a notifier does.")
    except ConfigurationError as error:
        return Finding(subject, str(error), "Do what the sentence says.")
    missing = len(DECLARED_QUEUES) - len(present)
    rest = f"; {missing} are made when a service starts" if missing else ""
    return Finding(subject, f"{len(present)} of {len(DECLARED_QUEUES)} queues are there{rest}.")


async def _exists(connection: aio_pika.abc.AbstractConnection, one: Queue | Exchange) -> bool:
    channel = await connection.channel()
    try:
        if isinstance(one, Queue):
            await channel.declare_queue(one.name, passive=True)
        else:
            await channel.declare_exchange(one.name, passive=True)
    except ChannelNotFoundEntity:
        return False
    await channel.close()
    return True
