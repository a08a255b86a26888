"""A load client: a process of its own that says on its output what it has reached."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LINE_S = 120.0


class Client:
    """A running load client."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._seen = psutil.Process(process.pid)

    def waits(self) -> int:
        """How often it has slept until something came."""
        return self._seen.num_ctx_switches().voluntary

    async def line(self, timeout_s: float = LINE_S) -> str:
        """The next line it writes. Raises `RuntimeError` where it has ended instead, and
        `TimeoutError`."""
        assert self._process.stdout is not None
        async with asyncio.timeout(timeout_s):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load client ended early")
        return line.decode().strip()

    async def until(self, word: str, timeout_s: float = LINE_S) -> None:
        """Pass over lines until this one; each may take so long."""
        while await self.line(timeout_s) != word:
            pass

    async def result(self) -> dict[str, Any]:
        """The next line, which is JSON."""
        return json.loads(await self.line())


def argument(wanted: DataclassInstance) -> str:
    """What a client is to do, as JSON for its command line."""
    return json.dumps(asdict(wanted))


@asynccontextmanager
async def running_client(module: str, *arguments: str) -> AsyncIterator[Client]:
    """Start `python -m bench.<module>`; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"bench.{module}", *arguments, stdin=PIPE, stdout=PIPE
    )
    try:
        yield Client(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
