"""Frames written to sockets: three loads, each contender given the same.

`broadcast`: one frame for all sessions. `each`: a frame of its own for every session. `burst`: 16
frames of its own for every session at once. The next round leaves when every socket has the last.
`woken` is how often the client had to be woken for a frame: a server pays for that as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from bench.contenders import clarion, nchan, send, socketio, uvicorn
from bench.contenders.contender import Contender, MissingProgram, News, Opening
from bench.lib.events import names, notification
from bench.lib.ground import Ground
from bench.lib.results import OURS, Claim, Figure, Report
from bench.loads.client import Client, argument, running_client
from bench.loads.sockets import EVERYONE

SESSIONS = 500
BURST = 16
WARM_FRAMES = 50
TURNS = 10


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
    """Every contender that is here, load by load. All are there at once and take turns: what else
    the machine does in that minute meets all of them alike."""
    report = Report()
    async with AsyncExitStack() as stack:
        runners: list[Runner] = []
        for opening, share, sessions in CONTENDERS:
            try:
                contender = await stack.enter_async_context(opening(ground))
            except MissingProgram as missing:
                report.remarks.append(str(missing))
            else:
                runners.append(Runner(contender, share, sessions))
        for load in LOADS:
            print(load.path, flush=True)
            report.figures.extend(await _measure(load, runners, report.remarks))
    report.claims.extend(claims(report))
    return report


async def _measure(load: Load, runners: list[Runner], remarks: list[str]) -> list[Figure]:
    """Who does not end a step in time is left out from there on."""
    async with AsyncExitStack() as stack:

        async def line_up(race: Race) -> None:
            await stack.enter_async_context(race.lined_up())

        races = [Race(runner, load) for runner in runners]
        for step in (line_up, *[Race.turn] * TURNS):
            for race in tuple(races):
                try:
                    await step(race)
                except TimeoutError:
                    name = race.runner.contender.name
                    if name == OURS:
                        raise
                    races.remove(race)
                    runners.remove(race.runner)
                    remarks.append(f"{name} did not end a round of {load.path} in time.")
    return [race.figure() for race in races]


@dataclass(frozen=True)
class Runner:
    """A contender, the part of the rounds that it is given, and its sessions."""

    contender: Contender
    share: float
    sessions: int


class Race:
    """One contender under one load, in turns."""

    def __init__(self, runner: Runner, load: Load) -> None:
        self.runner = runner
        self._load = load
        self._rounds_a_turn = max(1, round(load.rounds * runner.share / TURNS))
        self._next_round = 0
        self._cpu_s = 0.0
        self._frames = 0
        self._waits = 0
        self._client: Client | None = None

    @asynccontextmanager
    async def lined_up(self) -> AsyncIterator[None]:
        """With its clients connected, and warm. Raises `TimeoutError`."""
        runner, load = self.runner, self._load
        sockets = replace(runner.contender.sockets, sessions=runner.sessions, shared=load.shared)
        async with running_client("loads.socket_load", argument(sockets)) as client:
            self._client = client
            await client.until("open")
            await self._rounds(max(1, round(WARM_FRAMES * runner.share / load.frames_each)))
            yield

    async def turn(self) -> None:
        """A part of its rounds. Raises `TimeoutError`."""
        assert self._client is not None
        server = self.runner.contender.server
        cpu_s, waits = server.cpu_s(), self._client.waits()
        await self._rounds(self._rounds_a_turn)
        self._cpu_s += server.cpu_s() - cpu_s
        self._waits += self._client.waits() - waits
        self._frames += self._rounds_a_turn * self.runner.sessions * self._load.frames_each

    def figure(self) -> Figure:
        """Of all turns so far."""
        rate = self._frames / self._cpu_s
        more = {"us each": 1e6 / rate, "woken": self._waits / self._frames}
        name = self.runner.contender.name
        return Figure(self._load.path, name, "frames per CPU s", rate=rate, more=more)

    async def _rounds(self, count: int) -> None:
        assert self._client is not None
        for _ in range(count):
            news = self._load.round(self._next_round, self.runner.sessions)
            self._next_round += 1
            await self.runner.contender.send(news)
            for _ in range(self._load.frames_each):
                await self._client.until("round")


def claims(report: Report) -> Iterator[Claim]:
    """What is promised of fan-out."""
    for load in LOADS[:2]:
        yield from Claim.ratio(report, load.path, OURS, "send(2)", 0.7)
        yield from Claim.ratio(report, load.path, OURS, "uvicorn", 2.0)
        yield from Claim.ratio(report, load.path, OURS, "nchan", 1.0)
    single, burst = (report.figure(load.path, OURS) for load in LOADS[1:])
    if single and burst and single.rate and burst.rate:
        said = f"fan-out: a frame in a burst of {BURST} beside a single one"
        yield Claim(said, burst.rate / single.rate, 5.0)
