"""Stops what `make up` started on a data directory, and nothing else; run by `make down`."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

STOP_TIMEOUT_S = 30.0


def main(data: str) -> None:
    """Stop the server whose pid lies in `data`/clarion.pid and wait until it is gone."""
    written = Path(data).expanduser() / "clarion.pid"
    process = started_by_up(written)
    if process is None:
        print(f"Nothing of Clarion runs on {data}.")
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except psutil.TimeoutExpired:
        raise SystemExit(f"Process {process.pid} did not stop in {STOP_TIMEOUT_S:.0f} s.") from None
    print(f"Stopped process {process.pid}.")


def started_by_up(written: Path) -> psutil.Process | None:
    """The process that wrote the file; None where it is gone, or its pid is another's now."""
    try:
        process = psutil.Process(int(written.read_text()))
        words = process.cmdline()
        is_older = process.create_time() <= written.stat().st_mtime + 1
    except (OSError, ValueError, psutil.Error):
        return None
    is_clarion = "dev" in words and any("clarion" in word for word in words)
    return process if is_clarion and is_older else None


if __name__ == "__main__":
    main(sys.argv[1])
