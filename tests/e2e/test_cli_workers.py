"""`--workers N`: several processes on one port, kept alive, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import httpx2
import psutil
import pytest
import websockets

from clarion.bus import Bus
from clarion.store.database import Database
from testbed.processes import Process, free_port, start_process, wait_until
from testbed.stack import API_KEY
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import SECRET, Client, token

CLARION = (sys.executable, "-m", "services.cli")
MOST = 150
"""Sessions that are opened so that each process has some."""
ITEMS = [(1, "one"), (2, "two")]


async def started(
    service: str, port: int, environment: dict[str, str], workers: int = 2
) -> Process:
    """Some processes of a service on one port, all of them ready."""
    command = [*CLARION, service, "--port", str(port), "--workers", str(workers)]

    async def is_ready() -> bool:
        async with httpx2.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200

    return await start_process(command, env=environment, ready=is_ready, timeout_s=60)


def workers_of(process: Process, service: str = "gateway") -> set[int]:
    children = psutil.Process(process.pid).children()
    return {child.pid for child in children if f"services.{service}" in child.cmdline()}


def sessions_of(worker: int, port: int) -> int:
    """Connections that a process has accepted."""
    connections = psutil.Process(worker).net_connections("tcp")
    return sum(one.status == "ESTABLISHED" and one.laddr.port == port for one in connections)


@pytest.mark.timeout(240)
async def test_a_dead_worker_is_replaced_and_all_stop_in_order(
    amqp_url: str, postgres_url: str
) -> None:
    port = free_port()
    environment = {"CLARION_AMQP_URL": amqp_url, "CLARION_DATABASE_URL": postgres_url}
    process = await started("gateway", port, environment)
    first = workers_of(process)
    assert len(first) == 2
    victim = min(first)
    psutil.Process(victim).kill()
    await wait_until(lambda: len(workers_of(process) - {victim}) == 2, 60, "a new worker")
    last = workers_of(process)
    process.send_signal(signal.SIGTERM)
    assert await process.wait(60) == 0
    assert [pid for pid in last if psutil.pid_exists(pid)] == []

    orphaned = await started("gateway", port, environment)
    left = workers_of(orphaned)
    psutil.Process(orphaned.pid).kill()
    await wait_until(lambda: not any(map(psutil.pid_exists, left)), 60, "the workers' end")


@pytest.mark.timeout(240)
async def test_sessions_of_two_pushers_on_one_port_miss_nothing_and_end_in_order(
    amqp_url: str, postgres_url: str, rabbitmq_bus: Bus, database: Database
) -> None:
    port = free_port()
    environment = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": postgres_url,
        "CLARION_TOKEN_SECRET": SECRET,
    }
    process = await started("pusher", port, environment)
    await wait_until(lambda: len(workers_of(process, "pusher")) == 2, 30, "both workers")
    workers = workers_of(process, "pusher")
    clients = await spread_over(workers, port)
    writer = InboxWriter(database, rabbitmq_bus)
    for number in range(10):
        await writer.write(f"user-{number}", "one", "two")
    for client in clients:
        got = [await client.next(), await client.next()]
        assert [(one["version"], one["item"]["title"]) for one in got] == ITEMS
    process.send_signal(signal.SIGTERM)
    for client in clients:
        assert (await client.next())["type"] == "reconnect"
        assert await client.closed() == (1012, "going_away")
    assert await process.wait(60) == 0
    assert [pid for pid in workers if psutil.pid_exists(pid)] == []


async def spread_over(workers: set[int], port: int) -> list[Client]:
    """Sessions of ten subscribers that have caught up; each process has some."""
    clients: list[Client] = []
    async with asyncio.timeout(60):
        while not all(sessions_of(one, port) > 1 for one in workers):
            clients.append(await connected(port, f"user-{len(clients) % 10}"))
            if len(clients) == MOST:  # the other process is still starting
                await asyncio.gather(*(one.connection.close() for one in clients))
                clients.clear()
    return clients


async def connected(port: int, subscriber: str) -> Client:
    """A session that has caught up."""
    headers = {"Authorization": f"Bearer {token(subscriber)}"}
    url = f"ws://127.0.0.1:{port}/v1/live"
    client = Client(await websockets.connect(url, additional_headers=headers))
    await client.hello()
    await client.until("caught_up")
    return client


@pytest.mark.timeout(300)
async def test_metrics_and_readiness_are_those_of_all_workers_whichever_is_asked(
    amqp_url: str, postgres_url: str
) -> None:
    port = free_port()
    environment = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": postgres_url,
        "CLARION_API_KEY": API_KEY,
    }
    process = await started("gateway", port, environment, workers=3)
    sent = 30
    for _ in range(sent):
        assert await post_bad_event(port) == 422
    refused = 'clarion_gateway_requests_refused_total{code="invalid"}'
    for _ in range(10):
        metrics = await metrics_of(port)
        assert metrics[refused] == sent
        assert metrics['clarion_bus_link_up{link="publish"}'] == 1
        assert metrics["clarion_gateway_waiting_bytes"] == 0

    workers = workers_of(process)
    victim = psutil.Process(min(workers))
    victim.suspend()
    for _ in range(6):
        assert await readiness_of(port) == 503
    victim.resume()
    await wait_until(lambda: is_ready(port), 30, "all of them ready")
    victim.kill()
    seen: list[float] = []

    async def is_whole_again() -> bool:
        seen.append((await metrics_of(port))[refused])
        return len(workers_of(process) - {victim.pid}) == 3 and await is_ready(port)

    await wait_until(is_whole_again, 60, "another worker in its place")
    assert set(seen) == {sent}
    for _ in range(sent):
        assert await post_bad_event(port) == 422
    assert {(await metrics_of(port))[refused] for _ in range(10)} == {2 * sent}
    assert await process.stop(60) == 0


async def is_ready(port: int) -> bool:
    return await readiness_of(port) == 200


async def readiness_of(port: int) -> int:
    """Asked anew until a worker takes the connection that is not stopped."""
    while True:
        with contextlib.suppress(httpx2.TimeoutException):
            async with httpx2.AsyncClient(timeout=8) as client:
                return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code


async def metrics_of(port: int) -> dict[str, float]:
    """Samples of one scrape, on a connection of its own."""
    async with httpx2.AsyncClient(timeout=20) as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def post_bad_event(port: int) -> int:
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {API_KEY}"}) as client:
        url = f"http://127.0.0.1:{port}/v1/events"
        return (await client.post(url, json={"type": "not a type!"})).status_code


async def test_workers_need_a_broker(tmp_path: Path) -> None:
    command = [*CLARION, "pusher", "--workers", "2"]
    process = await start_process(command, env={"CLARION_DATA_DIR": str(tmp_path)})
    assert await process.wait(60) == 2
    assert "memory:// lives in one process only" in process.output()
