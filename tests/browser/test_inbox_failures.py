"""What `<clarion-inbox>` says where older items or an archive cannot be loaded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from testbed.browser import open_page
from tests.browser.inboxes import Lists, many, scroll_to_end, show, show_newest
from tests.browser.scripted import ScriptedServer, item

PUT_AWAY = "2026-01-02T00:00:00Z"


@pytest_asyncio.fixture(loop_scope="session")
async def failing_page(browser: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """A page whose lists may fail, which the browser logs."""
    assert server.url
    async with open_page(browser, allowed_errors=("status of 503",)) as opened:
        yield opened


async def test_a_page_that_fails_says_so_and_is_tried_again_when_asked(
    failing_page: Page, server: ScriptedServer
) -> None:
    page = failing_page
    items = many(120)
    lists = Lists(items)
    lists.status = 503
    await lists.serve(page)
    await show_newest(page, server, *items)
    await scroll_to_end(page)
    retry = page.get_by_role("button", name="The database is away. Try again")
    await expect(retry).to_be_visible()
    assert len(lists.asked) == 1
    lists.status = 200
    await retry.click()
    await expect(page.locator("article")).not_to_have_count(50)


async def test_an_archive_that_cannot_be_loaded_is_not_shown_as_empty(
    failing_page: Page, server: ScriptedServer
) -> None:
    page = failing_page
    lists = Lists([item(1, archived_at=PUT_AWAY)])
    lists.status = 503
    await lists.serve(page)
    await show(page, server)
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.locator(".panel-title")).to_have_text("Notifications could not be loaded.")
    await expect(page.locator(".panel-text")).to_have_text("The database is away.")
    lists.status = 200
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("article .title")).to_have_text(["Order 1"])
