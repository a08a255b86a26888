"""A thousand readers of whom fifty stop reading: what it costs the others and the pusher.

Turns without stalled readers and turns with them are made in pairs on one pipeline, and each pair
is compared by itself, so that what else the machine does is in both. All turns send the same; only
who reads differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

from bench.contenders.pipelines import clarion
from bench.lib.ground import Ground
from bench.lib.results import Claim, Figure, Report
from bench.lib.server import Server
from bench.loads.client import Client, argument, running_client
from bench.loads.stalled_readers import Crowd, Outcome

SESSIONS = 1_000
STALLING = 50
PAIRS = 5
TURNS = ((False, True, True, False) * PAIRS)[: 2 * PAIRS]
"""Whether they stall: each pair the other way round than the one before."""
RATE = 300.0
LARGE_RATE = 10.0
LARGE_BYTES = 16_000
SECONDS = 8.0
OPEN_S = 60.0
SAMPLE_S = 0.1

BACKLOG_BYTES = 65_536
MAX_KIB = 8 * BACKLOG_BYTES / 1024
"""For each. The transport and a replay keep two backlogs and a frame past the bound of each; the
rest is for pages of history that are read for many at once, and for the allocator. Without a bound
it would be all that a turn sends, more than 1,200 KiB."""
MAX_RATIO = 1.5
PATH = "stalled readers"
CALM, STALLED = "0 stalled", f"{STALLING} stalled"


async def measure(ground: Ground) -> Report:
    """Clarion alone: it is its own peer, when all read."""
    async with clarion(ground, {"CLARION_MAX_BACKLOG_BYTES": str(BACKLOG_BYTES)}) as pipeline:
        pusher = pipeline.fanout
        crowd = Crowd(
            gateway_port=pipeline.gateway_port,
            sockets=replace(pipeline.sockets, sessions=SESSIONS),
            stalling=STALLING,
            turns=TURNS,
            rate=RATE,
            large_rate=LARGE_RATE,
            large_bytes=LARGE_BYTES,
            seconds=SECONDS,
        )
        async with running_client("loads.stalled_load", argument(crowd)) as client:
            await client.until("open", OPEN_S)
            used = {False: Used(), True: Used()}
            for stall in TURNS:
                print(f"{PATH}, {STALLED if stall else CALM}", flush=True)
                await used[stall].turn(client, pusher)
            result = await client.result()
    calm, stalled = Outcome(**result["calm"]), Outcome(**result["stalled"])
    report = Report([figure(CALM, calm, used[False]), figure(STALLED, stalled, used[True])])
    report.claims.extend(claims(calm, stalled, used[True].grown_kib))
    return report


@dataclass
class Used:
    """What the turns of one kind took of the server."""

    grown_kib: float = 0.0
    """Its memory at the peak of a turn beside that at the beginning: the most of all turns."""
    cpu_s: float = 0.0
    """Of all turns together."""

    async def turn(self, client: Client, server: Server) -> None:
        """Watch it during one."""
        await client.until("begin")
        cpu_s, before = server.cpu_s(), server.rss_kib()
        ended, peak = asyncio.create_task(client.until("end")), before
        while not ended.done():
            await asyncio.wait([ended], timeout=SAMPLE_S)
            peak = max(peak, server.rss_kib())
        await ended
        self.grown_kib = max(self.grown_kib, peak - before)
        self.cpu_s += server.cpu_s() - cpu_s


def figure(contender: str, outcome: Outcome, used: Used) -> Figure:
    """One row of the table: medians of the turns, and of the memory the most."""
    more = {
        "p50 ms": median(outcome.p50_ms),
        "pusher grew KiB": used.grown_kib,
        "pusher CPU s": used.cpu_s,
        "amiss": float(outcome.amiss),
        "inexact feeds": float(outcome.inexact),
        "resumed": float(outcome.resumed),
        "client late ms": median(outcome.late_p99_ms),
    }
    return Figure(PATH, contender, "p99 ms", cost=median(outcome.p99_ms), more=more)


def claims(calm: Outcome, stalled: Outcome, grown_kib: float) -> Iterator[Claim]:
    """What is promised to readers that do not stall, and to those that do."""
    pairs = zip(stalled.p99_ms, calm.p99_ms, strict=True)
    ratio = median(one / other for one, other in pairs)
    others = f"{SESSIONS - STALLING} readers"
    yield Claim(f"p99 of {others}: {STALLED} beside none", ratio, MAX_RATIO, at_most=True)
    amiss = calm.amiss + stalled.amiss
    yield Claim(f"{others}: events missing, doubled or astray", amiss, 0, at_most=True)
    each = grown_kib / STALLING
    yield Claim("KiB that the pusher grew for each stalled reader", each, MAX_KIB, at_most=True)
    inexact = calm.inexact + stalled.inexact
    yield Claim("stalled readers whose feed was not exact after it", inexact, 0, at_most=True)
    yield Claim("stalled readers resumed from the store", stalled.resumed, STALLING * PAIRS)
