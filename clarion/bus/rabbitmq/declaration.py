"""Declaring the topology of `clarion.topology` at a broker."""

from __future__ import annotations

from typing import cast

import aiormq
from aio_pika.abc import AbstractChannel
from pamqp.common import Arguments

from clarion.errors import ConfigurationError
from clarion.topology import EXCHANGES, QUEUES, Exchange, Queue


async def declare_topology(channel: AbstractChannel) -> None:
    """Declare every exchange and queue, idempotently.

    Raises `ConfigurationError` that names what the broker has with other arguments, or what our
    user may not declare. The channel is closed by the broker then.
    """
    await declare_exchanges(channel)
    for queue in QUEUES:
        await declare_queue(channel, queue)


async def declare_exchanges(channel: AbstractChannel) -> None:
    """Declare what queues are bound to; see `declare_topology`."""
    for exchange in EXCHANGES:
        await declare_exchange(channel, exchange)


async def declare_exchange(channel: AbstractChannel, exchange: Exchange) -> None:
    """Declare one exchange; see `declare_topology`."""
    try:
        await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        raise _other_arguments("exchange", exchange.name, error) from error
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise _not_allowed("exchange", exchange.name) from error


async def declare_queue(channel: AbstractChannel, queue: Queue) -> None:
    """Declare one queue and its binding; see `declare_topology`."""
    try:
        declared = await channel.declare_queue(
            queue.name, durable=True, arguments=cast(Arguments, queue.arguments)
        )
        await declared.bind(queue.exchange, queue.key)
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        raise _other_arguments("queue", queue.name, error) from error
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise _not_allowed("queue", queue.name) from error


def _other_arguments(kind: str, name: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The {kind} {name} exists at the broker with other arguments than this version declares"
        f" ({error}). Drain it with the version that made it and delete it, or point"
        " CLARION_AMQP_URL at another virtual host."
    )


def _not_allowed(kind: str, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The user of CLARION_AMQP_URL may not declare the {kind} {name}: it needs the"
        r" permissions configure, write and read on ^(clarion\.|amq\.gen).*"
    )
