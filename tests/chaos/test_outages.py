"""What callers see while the broker or the database is away, and that nothing is lost by it.

`--outage-s 60` keeps the database away for longer, as `--soak` does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import httpx2
import psutil
import pytest

from chaos.callers import Accepted, Caller
from chaos.history import open_history
from clarion.store.database import Database
from clarion.store.migrate import migrate
from clarion.topology import PARKED
from testbed.postgres import PostgresNode
from testbed.processes import wait_until
from testbed.rabbitmq import Broker, BrokerNode, messages_left
from testbed.stack import Stack, running_stack
from tests.support.notifier import rows

SOON = timedelta(hours=1)
BURST = 300
AT_ONCE = 20
PADDING = "x" * 60_000
"""Of each event, so that a gateway which kept what it refuses would be seen to grow."""
GROWTH_BYTES = 12 * 1024**2
"""Two thirds of the burst."""

HISTORY = """
SELECT (SELECT count(*) FROM events) AS events,
       (SELECT count(DISTINCT event_id) FROM events) AS ids,
       (SELECT count(*) FROM notifications) AS notifications,
       (SELECT max(version) FROM inboxes) AS version,
       (SELECT count(*) FROM parked) AS parked
"""


def padded(number: int) -> dict[str, Any]:
    return {"type": "t", "id": f"e-{number}", "to": "user:42", "data": PADDING}


async def post(stack: Stack, event: dict[str, Any]) -> tuple[httpx2.Response, float]:
    """The answer, and the seconds until it came."""
    started = time.perf_counter()
    answer = await stack.http.post(f"{stack.gateways[0]}/v1/events", json=event)
    return answer, time.perf_counter() - started


async def burst(stack: Stack, numbers: Sequence[int]) -> list[tuple[httpx2.Response, float]]:
    """Post them all, `AT_ONCE` at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> tuple[httpx2.Response, float]:
        async with turns:
            return await post(stack, padded(number))

    return await asyncio.gather(*(one(number) for number in numbers))


@pytest.mark.alone
@pytest.mark.timeout(600)
async def test_while_the_broker_blocks_callers_get_503_at_once_and_nothing_grows(
    private_rabbitmq: BrokerNode, database: Database
) -> None:
    async with running_stack(
        amqp_url=private_rabbitmq.url("/"), postgres_url=database.url, pushers=0
    ) as stack:
        gateway = psutil.Process(stack.processes["gateway"][0].pid)
        before = await burst(stack, range(AT_ONCE))
        memory = gateway.memory_info().rss
        await private_rabbitmq.block()
        answers = await burst(stack, range(BURST))
        growth = gateway.memory_info().rss - memory
        alive = await stack.http.get(f"{stack.gateways[0]}/healthz")
        ready = await stack.http.get(f"{stack.gateways[0]}/readyz")
        figures = (await stack.http.get(f"{stack.gateways[0]}/metrics")).text
        await private_rabbitmq.unblock()

        async def accepted() -> bool:
            return (await post(stack, padded(0)))[0].status_code == 202

        await wait_until(accepted, 60, "a broker that takes events again")
        after = await burst(stack, range(BURST))

        async def all_planned() -> bool:
            (found,) = await rows(database, "SELECT count(*) AS n FROM events")
            return found["n"] == BURST

        await wait_until(all_planned, 120, "all events planned")
        history = await rows(database, HISTORY)
    assert Counter(answer.status_code for answer, _ in before) == {202: AT_ONCE}
    assert Counter(answer.status_code for answer, _ in answers) == {503: BURST}
    assert all(int(answer.headers["retry-after"]) > 0 for answer, _ in answers)
    assert statistics.median(seconds for _, seconds in answers) < 1
    assert growth < GROWTH_BYTES
    assert (alive.status_code, ready.status_code) == (200, 503)
    assert "blocks" in ready.json()["checks"]["broker"]
    assert "clarion_gateway_waiting_bytes 0.0" in figures
    assert Counter(answer.status_code for answer, _ in after) == {202: BURST}
    assert history == [
        {"events": BURST, "ids": BURST, "notifications": BURST, "version": BURST, "parked": 0}
    ]


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_while_the_database_is_away_events_are_accepted_and_planned_when_it_is_back(
    private_postgres: PostgresNode, rabbitmq_node: Broker, pytestconfig: pytest.Config
) -> None:
    option = pytestconfig.getoption
    outage_s: float = option("--outage-s") or (60 if option("--soak") else 4)
    vhost = rabbitmq_node.create_vhost()
    await migrate(private_postgres.url)
    accepted = Accepted()
    async with running_stack(
        amqp_url=rabbitmq_node.url(vhost), postgres_url=private_postgres.url, notifiers=2, pushers=0
    ) as stack:
        caller = Caller("caller", stack.gateways, ["sub-1", "sub-2"], accepted, Random(1))
        load = asyncio.create_task(caller.run(40))
        await wait_until(lambda: len(accepted.subscribers) >= 40, 60, "load")
        await asyncio.to_thread(private_postgres.stop)
        at_stop = accepted.sent
        await asyncio.sleep(outage_s)
        at_start = len(accepted.subscribers)
        unready = (await stack.http.get(f"{stack.gateways[0]}/readyz")).json()
        await asyncio.to_thread(private_postgres.start)
        load.cancel()
        assert await caller.finish(60) == 0
        async with open_history(private_postgres.url) as history:
            await wait_until(lambda: history.is_at_rest(accepted.subscribers, SOON), 180, "rest")
            kept = Counter((one.event_id, one.subscriber) for one in await history.kept())
            states = Counter(one["state"] for one in await history.deliveries())
            parked = await history.parked()
    left = await messages_left(rabbitmq_node.url(vhost), PARKED)
    rabbitmq_node.delete_vhost(vhost)
    assert at_start > at_stop
    assert unready["checks"]["database"] != "ok"
    assert (parked, left, accepted.refused) == ([], 0, [])
    assert kept == Counter(accepted.subscribers.items())
    assert states == {"sent": len(accepted.external)}
