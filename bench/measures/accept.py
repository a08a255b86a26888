"""Events accepted: 64 callers that post one event at a time and wait for the 202."""

from __future__ import annotations

from bench.lib.events import API_KEY
from bench.lib.ground import Ground
from bench.lib.results import Claim, Figure, Report
from bench.lib.server import Server, peer, service
from bench.loads.client import running_client

CALLERS = 64
WARM_S = 1.5
SECONDS = 6.0
GOAL = 5.0


async def measure(ground: Ground) -> Report:
    """Clarion's gateway, then the peer."""
    async with ground.fresh() as settings:
        env = {**settings, "CLARION_API_KEY": API_KEY}
        async with service("gateway", env) as server:
            ours = await _load("clarion", server)
    async with ground.fresh(migrated=False) as settings, peer("naive_accept", settings) as server:
        theirs = await _load("naive", server)
    report = Report([ours, theirs])
    report.claims.extend(Claim.ratio(report, "accept", "clarion", "naive", GOAL))
    return report


async def _load(contender: str, server: Server) -> Figure:
    arguments = [str(one) for one in (server.port, CALLERS, WARM_S, SECONDS)]
    async with running_client("loads.http_load", *arguments) as client:
        await client.until("begin")
        cpu_s = server.cpu_s()
        result = await client.result()
        cpu_s = server.cpu_s() - cpu_s
    if result["refused"]:
        raise RuntimeError(f"{contender} refused {result['refused']} of {result['accepted']}")
    more = {
        "per second": result["accepted"] / result["seconds"],
        "p50 ms": result["p50_ms"],
        "p99 ms": result["p99_ms"],
    }
    rate = result["accepted"] / cpu_s
    return Figure("accept", contender, "events per CPU s", rate=rate, more=more)
