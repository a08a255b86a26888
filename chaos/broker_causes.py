"""What is done to RabbitMQ, or to one node of three."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from tests.support.rabbitmq import BrokerNode

MORE_THAN_ANY_DISK = str(10**18)
DISK_LIMIT = "1MB"
TRIES = 4


def cause(
    nodes: Sequence[BrokerNode], number: int, action: str
) -> AbstractAsyncContextManager[None]:
    """The action on one node; its end is when the node serves again."""
    node = nodes[number % len(nodes)]
    if action == "partition":
        return _partition(node, [one for one in nodes if one is not node])
    causes = {"kill": _kill, "stop": _stop, "pause": _pause, "blocked": _blocked, "disk": _disk}
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
