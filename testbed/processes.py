"""Processes of a test: started with their output in a file, always ended.

`start_process` may be used plainly or as `async with await start_process(...) as process`. What
a test leaves running is killed at its end by a fixture, and by the reaper should the run die.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from testbed.ports import free_port
from testbed.reaper import Reaper, kill_tree

__all__ = [
    "Condition",
    "Process",
    "free_port",
    "launch",
    "reaper",
    "run_directory",
    "running",
    "start_process",
    "wait_until",
]

Condition = Callable[[], Awaitable[object] | object]

running: list[Process] = []


@cache
def reaper() -> Reaper:
    """The one watcher of this run."""
    return Reaper()


@cache
def run_directory() -> Path:
    """A temporary directory of this run, removed at its end."""
    directory = Path(tempfile.mkdtemp(prefix="clarion-test-"))
    directory.chmod(0o755)
    reaper().remove(directory)
    return directory


async def wait_until(condition: Condition, timeout_s: float, what: str = "") -> None:
    """Return once `condition` (plain or async) is true. Raises `TimeoutError` that says `what`.

    An exception of the condition counts as "not yet"; the last one is chained to the timeout.
    """
    deadline = time.monotonic() + timeout_s
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await asyncio.wait_for(answer, max(deadline - time.monotonic(), 0.01))
            if answer:
                return
            last = None
        except Exception as error:  # a condition may ask something that is not there yet
            last = error
        await asyncio.sleep(0.02)
    raise TimeoutError(f"not within {timeout_s} s: {what or condition}") from last


class Process:
    """A started process and the file that has its output (stdout and stderr)."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self._created = psutil.Process(popen.pid).create_time()
        self.log = log

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def output(self) -> str:
        """All it has written so far."""
        return self.log.read_text(errors="replace")

    def send_signal(self, number: int) -> None:
        """Send a signal to this process alone."""
        self._popen.send_signal(number)

    async def wait(self, timeout_s: float = 20) -> int:
        """Its exit status. Raises `TimeoutError` with its last output."""
        await wait_until(lambda: self.returncode is not None, timeout_s, f"exit of {self!r}")
        self._forget()
        status = self.returncode
        assert status is not None
        return status

    async def stop(self, timeout_s: float = 20) -> int:
        """SIGTERM, then wait; its exit status. Killed where it does not stop in time."""
        if self.returncode is None:
            self.send_signal(signal.SIGTERM)
        try:
            return await self.wait(timeout_s)
        except TimeoutError:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL to it and all it started; returns when they are gone."""
        kill_tree(self.pid, self._created)
        self.join()

    def join(self, timeout_s: float = 30) -> int:
        """Its exit status, without a loop. Raises `subprocess.TimeoutExpired`."""
        status = self._popen.wait(timeout_s)
        self._forget()
        return status

    def _forget(self) -> None:
        if self in running:
            running.remove(self)
        reaper().forget(self.pid)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self.returncode is None:
            await self.stop()

    def __repr__(self) -> str:
        return f"process {self.pid}; its output ends:\n{self.output()[-2000:]}"


def launch(
    args: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    user: str | None = None,
    outlives_test: bool = False,
) -> Process:
    """Start `args` in a session of its own, with `env` over the run's own environment.

    `user` is for root, who may run it as somebody else. What `outlives_test` is ended by the
    fixture that started it.
    """
    if log is None:
        handle, name = tempfile.mkstemp(prefix="output-", suffix=".log", dir=run_directory())
        os.close(handle)
        log = Path(name)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [str(arg) for arg in args],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | dict(env or {}),
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=True,
        )
    process = Process(popen, log)
    if not outlives_test:
        running.append(process)
    reaper().watch(process.pid)
    return process


async def start_process(
    args: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    ready: str | Condition | None = None,
    timeout_s: float = 30,
) -> Process:
    """Start and wait until `ready`: a text in its output, or a condition.

    Raises `RuntimeError` with its output where it exits first, `TimeoutError` where it is not
    ready in time; then it is killed.
    """
    process = launch(args, env=env, cwd=cwd)
    if ready is None:
        return process

    async def is_ready() -> bool:
        answer = ready in process.output() if isinstance(ready, str) else ready()
        return bool(await answer if inspect.isawaitable(answer) else answer)

    async def settled() -> bool:
        return process.returncode is not None or await is_ready()

    try:
        await wait_until(settled, timeout_s, f"ready ({ready}): {process!r}")
        if process.returncode is not None:
            raise RuntimeError(f"exited with {process.returncode} before it was ready: {process!r}")
    except BaseException:
        process.kill()
        raise
    return process
