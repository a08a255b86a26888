"""Declaring the topology of `clarion.topology` at a broker."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import cast

import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aiormq.abc import AbstractConnection as AmqpConnection
from pamqp.common import Arguments

from clarion.errors import ConfigurationError
from clarion.topology import (
    CHECKED_EVENTS,
    CHECKED_PARKED,
    DECLARED_EXCHANGES,
    DECLARED_QUEUES,
    FORWARDED,
    IGNORES_FORGED_DEATHS,
    Exchange,
    Queue,
)

Declare = Callable[[AbstractChannel], Awaitable[None]]

WITH_DEATHS: Arguments = {"x-match": "any-with-x", "x-death": None}
"""Whatever bears this header, with any value."""
DIED: Arguments = WITH_DEATHS | {"x-first-death-queue": None}
"""Either header: RabbitMQ 4 shows the second where it routes a dead letter."""


class MayNotDeclare(ConfigurationError):
    """Our user has no right to declare this."""


class OutdatedExchange(ConfigurationError):
    """The broker has it without what this version adds."""


class NotDeclaredYet(Exception):
    """Our user may not declare what is missing: another process has to."""


async def declared(connection: AbstractConnection, declare: Declare) -> AbstractChannel:
    """A new channel, once `declare` is done on it. A user without the right to declare finds it
    declared.

    Raises as `declare_topology`, and `NotDeclaredYet`.
    """
    channel = await connection.channel(publisher_confirms=False)
    try:
        await declare(channel)
    except MayNotDeclare:  # the broker has closed the channel
        channel = await connection.channel(publisher_confirms=False)
        await _find_exchanges(channel)
    return channel


async def _find_exchanges(channel: AbstractChannel) -> None:
    for exchange in DECLARED_EXCHANGES:
        try:  # needs no permission
            await channel.declare_exchange(exchange.name, passive=True)
        except aiormq.exceptions.ChannelNotFoundEntity as error:
            raise NotDeclaredYet(
                f"The exchange {exchange.name} is not there, and the user of CLARION_AMQP_URL may"
                " not declare it: a notifier does when it starts."
            ) from error


async def declare_topology(channel: AbstractChannel) -> None:
    """Declare every exchange and queue, idempotently.

    Raises `ConfigurationError` that names what the broker has with other arguments, or what our
    user may not declare. The channel is closed by the broker then.
    """
    await declare_exchanges(channel)
    for queue in DECLARED_QUEUES:
        await declare_queue(channel, queue)


async def declare_exchanges(channel: AbstractChannel) -> None:
    """Declare what queues are bound to; see `declare_topology`."""
    for exchange in DECLARED_EXCHANGES:
        await declare_exchange(channel, exchange)
    for source, key, destination in FORWARDED:
        await (await channel.get_exchange(destination, ensure=False)).bind(source, key)


async def declare_exchange(channel: AbstractChannel, exchange: Exchange) -> None:
    """Declare one exchange; see `declare_topology`."""
    try:
        arguments = {"alternate-exchange": exchange.alternate} if exchange.alternate else None
        await channel.declare_exchange(
            exchange.name, exchange.kind, durable=True, arguments=cast(Arguments, arguments)
        )
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        if exchange.alternate and "alternate-exchange" in str(error):
            raise OutdatedExchange(
                f"The exchange {exchange.name} exists at the broker as an earlier version of"
                " Clarion declared it. Run: clarion migrate"
            ) from error
        raise _other_arguments("exchange", exchange.name, error) from error
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise _not_allowed("exchange", exchange.name) from error


async def declare_queue(channel: AbstractChannel, queue: Queue) -> None:
    """Declare one queue and its bindings, in place of those of an earlier version; see
    `declare_topology`."""
    declared = await declare_unbound_queue(channel, queue)
    try:
        if queue.behind == CHECKED_PARKED:
            await _turn_aside(channel, declared)
        else:
            await declared.bind(queue.behind or queue.exchange, queue.key)
        if queue.behind is not None:
            await declared.unbind(queue.exchange, queue.key)  # as an earlier version bound it
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise _not_allowed("queue", queue.name) from error


async def declare_unbound_queue(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    """Declare one queue without its bindings; see `declare_topology`."""
    try:
        return await channel.declare_queue(
            queue.name, durable=True, arguments=cast(Arguments, queue.arguments)
        )
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        raise _other_arguments("queue", queue.name, error) from error
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise _not_allowed("queue", queue.name) from error


async def _turn_aside(channel: AbstractChannel, queue: AbstractQueue) -> None:
    """Past what is for those that have not died. From the lanes as long as the broker reads deaths
    that were forged: one that was upgraded does it no more."""
    await queue.bind(CHECKED_PARKED, "", arguments=DIED)
    amqp = await channel.get_underlay_channel()
    is_safe = version_of(amqp.connection) >= IGNORES_FORGED_DEATHS
    change = queue.unbind if is_safe else queue.bind
    await change(CHECKED_EVENTS, "", arguments=WITH_DEATHS)


def version_of(connection: AmqpConnection) -> tuple[int, ...]:
    """What the broker says of itself, empty where that is no number."""
    said = connection.server_properties.get("version")
    found = re.match(r"(\d+)\.(\d+)", said) if isinstance(said, str) else None
    return tuple(map(int, found.groups())) if found else ()


def _other_arguments(kind: str, name: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The {kind} {name} exists at the broker with other arguments than this version declares"
        f" ({error}). Drain it with the version that made it and delete it, or point"
        " CLARION_AMQP_URL at another virtual host."
    )


def _not_allowed(kind: str, name: str) -> MayNotDeclare:
    return MayNotDeclare(
        f"The user of CLARION_AMQP_URL may not declare the {kind} {name}: it needs the"
        r" permissions configure, write and read on ^clarion\..*"
    )
