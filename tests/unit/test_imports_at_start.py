"""What a process imports before it is ready: imports are most of what a start costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.sources import ROOT

COMMAND_LINE_MODULES = 300
SERVICE_MODULES = 1_350
"""Some 5 % above what is imported today; `python -m bench start` tells what it costs."""

LARGE = ("aio_pika", "asyncpg", "cryptography", "fastapi", "httpx2", "pydantic", "sqlalchemy")
"""Of no use to `clarion --help`."""


def imported_by(module: str) -> set[str]:
    """Names of all modules that importing this one brings into a new process."""
    code = f"import sys, {module}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return set(done.stdout.decode().split())


def test_the_command_line_imports_no_library_that_its_help_does_not_need() -> None:
    imported = imported_by("services.cli.app")
    assert [name for name in LARGE if name in imported] == []
    assert len(imported) < COMMAND_LINE_MODULES


@pytest.mark.parametrize("service", ["gateway", "notifier", "pusher"])
def test_a_service_imports_neither_the_command_line_nor_ever_more(service: str) -> None:
    imported = imported_by(f"services.{service}.process")
    assert [name for name in imported if name.split(".")[0] == "typer"] == []
    assert [name for name in imported if name.startswith("services.cli")] == []
    assert len(imported) < SERVICE_MODULES
