"""RabbitMQ for tests: given by URL, else a private node (installed, or in a container).

A test gets a virtual host of its own. Tests of outages ask for a node of their own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from secrets import token_hex
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from uuid import uuid4

import aio_pika
import httpx2

from testbed.processes import wait_until
from testbed.rabbitmq_container import ContainerNode, engine_answers
from testbed.rabbitmq_node import InstalledNode, find_launcher

REMEDY = (
    "There is no RabbitMQ for the tests: install it (Debian: apt-get install rabbitmq-server), "
    "start a Docker engine, or set CLARION_AMQP_URL."
)


class Node(Protocol):
    """A node that the run owns; its management API and plain AMQP are on 127.0.0.1."""

    name: str
    amqp_port: int
    management_port: int

    def start(self) -> None: ...
    def wait(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def control(self, *arguments: str) -> str: ...
    def evaluate(self, expression: str) -> str: ...
    def close(self) -> None: ...


def find_node() -> Callable[[], Node]:
    """How to make a private node. Raises `RuntimeError` that says what to install."""
    launcher = find_launcher()
    if launcher is not None:
        return partial(InstalledNode, launcher)
    if engine_answers():
        return ContainerNode
    raise RuntimeError(REMEDY)


def start_cluster(size: int) -> list[Node]:
    """Private nodes that have joined each other. Raises `RuntimeError` where none is installed."""
    launcher = find_launcher()
    if launcher is None:
        raise RuntimeError("A cluster needs an installed RabbitMQ: apt-get install rabbitmq-server")
    nodes = [InstalledNode(launcher)]
    try:
        nodes[0].start()
        for _ in range(size - 1):
            nodes.append(InstalledNode(launcher, seed=nodes[0]))
            nodes[-1].start()
    except BaseException:
        for node in reversed(nodes):
            node.close()
        raise
    return [*nodes]


class Broker:
    """A RabbitMQ in which tests make virtual hosts, by its management API."""

    def __init__(self, url: str, management_port: int) -> None:
        """`url` without a path: `amqp://user:password@host:port`."""
        self._parts = urlsplit(url)
        user, password = self._parts.username or "guest", self._parts.password or "guest"
        self._user = unquote(user)
        self._users: list[str] = []
        self.management = httpx2.Client(
            base_url=f"http://{self._parts.hostname}:{management_port}/api",
            auth=(self._user, unquote(password)),
            timeout=30,
            trust_env=False,
        )

    def url(self, vhost: str) -> str:
        """The AMQP URL of a virtual host."""
        return urlunsplit(self._parts._replace(path=f"/{quote(vhost, safe='')}"))

    def create_vhost(self) -> str:
        """The name of a new, empty virtual host."""
        vhost = f"test-{uuid4().hex[:12]}"
        self.management.put(f"/vhosts/{vhost}").raise_for_status()
        allowed = {"configure": ".*", "write": ".*", "read": ".*"}
        user = quote(self._user, safe="")
        self.management.put(f"/permissions/{vhost}/{user}", json=allowed).raise_for_status()
        return vhost

    def add_user(
        self, vhost: str, name: str, *, configure: str = "", write: str = "", read: str = ""
    ) -> str:
        """The AMQP URL of a new user with these rights in a virtual host."""
        password = token_hex(16)
        path = quote(name, safe="")
        made = self.management.put(f"/users/{path}", json={"password": password, "tags": ""})
        made.raise_for_status()
        self._users.append(path)
        rights = {"configure": configure, "write": write, "read": read}
        self.management.put(f"/permissions/{vhost}/{path}", json=rights).raise_for_status()
        place = f"{path}:{password}@{self._parts.hostname}:{self._parts.port or 5672}"
        return urlunsplit(self._parts._replace(netloc=place, path=f"/{quote(vhost, safe='')}"))

    def delete_vhost(self, vhost: str) -> None:
        """Remove it with all that is in it; its connections are closed."""
        self.management.delete(f"/vhosts/{vhost}").raise_for_status()

    def delete_users(self) -> None:
        """Remove those of `add_user`."""
        while self._users:
            self.management.delete(f"/users/{self._users.pop()}").raise_for_status()

    def close(self) -> None:
        """Close our connection to the management API."""
        self.management.close()


class BrokerNode(Broker):
    """A private node that a test may stop, kill, start again or block."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"amqp://guest:guest@127.0.0.1:{node.amqp_port}", node.management_port)
        self.node = node
        self.name = node.name

    async def start(self) -> None:
        """Start it again with what was durable; returns once it serves."""
        await asyncio.to_thread(self.node.start)

    async def stop(self) -> None:
        """Stop it in order."""
        await asyncio.to_thread(self.node.stop)

    async def kill(self) -> None:
        """SIGKILL."""
        await asyncio.to_thread(self.node.kill)

    def members(self) -> dict[str, int]:
        """How many members each quorum queue has that are online, as this node says."""
        columns = ("name", "type", "online")
        found = json.loads(self.node.control("list_queues", "--formatter", "json", *columns))
        return {one["name"]: len(one["online"]) for one in found if one["type"] == "quorum"}

    async def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on it; its output."""
        return await asyncio.to_thread(self.node.control, *arguments)

    async def evaluate(self, expression: str) -> str:
        """What it makes of an Erlang expression."""
        return await asyncio.to_thread(self.node.evaluate, expression)

    async def set_memory_watermark(self, fraction: float) -> None:
        """Alarm when the node uses more than this part of the machine's memory."""
        await self.evaluate(f"vm_memory_monitor:set_vm_memory_high_watermark({fraction:.7f})")

    async def set_disk_limit(self, size: str) -> None:
        """Alarm when less than this (`1MB`) is free on the node's disk."""
        await self.evaluate(f'rabbit_disk_monitor:set_disk_free_limit("{size}")')

    async def block(self) -> None:
        """Block all publishers, as a node does that runs out of memory."""
        await self.set_memory_watermark(0.000001)

    async def unblock(self) -> None:
        """End the alarm."""
        await self.set_memory_watermark(0.4)


async def messages_left(url: str, queue: str) -> int:
    """How many messages a queue holds once nobody consumes from it: what a consumer had not
    settled is among them. By AMQP, as the figures of the management API are late, or not there.
    """
    async with await aio_pika.connect(url, timeout=20) as connection:
        channel = await connection.channel()
        left = 0

        async def nobody_consumes() -> bool:
            nonlocal left
            found = (await channel.declare_queue(queue, passive=True)).declaration_result
            left = found.message_count or 0
            return not found.consumer_count

        await wait_until(nobody_consumes, 60, f"{queue} without a consumer")
        return left


def given_broker(url: str) -> Broker:
    """A RabbitMQ given by URL; its management API is expected on port 15672 of that host.

    Raises `RuntimeError` with the remedy where that does not answer.
    """
    parts = urlsplit(url)
    broker = Broker(urlunsplit(parts._replace(path="", query="", fragment="")), 15672)
    try:
        broker.management.get("/whoami").raise_for_status()
    except httpx2.HTTPError as error:
        broker.close()
        raise RuntimeError(
            f"The tests make virtual hosts in the RabbitMQ of CLARION_AMQP_URL by its management "
            f"API, which does not answer on {parts.hostname}:15672: "
            "enable it (rabbitmq-plugins enable rabbitmq_management) or unset the variable."
        ) from error
    return broker
