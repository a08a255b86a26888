"""What a service imports before it starts: each module costs every start, and every test of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.sources import ROOT

MOST = {"gateway": 1_275, "notifier": 1_225, "pusher": 1_325}
"""Some 40 more than there are: theirs, ours and those of Python."""
NOT_NEEDED = ("alembic", "mako", "playwright", "pytest", "typer")
"""Who only serves migrates nothing and has no command line."""
COUNT = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(len(sys.modules), *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("service", MOST)
def test_a_service_imports_no_more_than_it_needs(service: str) -> None:
    command = [sys.executable, "-c", COUNT, f"services.{service}.process"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    count, *packages = done.stdout.split()
    assert set(packages).isdisjoint(NOT_NEEDED)
    assert int(count) <= MOST[service]
