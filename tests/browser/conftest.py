"""Pages and what serves them: a scripted server, or a real `clarion dev`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from testbed.browser import open_page
from testbed.processes import free_port
from tests.browser.demo import NOT_PLANNED_YET, Demo, open_demo, running_demo
from tests.browser.scripted import ScriptedServer, scripted_server

expect.set_options(timeout=20_000)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server that says what the test says."""
    async with scripted_server() as started:
        yield started


@pytest.fixture
async def page(browser: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """A page that fails the test where it complains; closed before its server is."""
    assert server.url
    async with open_page(browser) as opened:
        yield opened


@pytest.fixture
async def demo(tmp_path: Path, postgres_url: str) -> AsyncIterator[Demo]:
    """A real `clarion dev` on a database of its own."""
    async with running_demo(free_port(), tmp_path, postgres_url) as started:
        yield started


@pytest.fixture
async def demo_page(browser: Browser, demo: Demo) -> AsyncIterator[Page]:
    """The demo page, live, in a wide window."""
    async with open_page(
        browser, allowed_errors=(NOT_PLANNED_YET,), viewport={"width": 1440, "height": 900}
    ) as opened:
        await open_demo(opened, demo)
        yield opened
