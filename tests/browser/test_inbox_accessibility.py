"""axe finds nothing in any state of inbox and bell, in both colour schemes, wide and narrow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from testbed.browser import open_page
from tests.browser.axe import violations
from tests.browser.inboxes import SHOW, Lists, name_categories, show, show_bell
from tests.browser.scripted import ScriptedServer, item, notification, start_client, start_live

RICH: list[dict[str, Any]] = [
    item(1, read_at="2026-01-01T00:00:00Z", category="billing", body="€ 12", url="/i"),
    item(2, lane="urgent", category="team", url="https://shop.example/2"),
    item(
        3,
        data={
            "actions": [
                {"label": "Accept", "url": "/a"},
                {"label": "Decline", "url": "/d"},
                {"label": "Nowhere", "url": "javascript:alert(1)"},
            ]
        },
    ),
]


@asynccontextmanager
async def looked_at(browser: Browser, scheme: Any, width: int) -> AsyncIterator[Page]:
    """A page in this look that must please axe at the end."""
    async with open_page_for(browser, scheme, width) as page:
        yield page
        await page.evaluate(
            """() => {
              document.documentElement.style.colorScheme = "light dark";
              const name = Object.assign(document.createElement("h1"), { textContent: "Test" });
              document.querySelector("main").prepend(name);
            }"""
        )
        assert await violations(page) == []


def open_page_for(browser: Browser, scheme: Any, width: int) -> AbstractAsyncContextManager[Page]:
    """A page in this look."""
    return open_page(
        browser,
        allowed_errors=("status of 503",),
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )


async def full(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)
    await page.locator("article").first.hover()


async def loading(page: Page, server: ScriptedServer) -> None:
    await start_client(page, server)
    await page.evaluate(SHOW)
    await expect(page.locator(".loading")).to_be_visible()


async def empty(page: Page, server: ScriptedServer) -> None:
    await start_live(page, server)
    await page.evaluate(SHOW)
    await expect(page.locator(".panel-title")).to_have_text("No notifications")


async def snoozed(page: Page, server: ScriptedServer) -> None:
    await Lists([item(9, snoozed_until="2030-01-01T00:00:00Z")]).serve(page)
    await show(page, server, *RICH)
    await page.get_by_role("tab", name="Snoozed").click()
    await expect(page.locator("article .snoozed")).to_be_visible()


async def failed(page: Page, server: ScriptedServer) -> None:
    lists = Lists([])
    lists.status = 503
    await lists.serve(page)
    await show(page, server, *RICH)
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()


async def refused(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, *RICH)
    await session.close(4403, "origin_not_allowed")
    await expect(page.locator(".panel-text")).to_have_text("This page may not open this feed.")


async def refused_at_once(page: Page, server: ScriptedServer) -> None:
    session = await start_client(page, server)
    await page.evaluate(SHOW)
    await session.close(4403, "origin_not_allowed")
    await expect(page.locator(".panel-text")).to_have_text("This page may not open this feed.")


async def menu(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)
    await page.locator("article").first.focus()
    await page.keyboard.press("s")
    await expect(page.get_by_role("menu")).to_be_visible()


async def category(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)
    await name_categories(page)
    await page.get_by_role("combobox").select_option("team")
    await expect(page.locator("article")).to_have_count(1)


async def bell_with_toast(page: Page, server: ScriptedServer) -> None:
    session = await show_bell(page, server, *RICH)
    await session.send(notification(item(4, body="It arrives tomorrow."), 3))
    await expect(page.locator(".toast")).to_be_visible()


async def bell_open(page: Page, server: ScriptedServer) -> None:
    await show_bell(page, server, *RICH)
    await page.evaluate(SHOW)
    await page.locator("clarion-bell .bell").click()
    await expect(page.locator("clarion-bell article").first).to_be_visible()


async def right_to_left(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)
    await page.evaluate("void Object.assign(document.documentElement, { lang: 'ar', dir: 'rtl' })")


States = Callable[[Page, ScriptedServer], Awaitable[None]]
STATES: list[States] = [
    full,
    loading,
    empty,
    snoozed,
    failed,
    refused,
    refused_at_once,
    menu,
    category,
    bell_with_toast,
    bell_open,
    right_to_left,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_axe_finds_nothing(browser: Browser, server: ScriptedServer, state: States) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        async with looked_at(browser, scheme, width) as page:
            await state(page, server)


PRESSED = """(node) => {
  const isStretched = getComputedStyle(node, "::after").position === "absolute";
  const { width, height } = (isStretched ? node.closest("article") : node).getBoundingClientRect();
  return [width, height];
}"""
"""Width and height of what takes a press: of the link of a row, the row."""


async def test_targets_are_large_enough(browser: Browser, server: ScriptedServer) -> None:
    for width in (1280, 390):
        async with open_page_for(browser, "light", width) as page:
            await show_bell(page, server, *RICH)
            await page.locator("clarion-bell .bell").click()
            await expect(page.locator("article").first).to_be_visible()
            targets = page.locator("button:visible, a[href]:visible, select:visible")
            sizes = [await target.evaluate(PRESSED) for target in await targets.all()]
            assert len(sizes) > 15
            assert [size for size in sizes if min(size) < 24] == []


async def test_colours_that_the_system_forces_leave_everything_to_be_seen(
    browser: Browser, server: ScriptedServer
) -> None:
    async with open_page_for(browser, "light", 1280) as page:
        await page.emulate_media(forced_colors="active")
        await show(page, server, *RICH)
        shown = await page.locator("article").first.evaluate(
            """(article) => [".mark", ".avatar"].map((name) => {
              const look = getComputedStyle(article.querySelector(name));
              return look.backgroundColor !== "rgba(0, 0, 0, 0)" || look.borderTopWidth !== "0px";
            })"""
        )
        assert shown == [True, True]


async def test_motion_is_only_for_those_who_want_it(
    browser: Browser, server: ScriptedServer
) -> None:
    async with open_page_for(browser, "light", 1280) as page:
        session = await show_bell(page, server, *RICH)
        await page.locator("clarion-bell .bell").click()
        await session.send(notification(item(4), 3))
        await expect(page.locator("article")).to_have_count(4)
        assert await page.evaluate("document.getAnimations().length") == 0
