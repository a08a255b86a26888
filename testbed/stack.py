"""The three services as separate processes, as an operator runs them, and callers for them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import websockets

from clarion.tokens.subscriber import mint_token
from testbed.processes import Process, free_port, start_process, wait_until

API_KEY = "clr_a-key-given-in-the-environment-0123456789"
TOKEN_SECRET = "a-secret-given-in-the-environment-0123456789"

Feed = websockets.ClientConnection


@dataclass
class Stack:
    """Addresses of running services; `processes` by the name of the service."""

    gateways: list[str]
    pushers: list[str]
    processes: dict[str, list[Process]]
    http: httpx2.AsyncClient = field(repr=False)

    async def post_event(self, event: Mapping[str, Any] | list[Any], at: int = 0) -> Any:
        """Send by HTTP; returns the answer's JSON. Raises on anything but 202."""
        answer = await self.http.post(f"{self.gateways[at]}/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def get(self, path: str, at: int = 0) -> Any:
        """The JSON of a 200 of the gateway."""
        answer = await self.http.get(f"{self.gateways[at]}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def planned(self, event_id: str, timeout_s: float = 20) -> Any:
        """The event's record, once there is one."""
        await wait_until(lambda: self._is_planned(event_id), timeout_s, f"{event_id} planned")
        return await self.get(f"/v1/events/{event_id}")

    def faults(self) -> list[str]:
        """Log lines of the services that tell of an error."""
        outputs = [one.output() for each in self.processes.values() for one in each]
        return [line for text in outputs for line in text.splitlines() if '"level": "err' in line]

    async def _is_planned(self, event_id: str) -> bool:
        answer = await self.http.get(f"{self.gateways[0]}/v1/events/{event_id}")
        return answer.status_code == 200

    @asynccontextmanager
    async def feed(
        self, subscriber: str, *, since: int | None = None, at: int = 0
    ) -> AsyncIterator[Feed]:
        """A live feed by the plain `websockets` library, `hello` already sent."""
        token, _ = mint_token(TOKEN_SECRET, tenant="default", subscriber=subscriber, ttl_s=3600)
        async with websockets.connect(
            self.pushers[at].replace("http", "ws") + "/v1/live",
            additional_headers={"Authorization": f"Bearer {token}"},
        ) as connection:
            hello = {"type": "hello"} | ({} if since is None else {"since": since})
            await connection.send(json.dumps(hello))
            yield connection


async def frame(feed: Feed, kind: str, timeout_s: float = 20) -> Any:
    """The next frame of this type; others are passed over."""
    async with asyncio.timeout(timeout_s):
        while True:
            received = json.loads(await feed.recv())
            if received["type"] == kind:
                return received


@asynccontextmanager
async def running_stack(
    *,
    amqp_url: str,
    postgres_url: str,
    gateways: int = 1,
    notifiers: int = 1,
    pushers: int = 1,
    env: Mapping[str, str] | None = None,
    amqp_urls: Mapping[str, str] | None = None,
) -> AsyncIterator[Stack]:
    """Start the services on a migrated database; they are ready when this yields. `amqp_urls` may
    give a service a user of its own at the broker."""
    settings = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": postgres_url,
        "CLARION_API_KEY": API_KEY,
        "CLARION_TOKEN_SECRET": TOKEN_SECRET,
        **(env or {}),
    }
    counts = {"gateway": gateways, "notifier": notifiers, "pusher": pushers}
    async with AsyncExitStack() as exit_stack:
        http = await exit_stack.enter_async_context(
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {API_KEY}"}, timeout=20)
        )
        addresses: dict[str, list[str]] = {name: [] for name in counts}
        processes: dict[str, list[Process]] = {name: [] for name in counts}
        for name, count in counts.items():
            for _ in range(count):
                port = free_port()
                own = {"CLARION_AMQP_URL": (amqp_urls or {}).get(name, amqp_url)}
                process = await start_service(name, port, settings | own)
                await exit_stack.enter_async_context(process)
                processes[name].append(process)
                addresses[name].append(f"http://127.0.0.1:{port}")
        for address in [one for each in addresses.values() for one in each]:
            await wait_until(lambda at=address: is_ready(http, at), 30, f"{address} ready")
        yield Stack(addresses["gateway"], addresses["pusher"], processes, http)


async def start_service(name: str, port: int, settings: Mapping[str, str]) -> Process:
    """One service by the command that the compose file uses."""
    command = [sys.executable, "-m", "services.cli", name, "--port", str(port)]
    return await start_process(command, env=settings)


async def is_ready(http: httpx2.AsyncClient, address: str) -> bool:
    """Whether a service says that it can do its work."""
    return (await http.get(f"{address}/readyz")).status_code == 200
