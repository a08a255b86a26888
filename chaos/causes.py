"""What is done to a part: each cause is a context that begins it, and ends it on the way out."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from chaos import broker_causes, database_causes
from chaos.fleet import Member
from chaos.ground import Ground
from chaos.line import Line
from chaos.part import PARTS, SERVICES
from chaos.schedule import LINE_ACTIONS, Planned

ON_AND_OFF = {
    "pause": (signal.SIGSTOP, signal.SIGCONT),
    "freeze": (signal.SIGSTOP, signal.SIGCONT),
    "clock": (signal.SIGUSR1, signal.SIGUSR1),
}
"""Signals that begin a fault of a process, and end it."""


def target_of(planned: Planned, nodes: int = 1) -> str:
    """The process, the broker or its node, `database`, or whose the connections are."""
    if planned.action in LINE_ACTIONS:
        return "all" if planned.member is None else PARTS[planned.member]
    if planned.part in SERVICES or (planned.part == "broker" and nodes > 1):
        return f"{planned.part}-{planned.member}"
    return planned.part


def cause(
    ground: Ground, planned: Planned, unclean: list[str]
) -> AbstractAsyncContextManager[None]:
    """The fault for as long as the context is open. `unclean` gets orderly stops that were not."""
    if planned.action in LINE_ACTIONS:
        return _lines(ground.fleet.lines(planned.part, planned.member), planned.action)
    if planned.part in SERVICES:
        return _process(ground.fleet.members[target_of(planned)], planned.action, unclean)
    if planned.part == "broker":
        return broker_causes.cause(ground.brokers, planned.member or 0, planned.action)
    return database_causes.cause(ground.postgres, planned.action)


@asynccontextmanager
async def _lines(lines: list[Line], action: str) -> AsyncIterator[None]:
    for line in lines:
        line.strike(action)
    try:
        yield
    finally:
        for line in lines:
            line.mend()


@asynccontextmanager
async def _process(member: Member, action: str, unclean: list[str]) -> AsyncIterator[None]:
    if action in ON_AND_OFF:
        on, off = ON_AND_OFF[action]
        member.send(on)
        try:
            yield
        finally:
            member.send(off)
        return
    if action == "kill":
        await member.kill()
    elif (status := await member.stop()) != 0:
        unclean.append(f"{member.name} stopped with {status}")
    try:
        yield
    finally:
        member.start()
