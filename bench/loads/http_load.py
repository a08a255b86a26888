"""`python -m bench.loads.http_load PORT CALLERS WARM_S SECONDS`: callers that post events singly.

Writes `begin` once warm, then one line of JSON: how many were accepted, in how long, and the
latencies. The next request of a caller leaves when its last answer is complete.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

from bench.lib.events import plain_event
from bench.lib.percentiles import percentile
from bench.loads.posts import Answers, post

REQUEST = post(json.dumps(plain_event(42)).encode())


class Tally:
    """What all callers together have reached since it was last cleared."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.refused = 0

    def clear(self) -> None:
        self.latencies.clear()
        self.refused = 0


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._answers = Answers()
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        is_accepted = self._answers.feed(data)
        if is_accepted is None:
            return
        if is_accepted:
            self._tally.latencies.append(time.perf_counter() - self._sent_at)
        else:
            self._tally.refused += 1
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(REQUEST)


async def main(port: int, callers: int, warm_s: float, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    tally = Tally()
    for _ in range(callers):
        await loop.create_connection(lambda: Caller(tally), "127.0.0.1", port)
    await asyncio.sleep(warm_s)
    tally.clear()
    began = time.perf_counter()
    print("begin", flush=True)
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    ordered = sorted(tally.latencies)
    result = {
        "accepted": len(ordered),
        "refused": tally.refused,
        "seconds": took,
        "p50_ms": percentile(ordered, 50) * 1e3 if ordered else None,
        "p99_ms": percentile(ordered, 99) * 1e3 if ordered else None,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    port, callers, warm_s, seconds = sys.argv[1:]
    uvloop.run(main(int(port), int(callers), float(warm_s), float(seconds)))
