"""The browsers that all tests of a worker share: a test opens contexts and starts no process.

No test disturbs the next: what one leaves behind is reported and ended, and after any failure all
is started again. All of it works in one event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from contextlib import AsyncExitStack, ExitStack, suppress
from typing import Any
from unittest.mock import patch

import psutil
from playwright.async_api import Browser, Playwright

from testbed.browser import (
    find_chromium,
    find_firefox,
    firefox_seats,
    launch_chromium,
    launch_firefox,
    started_playwright,
)
from testbed.processes import reaper, run_directory
from testbed.reaper import kill_tree

MAX_TESTS = 100
"""After so many all is started again, which bounds what browsers keep of pages that are gone."""

CLOSES_WITHIN_S = 15
ENDS_WITHIN_S = 10

Tasks = Collection[asyncio.Task[Any]]


class SharedBrowsers:
    """One Chromium and one Firefox, each started when it is first asked for."""

    def __init__(self) -> None:
        self._driver = BrowserDriver()
        self._browsers: dict[str, Browser] = {}
        self._firefox_server = ExitStack()
        self._firefox_program = ""
        self._tests = 0
        self._is_in_doubt = False

    def doubt(self) -> None:
        """The next test gets other browsers."""
        self._is_in_doubt = True

    async def ready(self) -> Playwright:
        """Called at the begin of every test. What it starts is no affair of the test's."""
        if self._is_in_doubt or self._tests == MAX_TESTS or not self._driver.is_running:
            await self.close()
        self._tests += 1
        return await self._driver.playwright()

    async def open(self, name: str) -> Browser:
        """`chromium` or `firefox`, connected."""
        browser = self._browsers.get(name)
        if browser is None or not browser.is_connected():
            browser = self._browsers[name] = await self._launch(name)
        return browser

    async def _launch(self, name: str) -> Browser:
        playwright = await self._driver.playwright()
        if name == "chromium":
            return await launch_chromium(playwright, find_chromium(os.environ.get("CHROMIUM")))
        if not self._firefox_program:
            seats = firefox_seats(find_firefox(os.environ.get("FIREFOX")))
            self._firefox_program = self._firefox_server.enter_context(seats)
        return await launch_firefox(playwright, self._firefox_program)

    async def left_behind(self, before: Tasks) -> list[str]:
        """Contexts that are open, and tasks that came since `before` and run on; all are ended."""
        left: list[str] = []
        for name, browser in self._browsers.items():
            for context in browser.contexts:
                left.append(f"a context of {name} with {[page.url for page in context.pages]}")
                await _tried(context.close())
        return left + [repr(task) for task in await _ended_late(before)]

    async def close(self) -> None:
        """End all. What does not end in order is killed."""
        browsers = list(self._browsers.values())
        self._browsers.clear()
        for browser in browsers:
            await _tried(browser.close())
        await self._driver.close()
        self._firefox_server.close()
        self._firefox_program, self._tests, self._is_in_doubt = "", 0, False


class BrowserDriver:
    """The process of Playwright, which starts the browsers."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._playwright: Playwright | None = None
        self._processes: set[psutil.Process] = set()

    @property
    def is_running(self) -> bool:
        return any(process.is_running() for process in self._processes)

    async def playwright(self) -> Playwright:
        """Started where it was not."""
        if self._playwright is None:
            # Profiles of browsers are made there; a driver that is killed leaves them
            directory = str(run_directory())
            before = set(psutil.Process().children())
            with patch.dict(os.environ, TMPDIR=directory):
                self._playwright = await self._stack.enter_async_context(started_playwright())
            self._processes = set(psutil.Process().children()) - before
            for process in self._processes:
                reaper().watch(process.pid)
        return self._playwright

    async def close(self) -> None:
        """End it with all it started."""
        await _tried(self._stack.aclose())
        for process in self._processes:
            kill_tree(process.pid, process.create_time())
            reaper().forget(process.pid)
        self._stack, self._playwright, self._processes = AsyncExitStack(), None, set()


async def _tried(closing: Any) -> None:
    """Something that is closed, or has crashed, or hangs: who starts it ends it in the end."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSES_WITHIN_S):
            await closing


async def _ended_late(before: Tasks) -> Tasks:
    """Tasks that do not end by themselves soon; they are cancelled."""
    came = asyncio.all_tasks() - {*before, asyncio.current_task()}
    if not came:
        return ()
    _, late = await asyncio.wait(came, timeout=ENDS_WITHIN_S)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=ENDS_WITHIN_S)
    return late
