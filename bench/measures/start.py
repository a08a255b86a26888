"""What a service costs before it has done anything: CPU and memory when it is ready."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bench.lib.events import API_KEY, TOKEN_SECRET
from bench.lib.ground import Ground
from bench.lib.results import Claim, Figure, Report
from bench.lib.server import Server, peer, service

TURNS = 3
CPU_GOAL_S = 1.2
MEMORY_GOAL_MIB = 70
HELP_GOAL_S = 0.3
SETTINGS = {"CLARION_API_KEY": API_KEY, "CLARION_TOKEN_SECRET": TOKEN_SECRET}


async def measure(ground: Ground) -> Report:
    """Each service, the peer of `accept`, and `clarion --help`; the best of three turns."""
    report = Report()
    for name in ("gateway", "notifier", "pusher"):
        async with ground.fresh() as settings:
            turns = [await _service(name, settings | SETTINGS) for _ in range(TURNS)]
        _add(report, name, "clarion", turns)
    async with ground.fresh(migrated=False) as settings:
        turns = [await _peer(settings) for _ in range(TURNS)]
    _add(report, "gateway", "naive", turns)
    help_s = min([await _help_s() for _ in range(TURNS)])
    report.figures.append(Figure("start --help", "clarion", "CPU s", cost=help_s))
    report.claims.append(Claim("clarion --help, CPU s", help_s, HELP_GOAL_S, at_most=True))
    return report


def _add(report: Report, name: str, contender: str, turns: list[tuple[float, float]]) -> None:
    cpu_s, mib = min(turns)[0], min(mib for _, mib in turns)
    path = f"start {name}"
    report.figures.append(Figure(path, contender, "CPU s", cost=cpu_s, more={"MiB": mib}))
    if contender == "clarion":
        report.claims.extend(
            [
                Claim(f"{path}, CPU s until ready", cpu_s, CPU_GOAL_S, at_most=True),
                Claim(f"{path}, MiB when ready", mib, MEMORY_GOAL_MIB, at_most=True),
            ]
        )


async def _service(name: str, settings: dict[str, str]) -> tuple[float, float]:
    async with service(name, settings) as server:
        return _cost(server)


async def _peer(settings: dict[str, str]) -> tuple[float, float]:
    async with peer("naive_accept", settings) as server:
        return _cost(server)


def _cost(server: Server) -> tuple[float, float]:
    return server.cpu_s(), server.rss_kib() / 1024


async def _help_s() -> float:
    before = os.times()
    command = Path(sys.executable).with_name("clarion")
    process = await asyncio.create_subprocess_exec(
        command, "--help", stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(30):
        if await process.wait():
            raise RuntimeError("clarion --help failed")
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
