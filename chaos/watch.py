"""What the processes say and take while they are struck: readiness, answers, memory."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

import httpx2
import psutil

from chaos.callers import Unserved
from chaos.fleet import Fleet, Member
from chaos.part import SERVICES, Struck

EVERY_S = 0.5
ASK_S = 3.0
LONG_S = 3.0
"""Of shorter causes nothing is asked: readiness is looked at twice a second."""
SETTLED_S = 1.0
"""After a cause began: what was under way then is not counted."""
MIB = 1024**2
UNAVAILABLE = 503


class Watch:
    """Looks at every process twice a second."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._first: dict[str, int] = {}
        self._most: defaultdict[str, int] = defaultdict(int)
        self._unready: defaultdict[str, list[float]] = defaultdict(list)
        """When each said that it is not ready."""

    async def run(self) -> None:
        """Until cancelled."""
        async with httpx2.AsyncClient(timeout=ASK_S, trust_env=False) as http:
            while True:
                members = self._fleet.members.values()
                await asyncio.gather(*(self._look(http, one) for one in members))
                await asyncio.sleep(EVERY_S)

    def notes(self, struck: Sequence[Struck]) -> list[str]:
        """The most memory of each, and who said not ready while broker or database was away."""
        memory = ", ".join(
            f"{name} {self._first.get(name, 0) // MIB} -> {most // MIB}"
            for name, most in sorted(self._most.items())
        )
        return [f"memory at first -> at most, MiB: {memory}", *self._readiness(struck)]

    def _readiness(self, struck: Sequence[Struck]) -> list[str]:
        notes: list[str] = []
        long = [one for one in struck if one.strikes_all() and one.lasted_s >= LONG_S]
        for name in sorted({one.name for one in long}):
            causes = [one for one in long if one.name == name]
            said = [
                f"{service} {sum(self._said(service, one) for one in causes)}"
                for service in SERVICES
            ]
            notes.append(f"not ready in {len(causes)} {name} of {LONG_S:.0f} s: {', '.join(said)}")
        return notes

    def _said(self, service: str, cause: Struck) -> bool:
        """Whether each process of this service said so before the cause ended."""
        times = [at for name, at in self._unready.items() if name.startswith(service)]
        members = sum(name.startswith(service) for name in self._fleet.members)
        during = [any(cause.began_at <= one <= cause.ended_at for one in at) for at in times]
        return sum(during) == members

    async def _look(self, http: httpx2.AsyncClient, member: Member) -> None:
        if member.process is None:
            return
        with suppress(psutil.Error):
            used = psutil.Process(member.process.pid).memory_info().rss
            self._most[member.name] = max(self._most[member.name], used)
        with suppress(httpx2.TransportError):
            answer = await http.get(f"{member.address}/readyz")
            self._first.setdefault(member.name, self._most[member.name])
            if answer.status_code == UNAVAILABLE:
                self._unready[member.name].append(time.time())


def answers(struck: Sequence[Struck], unserved: Iterable[Unserved]) -> list[str]:
    """How quickly gateways refused while the broker took nothing."""
    notes: list[str] = []
    away = [one for one in struck if one.part == "broker" and one.strikes_all()]
    refused = list(unserved)
    for name in sorted({one.name for one in away}):
        causes = [one for one in away if one.name == name]
        during = [
            one
            for one in refused
            if any(cause.began_at + SETTLED_S <= one.at <= cause.ended_at for cause in causes)
        ]
        quick = sorted(one.took_s for one in during if one.status == UNAVAILABLE)
        silent = sum(one.status == 0 for one in during)
        if during:
            notes.append(
                f"in {name}: {len(quick)} answers of 503, the slowest in "
                f"{max(quick, default=0):.2f} s, {silent} without an answer"
            )
    return notes
