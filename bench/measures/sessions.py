"""Memory of an open socket on which nothing happens, and what opening it costs.

`handshake` is all from the TCP connection to a session that is known and in the hub: the upgrade,
the token's check, what the server keeps. `handshake, hello`: and the inbox is read, and `welcome`
and `caught_up` are written. Of the peers, uvicorn and socketio check the token; nchan checks none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bench.contenders import clarion, nchan, socketio, uvicorn
from bench.contenders.contender import Contender, MissingProgram, Opening
from bench.lib.ground import Ground
from bench.lib.results import OURS, Claim, Figure, Report
from bench.loads.client import argument, running_client

WARM_SESSIONS = 500
SESSIONS = 10_000
OPEN_S = 300.0
SETTLE_S = 2.0
MAX_KIB = 5.0
HANDSHAKES = 2_500.0

MEMORY, HANDSHAKE, HELLO = "idle session", "handshake", "handshake, hello"
CONTENDERS: tuple[tuple[str, Opening, str], ...] = (
    (OURS, partial(clarion.opened, says=""), HANDSHAKE),
    (OURS, clarion.opened, HELLO),
    ("uvicorn", uvicorn.opened, HANDSHAKE),
    ("nchan", nchan.opened, HANDSHAKE),
    ("socketio", socketio.opened, HANDSHAKE),
)


async def measure(ground: Ground) -> Report:
    """Every contender that is here; of Clarion's memory the session that has said `hello`."""
    report = Report()
    for name, opening, path in CONTENDERS:
        try:
            async with opening(ground) as contender:
                print(f"{path}, {name}", flush=True)
                memory, opened = await _grow(contender, path)
        except MissingProgram as missing:
            report.remarks.append(str(missing))
            continue
        except TimeoutError:
            if name == OURS:
                raise
            report.remarks.append(f"{name} did not open {SESSIONS:,} sessions in time.")
            continue
        report.figures.append(opened)
        if (name, path) != (OURS, HANDSHAKE):
            report.figures.append(memory)
    report.figures.sort(key=lambda one: one.path)
    report.claims.extend(claims(report))
    return report


async def _grow(contender: Contender, path: str) -> tuple[Figure, Figure]:
    """The growth from no session to `SESSIONS`, after a first few have come and gone."""
    few = replace(contender.sockets, sessions=WARM_SESSIONS)
    async with running_client("loads.socket_load", argument(few)) as client:
        await client.until("open")
    await asyncio.sleep(SETTLE_S)
    server = contender.server
    many = replace(contender.sockets, sessions=SESSIONS)
    async with running_client("loads.socket_load", argument(many)) as client:
        await client.until("prepared")
        empty, cpu_s = server.rss_kib(), server.cpu_s()
        await client.until("open", OPEN_S)
        cpu_s = server.cpu_s() - cpu_s
        await asyncio.sleep(SETTLE_S)
        full = server.rss_kib()
    memory = Figure(MEMORY, contender.name, "KiB", cost=(full - empty) / SESSIONS)
    return memory, Figure(path, contender.name, "per CPU s", rate=SESSIONS / cpu_s)


def claims(report: Report) -> Iterator[Claim]:
    """What is promised of sessions."""
    memory = report.figure(MEMORY, OURS)
    if memory is not None and memory.cost is not None:
        yield Claim(f"KiB a session, {SESSIONS:,} of them idle", memory.cost, MAX_KIB, at_most=True)
    found = report.figure(HANDSHAKE, OURS)
    if found is not None and found.rate is not None:
        yield Claim("authenticated handshakes a CPU second", found.rate, HANDSHAKES)
