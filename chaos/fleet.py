"""The six processes, each with connections of its own to broker and database."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from chaos.line import Line
from chaos.part import PARTS
from testbed.processes import Process, free_port, launch

READY_S = 120.0
STOP_S = 30.0
ASK_S = 3.0


@dataclass
class Member:
    """One process of a service, started again at the same address with the same settings."""

    name: str
    settings: Mapping[str, str]
    lines: Mapping[str, Sequence[Line]]
    """Its ways to the `broker` (one for each node) and to the `database`."""
    log: Path
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin; it is ready some seconds later."""
        service = self.name.partition("-")[0]
        command = [sys.executable, "-m", "services.cli", service, "--port", str(self.port)]
        self.process = launch(command, env=self.settings, log=self.log)

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            await asyncio.to_thread(self.process.kill)
            self.process = None

    async def stop(self) -> int | None:
        """SIGTERM; the exit status, or None where it had to be killed."""
        process, self.process = self.process, None
        if process is None:
            return 0
        try:
            return await process.stop(STOP_S)
        except TimeoutError:
            return None

    def send(self, number: signal.Signals) -> None:
        """Any other signal."""
        if self.process is not None:
            self.process.send_signal(number)


class Fleet:
    """All members by name."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self.members = members

    def addresses(self, service: str) -> list[str]:
        """Where the members of a service listen."""
        return [one.address for one in self.members.values() if one.name.startswith(service)]

    def lines(self, end: str, member: int | None) -> list[Line]:
        """The connections to the broker or the database: of one process, or of all."""
        names = PARTS if member is None else (PARTS[member],)
        return [line for name in names for line in self.members[name].lines[end]]

    def ended(self) -> list[str]:
        """Members that have ended by themselves."""
        return [
            one.name
            for one in self.members.values()
            if one.process is not None and one.process.returncode is not None
        ]

    async def start(self) -> None:
        """Start all; returns once all are ready. Raises `TimeoutError` that says who is not."""
        for member in self.members.values():
            member.start()
        unready = await self.unready(READY_S)
        if unready:
            raise TimeoutError(f"not ready after {READY_S:.0f} s: {unready}")

    async def unready(self, timeout_s: float) -> dict[str, str]:
        """Wait until all are ready; who is not by then, and what it says."""
        deadline = time.monotonic() + max(timeout_s, ASK_S)
        waiting = dict.fromkeys(self.members, "")
        async with httpx2.AsyncClient(timeout=ASK_S, trust_env=False) as http:
            while waiting and time.monotonic() < deadline:
                answers = [_readiness(http, self.members[name].address) for name in waiting]
                said = dict(zip(waiting, await asyncio.gather(*answers), strict=True))
                waiting = {name: why for name, why in said.items() if why is not None}
                await asyncio.sleep(0.1)
        return waiting

    async def stop(self) -> dict[str, int | None]:
        """Stop all in order; exit status by name."""
        statuses = await asyncio.gather(*(one.stop() for one in self.members.values()))
        return dict(zip(self.members, statuses, strict=True))

    async def kill(self) -> None:
        """End all, whatever they do."""
        for member in self.members.values():
            await member.kill()


async def _readiness(http: httpx2.AsyncClient, address: str) -> str | None:
    """None where it is ready, else its answer or why there is none."""
    try:
        answer = await http.get(f"{address}/readyz")
    except httpx2.TransportError as error:
        return type(error).__name__
    return None if answer.status_code == 200 else answer.text
