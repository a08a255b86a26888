"""Two pushers behind nginx, sessions placed by shard; where no nginx is installed the test places
them itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import websockets

from testbed.nginx import NGINX, start_nginx
from testbed.processes import free_port, wait_until
from testbed.stack import Stack, running_stack

SUBSCRIBERS = [f"user-{number}" for number in range(12)]
SETTINGS = {
    "CLARION_LIVE_SHARDS": "16",
    "CLARION_TRUSTED_PROXIES": "127.0.0.1",
    "CLARION_MAX_SESSIONS_PER_ADDRESS": "15",
    "CLARION_SHUTDOWN_TIMEOUT_S": "4",
}
TOO_MANY = 429


class Client:
    """A subscriber who comes back whenever the connection ends, as a page does."""

    def __init__(self, stack: Stack, address: str | None, subscriber: str) -> None:
        self._stack = stack
        self._address = address
        self.subscriber = subscriber
        self.shard = -1
        self.items: list[tuple[int, str]] = []
        self.connections = 0

    async def listen(self) -> None:
        """For ever."""
        while True:
            try:
                await self._listen()
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.1)

    async def _listen(self) -> None:
        token = await self._token()
        headers = {"Authorization": f"Bearer {token}"}
        async with websockets.connect(self.url(), additional_headers=headers) as feed:
            since = {"since": self.items[-1][0]} if self.items else {}
            await feed.send(json.dumps({"type": "hello"} | since))
            async for text in feed:
                got = json.loads(text)
                self.connections += got["type"] == "caught_up"
                if got["type"] == "notification":
                    self.items.append((got["version"], got["item"]["title"]))

    async def _token(self) -> str:
        answer = await self._stack.http.post(
            f"{self._stack.gateways[0]}/v1/tokens", json={"subscriber": self.subscriber}
        )
        self.shard = answer.json()["shard"]
        return answer.json()["token"]

    def url(self) -> str:
        """By nginx, or else at a pusher that is there."""
        pushers = zip(self._stack.pushers, self._stack.processes["pusher"], strict=True)
        there = [address for address, process in pushers if process.returncode is None]
        address = self._address or there[self.shard % len(there)]
        return f"{address}/v1/live?shard={self.shard}".replace("http", "ws")


@pytest.fixture
async def stack(amqp_url: str, postgres_url: str) -> AsyncIterator[Stack]:
    async with running_stack(
        amqp_url=amqp_url, postgres_url=postgres_url, pushers=2, env=SETTINGS
    ) as running:
        yield running


@pytest.fixture
async def front(stack: Stack) -> AsyncIterator[str | None]:
    """The address of nginx before the stack."""
    if not NGINX:
        yield None
        return
    port = free_port()
    gateway, *pushers = (int(one.rpartition(":")[2]) for one in (*stack.gateways, *stack.pushers))
    async with await start_nginx(port, gateway, pushers):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def clients(stack: Stack, front: str | None) -> AsyncIterator[list[Client]]:
    clients = [Client(stack, front, one) for one in SUBSCRIBERS]
    tasks = [asyncio.create_task(one.listen()) for one in clients]
    await wait_until(lambda: all(one.connections for one in clients), 30, "all caught up")
    yield clients
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def send(stack: Stack, clients: list[Client], rounds: int) -> None:
    """One event for each, so many times; return when all have them."""
    first = len(clients[0].items) + 1
    for number in range(first, first + rounds):
        await stack.post_event(
            [
                {"type": "test", "to": f"user:{one}", "content": {"title": f"{one} {number}"}}
                for one in SUBSCRIBERS
            ]
        )
    last = first + rounds - 1
    await wait_until(lambda: all(len(one.items) >= last for one in clients), 30, "all items")


async def bound(stack: Stack, at: int) -> int:
    """How many shards a pusher hears."""
    metrics = (await stack.http.get(f"{stack.pushers[at]}/metrics")).text.splitlines()
    line = next(one for one in metrics if one.startswith("clarion_live_shards_bound "))
    return int(float(line.split()[1]))


@pytest.mark.timeout(180)
async def test_one_pusher_hears_each_shard_and_another_when_that_one_stops(
    stack: Stack, clients: list[Client]
) -> None:
    heard = [await bound(stack, 0), await bound(stack, 1)]
    shards = {client.shard for client in clients}
    assert sum(heard) == len(shards)
    await send(stack, clients, 3)

    busier = heard.index(max(heard))
    assert await stack.processes["pusher"][busier].stop() == 0
    await send(stack, clients, 3)
    assert await bound(stack, 1 - busier) == len(shards)
    for client in clients:
        assert client.items == [(n, f"{client.subscriber} {n}") for n in range(1, 7)]
    assert {client.connections for client in clients} <= {1, 2}
    if NGINX and sys.platform == "linux":
        await check_addresses(clients[0])


async def check_addresses(client: Client) -> None:
    """Behind nginx sessions count by who is behind it."""
    async with AsyncExitStack() as stack:

        async def connect(address: str) -> None:
            connecting = websockets.connect(client.url(), local_addr=(address, 0))
            await stack.enter_async_context(connecting)

        for _ in range(15):
            await connect("127.0.0.2")
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect("127.0.0.2")
        assert refused.value.response.status_code == TOO_MANY
        await connect("127.0.0.3")
