"""A run by several workers: who is alone, is; the long form of a test is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.sources import ROOT

TESTS = """
import time
from pathlib import Path

import pytest

LOG = Path(__file__).with_name("log")


def say(word):
    with LOG.open("a") as log:
        log.write(f"{word}\\n")


@pytest.mark.alone
@pytest.mark.parametrize("number", range(3))
def test_alone(number):
    say("alone")
    time.sleep(0.1)
    say("done")


@pytest.mark.parametrize("number", range(12))
def test_with_others(number):
    say("with")
    time.sleep(0.02)
    say("done")


@pytest.mark.soak
@pytest.mark.timeout(1)
def test_long_or_short(pytestconfig, request):
    limit = request.node.get_closest_marker("timeout").args[0]
    assert (limit > 1) == pytestconfig.getoption("--soak")
"""


def run(folder: Path, *options: str) -> str:
    """What pytest says of a run that has to succeed."""
    (folder / "conftest.py").write_text('pytest_plugins = ("tests.support.runs",)\n')
    (folder / "test_sample.py").write_text(TESTS)
    plugins = ("-p", "xdist", "-p", "pytest_timeout")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *plugins,
        "--rootdir",
        folder,
        folder,
        *options,
    ]
    env = dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    done = subprocess.run(
        [*command, *options], cwd=ROOT, env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nobody_runs_beside_who_is_alone(tmp_path: Path) -> None:
    assert "16 passed" in run(tmp_path, "-n", "3", "--dist", "worksteal")
    log = (tmp_path / "log").read_text().split()
    alone = [number for number, word in enumerate(log) if word == "alone"]
    assert [log[number + 1] for number in alone] == ["done"] * 3
    for number in alone:
        assert log[:number].count("done") == len(log[:number]) / 2  # whoever began has ended


def test_the_long_form_is_run_where_it_is_asked_for(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, "--soak", "-m", "soak")
