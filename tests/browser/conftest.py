"""Browsers, pages, and what serves these: a scripted server, or a real `clarion dev`.

All tests here run in one event loop, so that they can share browsers. `loop_scope` says so for each
fixture that works in it, `pytest_collection_modifyitems` for each test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, expect

from testbed.browser import open_page
from testbed.processes import free_port
from testbed.shared_browsers import SharedBrowsers
from tests.browser.demo import NOT_PLANNED_YET, Demo, open_demo, running_demo
from tests.browser.scripted import ScriptedServer, scripted_server

HAS_FAILED = pytest.StashKey[bool]()

expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    shared_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if pytest_asyncio.is_async_test(item) and "playwright" in item.fixturenames:
            item.add_marker(shared_loop, append=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked for both browsers runs in each."""
    marked = metafunc.definition.get_closest_marker
    if "browser" in metafunc.fixturenames and marked("both_browsers"):
        names = ["chromium"] if marked("chromium_only") else ["chromium", "firefox"]
        metafunc.parametrize("browser", names, indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """After a failure, in any phase, the next test gets other browsers."""
    if call.excinfo is not None:
        item.session.stash[HAS_FAILED] = True
    return (yield)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[SharedBrowsers]:
    """The browsers of this worker."""
    shared = SharedBrowsers()
    yield shared
    await shared.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def playwright(
    request: pytest.FixtureRequest, browsers: SharedBrowsers
) -> AsyncIterator[Playwright]:
    """What starts browsers. A test that leaves a context or a task behind fails at its end."""
    stash = request.session.stash
    if stash.get(HAS_FAILED, False):
        browsers.doubt()
    stash[HAS_FAILED] = False
    started = await browsers.ready()
    before = asyncio.all_tasks()
    yield started
    left = await browsers.left_behind(before)
    if not stash[HAS_FAILED]:  # else it has been told why, and could not put things in order
        assert left == [], f"the test left behind: {left}"


@pytest_asyncio.fixture(loop_scope="session")
async def browser(request: pytest.FixtureRequest, browsers: SharedBrowsers) -> Browser:
    """A headless browser; open pages in it with `testbed.browser.open_page`.

    Chromium, or what `both_browsers` says.
    """
    return await browsers.open(getattr(request, "param", "chromium"))


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[ScriptedServer]:
    """A server that says what the test says."""
    async with scripted_server() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """A page that fails the test where it complains; closed before its server is."""
    assert server.url
    async with open_page(browser) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def demo(tmp_path: Path, postgres_url: str) -> AsyncIterator[Demo]:
    """A real `clarion dev` on a database of its own."""
    async with running_demo(free_port(), tmp_path, postgres_url) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def demo_page(browser: Browser, demo: Demo) -> AsyncIterator[Page]:
    """The demo page, live, in a wide window."""
    async with open_page(
        browser, allowed_errors=(NOT_PLANNED_YET,), viewport={"width": 1440, "height": 900}
    ) as opened:
        await open_demo(opened, demo)
        yield opened
