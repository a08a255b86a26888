"""Several processes of one service on one port.

The supervisor opens the listening socket and starts the children with it. One that dies is started
again after a jittered wait; one that ends with `CONFIGURATION_STATUS` ends all, because a restart
would not help. SIGTERM and SIGINT are passed on once and waited for; a second one kills. If the
supervisor itself is killed, the children see the end of the lifeline and stop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from clarion.errors import ConfigurationError
from clarion.lifecycle.background import backoff_s
from clarion.lifecycle.event_loop import CONFIGURATION_STATUS
from clarion.lifecycle.serving import BACKLOG, open_listener
from clarion.settings import SharedSettings
from clarion.telemetry.logs import configure_logs

HEALTHY_AFTER_S = 60.0
GRACE_S = 5.0
"""What a child may need beyond its own deadline before it is killed."""

log = structlog.get_logger("clarion.supervisor")


@dataclass(slots=True)
class Supervised:
    """The workers of one service, and what each is started with."""

    module: str
    listener: socket.socket
    lifeline: int
    directory: Path
    """The directory of the workers' sockets."""
    workers: int
    stop_timeout_s: float


async def supervise(module: str, settings: SharedSettings, workers: int) -> None:
    """Run until cancelled, then stop every child. Raises `ConfigurationError` where a child ends
    because of its configuration."""
    configure_logs(settings.log_level, settings.log_format, "supervisor")
    lifeline, held = os.pipe()
    try:
        with (
            open_listener(settings.host, settings.port) as listener,
            tempfile.TemporaryDirectory(prefix="clarion-workers-") as directory,
        ):
            listener.listen(BACKLOG)
            supervised = Supervised(
                module,
                listener,
                lifeline,
                Path(directory),
                workers,
                settings.stop_timeout_s + GRACE_S,
            )
            async with asyncio.TaskGroup() as group:
                for number in range(workers):
                    group.create_task(_keep(supervised, number))
    except* ConfigurationError as errors:
        raise errors.exceptions[0] from None
    finally:
        os.close(lifeline)
        os.close(held)


async def _keep(supervised: Supervised, number: int) -> None:
    loop = asyncio.get_running_loop()
    deaths = 0
    while True:
        started_at = loop.time()
        child = await _start(supervised, number)
        log.info("worker_started", worker=number, pid=child.pid)
        status = await _wait(child, supervised.stop_timeout_s)
        if status == CONFIGURATION_STATUS:
            raise ConfigurationError("A worker could not start; its own message says why.")
        deaths = 1 if loop.time() - started_at > HEALTHY_AFTER_S else deaths + 1
        log.error("worker_died", worker=number, pid=child.pid, status=status)
        await asyncio.sleep(backoff_s(deaths))


async def _start(supervised: Supervised, number: int) -> asyncio.subprocess.Process:
    descriptor = supervised.listener.fileno()
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        supervised.module,
        "--fd",
        str(descriptor),
        "--lifeline",
        str(supervised.lifeline),
        "--worker",
        f"{number}/{supervised.workers}",
        str(supervised.directory),
        pass_fds=(descriptor, supervised.lifeline),
        start_new_session=True,  # a terminal's Ctrl-C comes to us alone, and once
    )


async def _wait(child: asyncio.subprocess.Process, stop_timeout_s: float) -> int:
    try:
        return await child.wait()
    except asyncio.CancelledError:
        await _stop(child, stop_timeout_s)
        raise


async def _stop(child: asyncio.subprocess.Process, timeout_s: float) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(timeout_s):
            await child.wait()
    except (TimeoutError, asyncio.CancelledError):
        log.error("worker_killed", pid=child.pid)
        child.kill()
        await child.wait()
