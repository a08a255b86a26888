"""`python -m bench.loads.journey_load JSON`: events from their callers to their sockets.

JSON is a `Journey`. One process has both ends, so that one clock measures. Writes `open` once the
sockets are, `begin` once the pipeline is warm, then one line of JSON: an `Outcome`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial

import msgspec
import uvloop

from bench.lib.percentiles import percentile
from bench.loads.arrivals import Arrivals
from bench.loads.callers import calling
from bench.loads.marks import news
from bench.loads.open_loop import Load, in_turn, send
from bench.loads.sockets import Sockets, connect, socket_of
from testbed.processes import wait_until

WARM_RATE = 200.0
WARM_DRAIN_S = 30.0
LINGER_S = 1.0
"""For frames that come twice."""


@dataclass(frozen=True)
class Journey:
    """What the client is to do. After the last event is due it waits `drain_s` at most."""

    gateway_port: int
    sockets: Sockets
    rate: float
    seconds: float
    drain_s: float


@dataclass(frozen=True)
class Outcome:
    """What became of the events. Latencies are those of `Arrivals.latencies_s`."""

    sent: int
    refused: int
    missing: int
    doubled: int
    strayed: int
    p50_ms: float
    p99_ms: float
    late_p99_ms: float
    """By how much the client itself was late to send; it is in the latencies."""


class Client:
    """The sockets, and what they are waiting for."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._subscribers = journey.sockets.subscribers()
        self._arrivals = Arrivals()

    async def open(self) -> None:
        """Connect the sockets."""
        wanted = self._journey.sockets
        made = [socket_of(wanted, name, partial(self._hear, name)) for name in self._subscribers]
        await connect(wanted.port, made)

    async def warm(self) -> None:
        """An event for about every session, at a rate that all can keep up with."""
        load = Load(WARM_RATE, len(self._subscribers) / WARM_RATE)
        await self.run(load, WARM_DRAIN_S)

    async def run(self, load: Load, drain_s: float) -> Outcome:
        """Send, and wait for what was sent."""
        arrivals = self._arrivals = Arrivals(self._arrivals.after)
        async with calling(self._journey.gateway_port) as callers:
            late = await send(load, callers, in_turn(self._subscribers, arrivals))
            with suppress(TimeoutError):
                await wait_until(lambda: not arrivals.missing, drain_s, "all to arrive")
            latencies, missing = arrivals.latencies_s(time.monotonic()), arrivals.missing
            refused = callers.refused
        await asyncio.sleep(LINGER_S)
        return Outcome(
            arrivals.expected,
            refused,
            missing,
            arrivals.doubled,
            arrivals.strayed,
            percentile(latencies, 50) * 1e3,
            percentile(latencies, 99) * 1e3,
            percentile(late, 99) * 1e3,
        )

    def _hear(self, subscriber: str, frames: Sequence[bytes]) -> None:
        now = time.monotonic()
        for frame in frames:
            if (one := news(frame)) is not None:
                self._arrivals.arrive(one.mark.number, subscriber, now - one.mark.due_at)


async def main(journey: Journey) -> None:
    client = Client(journey)
    await client.open()
    print("open", flush=True)
    await client.warm()
    print("begin", flush=True)
    outcome = await client.run(Load(journey.rate, journey.seconds), journey.drain_s)
    print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Journey)))
