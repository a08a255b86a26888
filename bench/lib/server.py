"""A server under measurement: a process of its own, seen from outside."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx2
import psutil

from testbed.processes import Process, free_port, start_process, wait_until

SCHEDULED_TIME = 2
"""`CPUCLOCK_SCHED` of Linux: the clock of all threads of a process."""


class Server:
    """A running server and what it has used so far."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self._seen = psutil.Process(pid)
        self.port = port

    def cpu_s(self) -> float:
        """User and system seconds since it started; on Linux exact, not in ticks of 10 ms."""
        if sys.platform == "linux":
            return time.clock_gettime(~self._pid << 3 | SCHEDULED_TIME)
        times = self._seen.cpu_times()
        return times.user + times.system

    def rss_kib(self) -> float:
        """Resident memory."""
        return self._seen.memory_info().rss / 1024

    def pause(self) -> None:
        """SIGSTOP: what is sent to it waits."""
        self._seen.suspend()

    def resume(self) -> None:
        """SIGCONT."""
        self._seen.resume()


@asynccontextmanager
async def service(name: str, settings: Mapping[str, str]) -> AsyncIterator[Server]:
    """A service of Clarion, ready."""
    port = free_port()
    env = {**settings, "CLARION_PORT": str(port), "CLARION_LOG_LEVEL": "warning"}
    command = [sys.executable, "-m", f"services.{name}"]
    async with program(command, env, port, "/readyz") as process:
        yield Server(process.pid, port)


@asynccontextmanager
async def peer(name: str, settings: Mapping[str, str]) -> AsyncIterator[Server]:
    """A peer of `bench.peers` under uvicorn, ready."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"bench.peers.{name}:app", "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning", "--ws-per-message-deflate", "false"]
    async with program(command, settings, port, "/healthz") as process:
        yield Server(process.pid, port)


@asynccontextmanager
async def program(
    command: Sequence[str], env: Mapping[str, str], port: int, health: str
) -> AsyncIterator[Process]:
    """A server that answers 200 at `health` once it is ready."""
    address = f"http://127.0.0.1:{port}{health}"

    async def is_ready() -> bool:
        async with httpx2.AsyncClient(trust_env=False) as http:
            return (await http.get(address)).status_code == 200

    async def answers() -> bool:
        try:
            return await is_ready()
        except httpx2.TransportError:
            return False

    process = await start_process(command, env=env, ready=answers, timeout_s=60)
    async with process:
        await wait_until(is_ready, 30, address)
        await asyncio.sleep(0.5)  # loops that start beside the server settle
        yield process
