"""Bringing the broker to the topology of this version: `clarion migrate`.

An exchange cannot be given an argument, so one of an earlier version is deleted and declared anew.
Queues and what is in them stay. Meanwhile publishers are refused, and try again.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from aio_pika.abc import AbstractConnection

from clarion.bus.rabbitmq.backoff import PATIENCE_S
from clarion.bus.rabbitmq.connection import connect
from clarion.bus.rabbitmq.declaration import OutdatedExchange, declare_exchange, declare_topology
from clarion.bus.rabbitmq.link import FAILURES
from clarion.errors import BusUnavailable, ConfigurationError
from clarion.topology import DECLARED_EXCHANGES, Exchange

log = structlog.get_logger("clarion.bus")

TRIES = 10
"""A process of the earlier version may declare its exchange again in between."""


async def migrate_topology(urls: Sequence[str]) -> None:
    """Declare the topology, in place of that of an earlier version. Safe to run at any time.

    Raises `BusUnavailable` where no host answers, and `ConfigurationError` where the broker refuses
    us or has something that no version has declared.
    """
    connection = await _connection(urls)
    try:
        for _ in range(TRIES):
            for exchange in DECLARED_EXCHANGES:
                await _replace_outdated(connection, exchange)
            try:
                await declare_topology(await connection.channel(publisher_confirms=False))
            except OutdatedExchange:
                continue
            return
        raise ConfigurationError(
            "Processes of an earlier version of Clarion declare their exchanges again and again."
            " Stop them, then run: clarion migrate"
        )
    except FAILURES as error:
        raise BusUnavailable("The broker was lost; run clarion migrate again.") from error
    finally:
        await connection.close()


async def _replace_outdated(connection: AbstractConnection, exchange: Exchange) -> None:
    try:
        await declare_exchange(await connection.channel(publisher_confirms=False), exchange)
    except OutdatedExchange:
        channel = await connection.channel(publisher_confirms=False)
        # as the earlier version declared it: another one is not ours to delete
        await declare_exchange(channel, Exchange(exchange.name, exchange.kind))
        await channel.exchange_delete(exchange.name)
        log.info("bus_exchange_replaced", exchange=exchange.name)


async def _connection(urls: Sequence[str]) -> AbstractConnection:
    failure: BaseException | None = None
    for url in urls:
        try:
            return await connect(url, "clarion migrate", PATIENCE_S)
        except FAILURES as error:
            failure = error
    raise BusUnavailable("No host of CLARION_AMQP_URL answers.") from failure
