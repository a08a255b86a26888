"""Frames written to sockets: three loads, each contender given the same.

`broadcast`: one frame for all sessions. `each`: a frame of its own for every session. `burst`: 16
frames of its own for every session at once. The next round leaves when every socket has the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.client import Client, running_client
from bench.contenders import clarion, nchan, send, socketio, uvicorn
from bench.contenders.contender import Contender, MissingProgram, News, Opening
from bench.events import names, notification
from bench.ground import Ground
from bench.results import Claim, Figure, Report
from bench.sockets import EVERYONE

SESSIONS = 500
BURST = 16
WARM_FRAMES = 10


@dataclass(frozen=True)
class Load:
    """One way to give frames. `rounds` is how many of them a fast contender is given."""

    name: str
    rounds: int
    shared: bool = False
    frames_each: int = 1

    @property
    def path(self) -> str:
        """As the results name it."""
        return f"fan-out {self.name}"

    def round(self, number: int, sessions: int) -> list[News]:
        """Frames of the round with this number."""
        first = number * self.frames_each + 1
        return [
            News(name, notification(place, version))
            for place, name in enumerate([EVERYONE] if self.shared else names(sessions))
            for version in range(first, first + self.frames_each)
        ]


LOADS = (
    Load("broadcast", 200, shared=True),
    Load("each", 200),
    Load("burst", 40, frames_each=BURST),
)
CONTENDERS: tuple[tuple[Opening, float, int], ...] = (
    (clarion.opened, 1.0, SESSIONS),
    (send.opened, 1.0, SESSIONS),
    (uvicorn.opened, 0.3, SESSIONS),
    (nchan.opened, 0.5, SESSIONS),
    (socketio.opened, 0.05, 50),
)
"""With the part of the rounds that each is given, and its sessions: slow ones have less of both,
so that a run ends in time."""


async def measure(ground: Ground) -> Report:
    """Every contender that is here."""
    report = Report()
    for opening, share, sessions in CONTENDERS:
        try:
            async with opening(ground) as contender:
                for load in LOADS:
                    print(f"{load.path}, {contender.name}", flush=True)
                    report.figures.append(await _measure(contender, load, share, sessions))
        except MissingProgram as missing:
            report.remarks.append(str(missing))
        except TimeoutError:
            if opening is clarion.opened:
                raise
            name = opening.__module__.rpartition(".")[2]
            report.remarks.append(f"{name} did not end a round of fan-out in time.")
    report.claims.extend(claims(report))
    return report


async def _measure(contender: Contender, load: Load, share: float, sessions: int) -> Figure:
    rounds = max(1, round(load.rounds * share))
    warm = max(1, round(WARM_FRAMES * share / load.frames_each))
    sockets = replace(contender.sockets, sessions=sessions, shared=load.shared)
    async with running_client("socket_load", sockets.argument()) as client:
        await client.until("open")
        await _rounds(contender, load, client, range(warm), sessions)
        cpu_s = contender.server.cpu_s()
        await _rounds(contender, load, client, range(warm, warm + rounds), sessions)
        cpu_s = contender.server.cpu_s() - cpu_s
    frames = rounds * sessions * load.frames_each
    more = {"us each": cpu_s / frames * 1e6}
    return Figure(load.path, contender.name, "frames per CPU s", rate=frames / cpu_s, more=more)


async def _rounds(
    contender: Contender, load: Load, client: Client, numbers: range, sessions: int
) -> None:
    for number in numbers:
        await contender.send(load.round(number, sessions))
        for _ in range(load.frames_each):
            await client.until("round")


def claims(report: Report) -> Iterator[Claim]:
    """What is promised of fan-out."""
    for load in LOADS[:2]:
        yield from Claim.ratio(report, load.path, "clarion", "send(2)", 0.7)
        yield from Claim.ratio(report, load.path, "clarion", "uvicorn", 2.0)
        yield from Claim.ratio(report, load.path, "clarion", "nchan", 1.0)
    single, burst = (report.figure(load.path, "clarion") for load in LOADS[1:])
    if single and burst and single.rate and burst.rate:
        said = f"fan-out: a frame in a burst of {BURST} beside a single one"
        yield Claim(said, burst.rate / single.rate, 5.0)
