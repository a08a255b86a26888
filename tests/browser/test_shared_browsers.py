"""Tests share browsers: a test that leaves something behind is named and disturbs no other."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Browser

from testbed import shared_browsers
from testbed.processes import Process, launch, wait_until
from testbed.reaper import is_alive
from tests.support.sources import ROOT

pytestmark = pytest.mark.timeout(300)

CONFTEST = 'pytest_plugins = ("tests.conftest", "tests.browser.conftest")\n'

LEAKS = """
import asyncio

import psutil


async def test_1_leaves_a_context(browser):
    await browser.new_page()


async def test_2_leaves_a_task(playwright):
    asyncio.current_task().left = asyncio.create_task(asyncio.Event().wait(), name="endless")


async def test_3_leaves_nothing(browser):
    assert browser.contexts == []
    async with await browser.new_context() as context:
        await context.new_page()


async def test_4_sees_its_browser_crash(browser):
    (driver,) = [one for one in psutil.Process().children() if "run-driver" in one.cmdline()]
    gone = asyncio.Event()
    browser.once("disconnected", lambda _: gone.set())
    for process in driver.children():
        process.kill()
    await asyncio.wait_for(gone.wait(), 60)


async def test_5_has_another(browser):
    async with await browser.new_context() as context:
        await context.new_page()


async def test_6_sees_the_driver_crash(playwright):
    (driver,) = [one for one in psutil.Process().children() if "run-driver" in one.cmdline()]
    driver.kill()
    while driver.is_running():
        await asyncio.sleep(0.01)


async def test_7_has_another(browser):
    async with await browser.new_context() as context:
        await context.new_page()


async def test_8_fails(browser):
    await browser.new_context()
    raise AssertionError("on purpose")


async def test_9_has_another(browser):
    async with await browser.new_context() as context:
        await context.new_page()
"""

WAITS = """
import asyncio


async def test_it_is_ended(browsers):
    for name in ("chromium", "firefox"):
        await (await browsers.open(name)).new_page()
    print("both are open")
    await asyncio.Event().wait()
"""


def start(folder: Path, tests: str) -> Process:
    """A run of these tests in order, by one process, which has what tests of browsers have."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_sample.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-sv", "-p", "no:cacheprovider", "-p", "no:randomly"]
    where = ["-c", ROOT / "pyproject.toml", "--rootdir", folder, folder / "test_sample.py"]
    return launch([*command, *where], cwd=ROOT)


def command_of(process: psutil.Process) -> str:
    """Empty where it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


async def test_what_is_left_behind_fails_its_test_and_disturbs_no_other(tmp_path: Path) -> None:
    run = start(tmp_path, LEAKS)
    assert await run.wait(240) == 1
    said = run.output()
    assert re.findall(r"^(ERROR|FAILED) .*::(test_\d)", said, re.MULTILINE) == [
        ("ERROR", "test_1"),
        ("ERROR", "test_2"),
        ("FAILED", "test_8"),
    ], said
    assert "the test left behind: [\"a context of chromium with ['about:blank']\"]" in said
    assert re.search(r"left behind: \[\"<Task cancelled name='endless'", said)
    assert "8 passed" in said


async def test_after_so_many_tests_browsers_are_started_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_browsers, "MAX_TESTS", 2)
    browsers = shared_browsers.SharedBrowsers()
    opened: list[Browser] = []
    for _ in range(3):
        await browsers.ready()
        opened.append(await browsers.open("chromium"))
    assert opened[0] is opened[1] is not opened[2]
    assert [browser.is_connected() for browser in opened] == [False, False, True]
    await browsers.close()
    assert not opened[2].is_connected()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_nothing_outlives_a_run_that_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    run = start(tmp_path, WAITS)
    await wait_until(
        lambda: "both are open" in run.output() or run.returncode is not None, 120, repr(run)
    )
    family = psutil.Process(run.pid).children(recursive=True)
    commands = list(map(command_of, family))
    for name in ("run-driver", "chrom", "firefox"):
        assert any(name in command for command in commands), commands
    (driver,) = [one for one in family if "run-driver" in command_of(one)]
    profiles = Path(driver.environ()["TMPDIR"])
    assert list(profiles.glob("playwright*"))
    run.send_signal(number)
    await run.wait(60)
    await wait_until(lambda: not any(map(is_alive, family)), 60, "the end of all it started")
    await wait_until(lambda: not profiles.exists(), 60, "no profiles")
