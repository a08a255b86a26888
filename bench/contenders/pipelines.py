"""Whole ways from a caller's POST to a socket: Clarion's three services, and the naive three."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from bench.contenders.clarion import HELLO, SETTINGS
from bench.lib.events import API_KEY
from bench.lib.ground import Ground
from bench.lib.results import OURS
from bench.lib.server import Server, peer, service
from bench.loads.sockets import Sockets

QUIET = {"CLARION_HEARTBEAT_S": "300"}
"""Pings are not what is measured."""


@dataclass(frozen=True)
class Pipeline:
    """Three running servers: they accept, plan and fan out."""

    name: str
    servers: Sequence[Server]
    sockets: Sockets

    @property
    def gateway_port(self) -> int:
        """Where events are posted."""
        return self.servers[0].port

    @property
    def fanout(self) -> Server:
        """Where the sockets are."""
        return self.servers[-1]

    def cpu_s(self) -> float:
        """User and system seconds of all three."""
        return sum(one.cpu_s() for one in self.servers)


Opening = Callable[[Ground], AbstractAsyncContextManager[Pipeline]]


@asynccontextmanager
async def clarion(
    ground: Ground, pusher_settings: Mapping[str, str] | None = None
) -> AsyncIterator[Pipeline]:
    """Gateway, notifier and pusher on a fresh ground."""
    more = SETTINGS | QUIET | dict(pusher_settings or {})
    async with (
        ground.fresh() as settings,
        service("gateway", settings | {"CLARION_API_KEY": API_KEY}) as gateway,
        service("notifier", settings) as notifier,
        service("pusher", settings | more) as pusher,
    ):
        sockets = Sockets(pusher.port, "/v1/live", HELLO, "caught_up")
        yield Pipeline(OURS, [gateway, notifier, pusher], sockets)


@asynccontextmanager
async def naive(ground: Ground) -> AsyncIterator[Pipeline]:
    """The peers that accept, plan and fan out, on a fresh ground."""
    async with (
        ground.fresh(migrated=False) as settings,
        peer("naive_accept", settings) as accept,
        peer("naive_plan", settings) as plan,
        peer("naive_fanout", settings) as fanout,
    ):
        sockets = Sockets(fanout.port, "/v1/live", ready="welcome")
        yield Pipeline("naive", [accept, plan, fanout], sockets)
