"""What it takes to lose a pusher: `python -m bench.measures.storm [--sessions 10000]`.

Two pushers on one broker and one database. All sessions are on the first when it is killed; they
come back to the second, while notifications go on. Then a new first starts and the second is told
to stop. Every session must have had every version of its feed, each once and in order; the reads of
the database are those that the pushers themselves count.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import uvloop

from bench.lib.events import TOKEN_SECRET, names
from bench.lib.ground import open_ground
from bench.lib.percentiles import percentile
from bench.loads.storm_feeds import Feeds
from bench.loads.storm_sessions import Sessions
from clarion.telemetry.logs import configure_logs
from testbed.processes import Process, free_port, start_process

READY_S = 60.0
PATIENCE_S = 300.0
COUNTED = (
    "clarion_database_transactions_total",
    "clarion_live_reads_total",
    "clarion_live_feeds_read_total",
)


class Pusher:
    """A pusher that can be killed and started again at its address."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.port = free_port()
        self._env = {**settings, "CLARION_PORT": str(self.port), "CLARION_LOG_LEVEL": "warning"}
        self.process: Process | None = None

    async def start(self) -> None:
        """Returns once it is ready."""

        async def is_ready() -> bool:
            try:
                return (await self._get("/readyz")).status_code == 200
            except httpx2.TransportError:
                return False

        command = [sys.executable, "-m", "services.pusher"]
        self.process = await start_process(
            command, env=self._env, ready=is_ready, timeout_s=READY_S
        )

    async def counts(self) -> dict[str, float]:
        """What it has counted so far, all labels of a name together."""
        counts: dict[str, float] = dict.fromkeys(COUNTED, 0.0)
        for line in (await self._get("/metrics")).text.splitlines():
            name, _, value = line.rpartition(" ")
            plain = name.partition("{")[0]
            if plain in counts:
                counts[plain] += float(value)
        return counts

    async def _get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            return await http.get(f"http://127.0.0.1:{self.port}{path}")


async def main(sessions: int) -> None:
    """Kill, then drain; raises `AssertionError` where a session missed or doubled anything."""
    async with open_ground() as ground, ground.fresh() as settings:
        settings |= {"CLARION_TOKEN_SECRET": TOKEN_SECRET, "CLARION_SHUTDOWN_TIMEOUT_S": "60"}
        first, second = Pusher(settings), Pusher(settings)
        await asyncio.gather(first.start(), second.start())
        feeds = Feeds(settings, names(sessions))
        await feeds.open()
        await feeds.write(names(sessions))
        crowd = Sessions(feeds.subscribers, [first.port, second.port])
        async with crowd.opened(first.port):
            print(f"{sessions} sessions on the first pusher", flush=True)
            await killed(feeds, crowd, first, second)
            await first.start()
            await drained(feeds, crowd, second, first)
        await feeds.close()


async def killed(feeds: Feeds, crowd: Sessions, lost: Pusher, other: Pusher) -> None:
    """SIGKILL, while notifications go on."""
    async with told("killed", crowd, other):
        async with feeds.flowing():
            assert lost.process is not None
            crowd.prefer(other.port)
            lost.process.send_signal(signal.SIGKILL)
            await lost.process.wait()
            await crowd.left(lost.port, PATIENCE_S)
            await crowd.back(PATIENCE_S)
        await crowd.reach(feeds.heads, PATIENCE_S)
    assert crowd.seen.wrong == [], crowd.seen.wrong[:5]


async def drained(feeds: Feeds, crowd: Sessions, leaving: Pusher, other: Pusher) -> None:
    """SIGTERM, while notifications go on."""
    async with told("drained", crowd, other):
        async with feeds.flowing():
            assert leaving.process is not None
            crowd.prefer(other.port)
            leaving.process.send_signal(signal.SIGTERM)
            await crowd.moved(other.port, PATIENCE_S)
        await crowd.reach(feeds.heads, PATIENCE_S)
        assert await leaving.process.wait(PATIENCE_S) == 0
    assert crowd.seen.wrong == [], crowd.seen.wrong[:5]
    assert crowd.seen.refused == 0, f"{crowd.seen.refused} handshakes were refused"
    assert set(crowd.seen.closes) <= {1012, 1000}, crowd.seen.closes


@asynccontextmanager
async def told(what: str, crowd: Sessions, serving: Pusher) -> AsyncIterator[None]:
    """Print what it took the sessions and the pusher that they came back to."""
    before, began = await serving.counts(), time.monotonic()
    crowd.seen.clear()
    yield
    took = time.monotonic() - began
    counts = {name: value - before[name] for name, value in (await serving.counts()).items()}
    transactions, reads, read = (counts[name] for name in COUNTED)
    away = sorted(crowd.seen.away_s)
    print(
        f"{what}: {len(crowd)} sessions back and exact in {took:.1f} s; away p50 "
        f"{percentile(away, 50):.1f} s, p99 {percentile(away, 99):.1f} s, "
        f"longest {away[-1]:.1f} s\n"
        f"  database: {transactions:.0f} transactions, {transactions / len(crowd):.3f} a session; "
        f"{reads:.0f} reads of feeds for {read:.0f} feeds\n"
        f"  handshakes refused {crowd.seen.refused}, closes {dict(crowd.seen.closes)}, "
        f"wrong frames {len(crowd.seen.wrong)}",
        flush=True,
    )


def raise_file_limit(wanted: int) -> None:
    """A socket is a file; children inherit the limit. Exits with a sentence where it is too low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        sys.exit(f"{wanted} open files are needed and the hard limit is {hard}: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.measures.storm", description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    chosen = parser.parse_args().sessions
    raise_file_limit(chosen + 1_000)
    configure_logs("warning", "console")
    uvloop.run(main(chosen))
