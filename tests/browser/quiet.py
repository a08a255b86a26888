"""Pages that may not write a single line into the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page


@asynccontextmanager
async def quiet_page(browser: Browser) -> AsyncIterator[Page]:
    """A page in a context of its own; at the end it fails where the page wrote or threw."""
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(20_000)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    assert told == []
