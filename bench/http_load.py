"""`python -m bench.http_load PORT CALLERS WARM_S SECONDS`: callers that post one event at a time.

Writes `begin` once warm, then one line of JSON: how many were accepted, in how long, and the
latencies. Raw sockets and no HTTP library, so that the client is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

from bench.events import API_KEY, plain_event

BODY = json.dumps(plain_event(42)).encode()
REQUEST = (
    b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
) % (API_KEY.encode(), len(BODY), BODY)


class Tally:
    """What all callers together have reached since it was last cleared."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.refused = 0

    def clear(self) -> None:
        self.latencies.clear()
        self.refused = 0


class Caller(asyncio.Protocol):
    """One connection: the next request leaves when the last answer is complete."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        name = head.lower().index(b"content-length:") + 15
        if len(body) < int(head[name:].split(b"\r\n", 1)[0]):
            return
        self._buffer = b""
        if head.startswith(b"HTTP/1.1 202"):
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
        "p50_ms": ordered[len(ordered) // 2] * 1e3 if ordered else None,
        "p99_ms": ordered[len(ordered) * 99 // 100] * 1e3 if ordered else None,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    port, callers, warm_s, seconds = sys.argv[1:]
    uvloop.run(main(int(port), int(callers), float(warm_s), float(seconds)))
