"""The event loop of a process: signals shut it down gracefully; errors are sentences, not
tracebacks."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from clarion.errors import ClarionError, ConfigurationError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
CONFIGURATION_STATUS = 2
"""A supervisor does not restart a process that ended with this."""


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` to its end on uvloop. SIGTERM and SIGINT cancel it, so that what it opened is
    closed; that is an ordinary end. On a `ClarionError` it exits with a sentence and the status 1,
    or `CONFIGURATION_STATUS` if only an operator can fix it."""
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
