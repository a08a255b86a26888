"""Ends what a test run left running when the run itself could not: after SIGKILL or a crash.

Runs as a process of its own and reads lines from the run: `watch PID CREATED`, `forget PID`,
`remove DIRECTORY`. When the pipe closes it kills what is still watched (with its children),
and removes the directories. A process is known by pid and time of creation, so a pid that was
used again is left alone.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil


class Reaper:
    """The run's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
            cwd=Path(__file__).parents[1],
        )

    def watch(self, pid: int) -> None:
        """End this process when the run is gone."""
        self._tell(f"watch {pid} {psutil.Process(pid).create_time()}")

    def forget(self, pid: int) -> None:
        """It has ended in order."""
        self._tell(f"forget {pid}")

    def remove(self, directory: Path) -> None:
        """Remove this directory when the run is gone."""
        self._tell(f"remove {directory}")

    def close(self) -> None:
        """End what is left, now."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)


def kill_tree(pid: int, created: float) -> None:
    """Kill a process and what it started; returns when all are gone, at most 10 s later."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.create_time() != created:
            return
        family = [*process.children(recursive=True), process]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        deadline = time.monotonic() + 10
        while any(map(is_alive, family)) and time.monotonic() < deadline:
            time.sleep(0.01)


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs: one that only waits for its parent to ask has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    """Read until the run closes the pipe, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, float] = {}
    directories: list[str] = []
    for line in sys.stdin:
        match line.split(maxsplit=2):
            case ["watch", pid, created]:
                watched[int(pid)] = float(created)
            case ["forget", pid]:
                watched.pop(int(pid), None)
            case ["remove", *path]:
                directories.append(" ".join(path))
            case _:
                pass
    for pid, created in reversed(watched.items()):
        kill_tree(pid, created)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
