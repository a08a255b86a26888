"""Bringing the broker to the topology of this version: `clarion migrate`.

An exchange cannot be given an argument, so one of an earlier version is deleted and declared
again. Queues and their messages stay. Meanwhile publishers are refused, and retry.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from clarion.bus.rabbitmq.backoff import CONNECT_TIMEOUT_S
from clarion.bus.rabbitmq.connection import BrokerConnection, connect
from clarion.bus.rabbitmq.declaration import OutdatedExchange, declare_exchange, declare_topology
from clarion.bus.rabbitmq.outcome import BrokerFailure, within
from clarion.errors import BusUnavailable, ConfigurationError
from clarion.topology import DECLARED_EXCHANGES, Exchange

log = structlog.get_logger("clarion.bus")

MIGRATE_S = 120.0
"""For all of it: each new quorum queue on a busy disk takes its time."""
TRIES = 10
"""A process of the earlier version may declare its exchange again in between."""


async def migrate_topology(urls: Sequence[str]) -> None:
    """Declare the topology, in place of that of an earlier version. Safe to run at any time.

    Raises `BusUnavailable` where no host answers, and `ConfigurationError` where the broker refuses
    us or has something that no version has declared.
    """
    connection = await _connection(urls)
    try:
        await within(MIGRATE_S, _migrate(connection))
    except BrokerFailure as failure:
        raise BusUnavailable("The broker was lost; run clarion migrate again.") from failure
    finally:
        await connection.end()


async def _migrate(connection: BrokerConnection) -> None:
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


async def _replace_outdated(connection: BrokerConnection, exchange: Exchange) -> None:
    try:
        await declare_exchange(await connection.channel(publisher_confirms=False), exchange)
    except OutdatedExchange:
        channel = await connection.channel(publisher_confirms=False)
        # as the earlier version declared it: another one is not ours to delete
        await declare_exchange(channel, Exchange(exchange.name, exchange.kind))
        await channel.exchange_delete(exchange.name)
        log.info("bus_exchange_replaced", exchange=exchange.name)


async def _connection(urls: Sequence[str]) -> BrokerConnection:
    failure: BaseException | None = None
    for url in urls:
        try:
            return await within(
                2 * CONNECT_TIMEOUT_S, connect(url, "clarion migrate", CONNECT_TIMEOUT_S)
            )
        except BrokerFailure as error:
            failure = error
    raise BusUnavailable("No host of CLARION_AMQP_URL answers.") from failure
