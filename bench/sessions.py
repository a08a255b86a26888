"""Memory of an open socket on which nothing happens, and what opening it costs.

To open one Clarion checks the token, reads the inbox and answers `hello`; the peer checks the
token.
"""

from __future__ import annotations

import asyncio

from bench.client import running_client
from bench.events import TOKEN_SECRET
from bench.ground import Ground
from bench.results import Figure
from bench.server import Server, peer, service

WARM_SESSIONS = 200
SESSIONS = 2_000
SETTLE_S = 1.0


async def measure(ground: Ground) -> list[Figure]:
    """Clarion's pusher, then the peer."""
    async with ground.fresh() as settings:
        env = {**settings, "CLARION_TOKEN_SECRET": TOKEN_SECRET}
        env["CLARION_HANDSHAKES_PER_S"] = "10000"
        async with service("pusher", env) as server:
            ours = await _grow("clarion", server, "caught_up")
    async with ground.fresh(migrated=False) as settings, peer("naive_fanout", settings) as server:
        theirs = await _grow("naive", server, "welcome")
    return [ours, theirs]


async def _grow(contender: str, server: Server, ready_word: str) -> Figure:
    """The growth from no session to `SESSIONS`, after a first few have come and gone."""
    async with running_client(
        "socket_load", str(server.port), str(WARM_SESSIONS), ready_word
    ) as client:
        await client.until("open")
    await asyncio.sleep(SETTLE_S)
    empty, cpu_s = server.rss_kib(), server.cpu_s()
    async with running_client("socket_load", str(server.port), str(SESSIONS), ready_word) as client:
        await client.until("open")
        await asyncio.sleep(SETTLE_S)
        full, cpu_s = server.rss_kib(), server.cpu_s() - cpu_s
    more = {"opened per CPU s": SESSIONS / cpu_s}
    cost = (full - empty) / SESSIONS
    return Figure("idle session", contender, "KiB", cost=cost, more=more)
