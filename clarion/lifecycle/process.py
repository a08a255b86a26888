"""The outermost frame of a process: event loop, signals, sentences instead of tracebacks."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from clarion.errors import ClarionError, ConfigurationError
from clarion.lifecycle.serving import STOP_SIGNALS
from clarion.lifecycle.workers import Worker

CONFIGURATION_STATUS = 2
"""A supervisor does not start again what ended with this."""


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` to its end on uvloop. SIGTERM and SIGINT cancel it, so that what it opened is
    closed; that is an ordinary end. On a `ClarionError` it exits with a sentence and the status 1,
    or `CONFIGURATION_STATUS` where only an operator can mend it."""
    faulthandler.enable()
    gc.freeze()  # modules stay: to look at them again made a full collection a pause of 40 ms
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signal(main))
    except ClarionError as error:
        sys.stderr.write(f"clarion: {error}\n")
        sys.exit(status_of(error))


def status_of(error: ClarionError) -> int:
    """The exit status for an error that ends the process."""
    return CONFIGURATION_STATUS if isinstance(error, ConfigurationError) else 1


def run_service(main: Callable[[Worker | None], Awaitable[None]]) -> None:
    """`run` for `python -m services.x`. A supervisor gives `--fd N`, its listening socket,
    `--lifeline N`, a pipe whose end tells that the supervisor is gone, and its place among the
    others, `--worker I/N DIRECTORY`."""
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


async def _until_signal(main: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    before = {one: signal.signal(one, stop) for one in STOP_SIGNALS}
    try:
        await main()
    except asyncio.CancelledError:
        if not asked:
            raise
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
