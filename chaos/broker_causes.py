"""What is done to RabbitMQ, or to one node of three."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from http import HTTPStatus

import httpx2

from clarion.topology import DELIVERIES, deliveries_queue, delivery_key
from testbed.rabbitmq import BrokerNode

MORE_THAN_ANY_DISK = str(10**18)
DISK_LIMIT = "1MB"
TRIES = 4

REFUSED = ("email", "normal")
FULL_QUEUE = "chaos.full"
FULL = {"durable": True, "arguments": {"x-max-length": 0, "x-overflow": "reject-publish"}}


def cause(
    nodes: Sequence[BrokerNode], number: int, action: str
) -> AbstractAsyncContextManager[None]:
    """The action on one node; its end is when the node serves again."""
    node = nodes[number % len(nodes)]
    if action == "partition":
        return _partition(node, [one for one in nodes if one is not node])
    causes = {
        "kill": _kill,
        "stop": _stop,
        "pause": _pause,
        "freeze": _pause,
        "blocked": _blocked,
        "disk": _disk,
        "refuse": _refuse,
    }
    return causes[action](node)


@asynccontextmanager
async def _kill(node: BrokerNode) -> AsyncIterator[None]:
    await node.kill()
    try:
        yield
    finally:
        await node.start()


@asynccontextmanager
async def _stop(node: BrokerNode) -> AsyncIterator[None]:
    await node.stop()
    try:
        yield
    finally:
        await node.start()


@asynccontextmanager
async def _pause(node: BrokerNode) -> AsyncIterator[None]:
    node.node.pause()
    try:
        yield
    finally:
        node.node.resume()


@asynccontextmanager
async def _blocked(node: BrokerNode) -> AsyncIterator[None]:
    """A memory alarm: it reads no more from connections that publish."""
    await _insist(node.block)
    try:
        yield
    finally:
        await _insist(node.unblock)


@asynccontextmanager
async def _disk(node: BrokerNode) -> AsyncIterator[None]:
    """The alarm of a disk that is nearly full: it blocks as that of memory does."""
    await _insist(partial(node.set_disk_limit, MORE_THAN_ANY_DISK))
    try:
        yield
    finally:
        await _insist(partial(node.set_disk_limit, DISK_LIMIT))


@asynccontextmanager
async def _refuse(node: BrokerNode) -> AsyncIterator[None]:
    """Jobs of one channel and lane are refused: a queue that is always full is bound in the place
    of theirs, for consumers would empty their own at once, however short it is."""
    await asyncio.to_thread(_set_refusing, node, True)
    try:
        yield
    finally:
        await asyncio.to_thread(_set_refusing, node, False)


def _set_refusing(node: BrokerNode, refusing: bool) -> None:
    """The one queue is bound before the other is not: no job is unroutable in between."""
    bound = "/bindings/%2F/e/{}/q/{}"
    full = bound.format(DELIVERIES, FULL_QUEUE)
    theirs = bound.format(DELIVERIES, deliveries_queue(*REFUSED))
    key = delivery_key(*REFUSED)
    if refusing:
        _ask(node, "PUT", f"/queues/%2F/{FULL_QUEUE}", FULL)
        _ask(node, "POST", full, {"routing_key": key})
        _ask(node, "DELETE", f"{theirs}/{key}")
    else:
        _ask(node, "POST", theirs, {"routing_key": key})
        _ask(node, "DELETE", f"/queues/%2F/{FULL_QUEUE}")


def _ask(node: BrokerNode, method: str, path: str, body: object = None) -> None:
    """Of the management API, also where it closed our connection with an earlier fault."""
    for attempt in range(TRIES):
        try:
            answer = node.management.request(method, path, json=body)
        except httpx2.TransportError:
            if attempt == TRIES - 1:
                raise
            continue
        if method != "DELETE" or answer.status_code != HTTPStatus.NOT_FOUND:
            answer.raise_for_status()
        return


@asynccontextmanager
async def _partition(node: BrokerNode, others: Sequence[BrokerNode]) -> AsyncIterator[None]:
    """One node and the others refuse each other's cookie: clients reach both sides."""
    names = [one.name for one in others]
    await _evaluate(node, _for_each(names, "erlang:set_cookie(N, parted)"))
    await _evaluate(node, _for_each(names, "erlang:disconnect_node(N)"))
    try:
        yield
    finally:
        cookie = "erlang:set_cookie(N, erlang:get_cookie())"
        await _evaluate(node, _for_each(names, cookie))
        await _evaluate(node, _for_each(names, "net_kernel:connect_node(N)"))
        await asyncio.to_thread(node.node.wait)


async def _evaluate(node: BrokerNode, expression: str) -> None:
    await _insist(partial(node.evaluate, expression))


async def _insist(call: Callable[[], Awaitable[object]]) -> None:
    """A node on a busy machine may not answer in time; what a cause began must end."""
    for attempt in range(TRIES):
        try:
            await call()
            return
        except subprocess.SubprocessError:
            if attempt == TRIES - 1:
                raise


def _for_each(nodes: Sequence[str], call: str) -> str:
    listed = ",".join(f"'{name}'" for name in nodes)
    return f"[{call} || N <- [{listed}]]"
