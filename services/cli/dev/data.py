"""The data directory of one running `clarion dev`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clarion.errors import ConfigurationError

PID_FILE = "clarion.pid"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Lock `directory`; `clarion.pid` in it has the owner's pid.

    Raises `ConfigurationError` where another process holds it, or it cannot be written.
    """
    path = directory / PID_FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {path}: {error.strerror}.") from error
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(
                f"Another `clarion dev` (process {file.read().strip()}) runs on {directory}. "
                "Stop it, or give another directory with --data."
            ) from error
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
