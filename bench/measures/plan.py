"""Events planned: a queue that was filled while the planner stood still.

Clarion reads envelopes of 8 events, as a gateway makes them for a few callers; the peer one
message per event, as its accept half publishes them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import aio_pika
import asyncpg

from bench.lib.events import entry, envelopes
from bench.lib.ground import Ground
from bench.lib.results import Claim, Figure, Report
from bench.lib.server import Server, peer, service
from bench.peers.broker import QUEUE
from clarion.bus import open_bus
from clarion.topology import EVENTS
from testbed.processes import wait_until

OURS = 16_000
THEIRS = 1_000
WARM = 256
ENVELOPE_EVENTS = 8
AT_ONCE = 100
PATIENCE_S = 60.0
GOAL = 20.0

Fill = Callable[[int], Awaitable[None]]


async def measure(ground: Ground) -> Report:
    """Clarion's notifier, then the peer."""
    async with ground.fresh() as settings, service("notifier", settings) as server:
        bus = open_bus([settings["CLARION_AMQP_URL"]], publish_timeout_s=30)
        await bus.start()

        async def fill(count: int) -> None:
            pending = [
                bus.publish(EVENTS, "normal", one) for one in envelopes(count, ENVELOPE_EVENTS)
            ]
            for first in range(0, len(pending), AT_ONCE):
                await asyncio.gather(*pending[first : first + AT_ONCE])

        ours = await _plan("clarion", server, settings, fill, OURS)
        await bus.close()
    async with ground.fresh(migrated=False) as settings, peer("naive_plan", settings) as server:
        theirs = await _plan("naive", server, settings, _fill_naive(settings), THEIRS)
    report = Report([ours, theirs])
    report.claims.extend(Claim.ratio(report, "plan", "clarion", "naive", GOAL))
    return report


def _fill_naive(settings: dict[str, str]) -> Fill:
    async def fill(count: int) -> None:
        async with await aio_pika.connect(settings["CLARION_AMQP_URL"]) as connection:
            channel = await connection.channel()
            for first in range(0, count, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, count))
                await asyncio.gather(*(_publish(channel, number) for number in numbers))

    return fill


async def _publish(channel: aio_pika.abc.AbstractChannel, number: int) -> None:
    made = entry(number)
    body = {**made["event"], "id": made["id"], "source": made["source"]}
    message = aio_pika.Message(
        json.dumps(body).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )
    await channel.default_exchange.publish(message, QUEUE)


async def _plan(
    contender: str, server: Server, settings: dict[str, str], fill: Fill, count: int
) -> Figure:
    database = await asyncpg.connect(settings["CLARION_DATABASE_URL"])
    try:
        await fill(WARM)
        await _planned(database, WARM)
        server.pause()
        await fill(count)
        cpu_s, began = server.cpu_s(), time.perf_counter()
        server.resume()
        await _planned(database, WARM + count)
        took = time.perf_counter() - began
        cpu_s = server.cpu_s() - cpu_s
    finally:
        await database.close()
    more = {"per second": count / took}
    return Figure("plan", contender, "events per CPU s", rate=count / cpu_s, more=more)


async def _planned(database: asyncpg.Connection, count: int) -> None:
    async def enough() -> bool:
        return await database.fetchval("SELECT count(*) FROM notifications") >= count

    await wait_until(enough, PATIENCE_S, f"{count} planned")
