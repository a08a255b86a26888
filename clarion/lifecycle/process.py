"""A service as a process: alone, or one of several under a supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from clarion.lifecycle.event_loop import CONFIGURATION_STATUS, run
from clarion.lifecycle.workers import Worker


def run_service(main: Callable[[Worker | None], Awaitable[None]]) -> None:
    """`run` for `python -m services.x`. A supervisor gives `--fd N`, its listening socket,
    `--lifeline N`, a pipe whose end means that the supervisor has died, and its number among the
    workers, `--worker I/N DIRECTORY`."""
    worker, lifeline = inherited(sys.argv[1:])

    async def supervised() -> None:
        if lifeline is not None:
            asyncio.get_running_loop().add_reader(lifeline, _lost, lifeline)
        await main(worker)

    run(supervised)


def inherited(arguments: list[str]) -> tuple[Worker | None, int | None]:
    """Place and lifeline; both `None` for a process that stands alone."""
    match arguments:
        case []:
            return None, None
        case ["--fd", listener, "--lifeline", lifeline, "--worker", place, directory]:
            number, _, count = place.partition("/")
            worker = Worker(int(listener), Path(directory), int(number), int(count))
            return worker, int(lifeline)
        case _:
            sys.stderr.write("clarion: settings come from the environment; see .env.example.\n")
            sys.exit(CONFIGURATION_STATUS)


def _lost(lifeline: int) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    os.kill(os.getpid(), signal.SIGTERM)
