"""What a process imports before it starts: each module costs every start, and every test of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.sources import ROOT

MOST = {"gateway": 1_275, "notifier": 1_225, "pusher": 1_325}
"""Some 40 more than there are: theirs, ours and those of Python."""
NOT_NEEDED = ("alembic", "mako", "playwright", "pytest", "typer")
"""Who only serves migrates nothing and has no command line."""
COMMANDS_MOST = 300
LIBRARIES = {"aio_pika", "asyncpg", "cryptography", "fastapi", "httpx2", "pydantic", "sqlalchemy"}
"""`clarion --help` needs none of them."""
COUNT = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(len(sys.modules), *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported_by(module: str) -> tuple[int, set[str]]:
    """How many modules this one brings into a new process, and their packages."""
    command = [sys.executable, "-c", COUNT, module]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    count, *packages = done.stdout.split()
    return int(count), set(packages)


@pytest.mark.parametrize("service", MOST)
def test_a_service_imports_no_more_than_it_needs(service: str) -> None:
    count, packages = imported_by(f"services.{service}.process")
    assert packages.isdisjoint(NOT_NEEDED)
    assert count <= MOST[service]


def test_the_command_line_imports_no_library_before_a_command_needs_it() -> None:
    count, packages = imported_by("services.cli.app")
    assert packages.isdisjoint(LIBRARIES)
    assert count <= COMMANDS_MOST
