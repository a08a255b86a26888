"""`<clarion-bell>` in a real browser: the count, the popover, the toast, the focus."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from testbed.browser import open_page
from tests.browser.inboxes import SHOW, answer, show_bell
from tests.browser.scripted import ScriptedServer, hold_time, item, notification, replay

pytestmark = pytest.mark.both_browsers

READ = "2026-01-02T00:00:00Z"


def bell(page: Page) -> Locator:
    return page.locator("clarion-bell .bell")


def sheet(page: Page) -> Locator:
    return page.locator("clarion-bell .sheet")


async def active(page: Page) -> str:
    """The class of what has the focus, inside of all shadow trees."""
    return await page.evaluate(
        """() => {
          let active = document.activeElement;
          while (active.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
          return active.className;
        }"""
    )


async def test_the_count_is_the_servers_and_is_part_of_the_name(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_bell(page, server, item(1), item(2))
    await expect(page.get_by_role("button", name="Notifications, 2 unread")).to_be_visible()
    await expect(page.locator(".count")).to_have_text("2")
    await session.send(notification(item(3), 120))
    await expect(page.locator(".count")).to_have_text("99+")
    await expect(page.get_by_role("button", name="Notifications, 120 unread")).to_be_visible()
    await session.send({"type": "changed", "version": 4, "unread": 0, "items": []})
    await expect(page.locator(".count")).to_be_hidden()


async def test_it_opens_the_inbox_beside_it_and_a_second_press_closes_it(
    page: Page, server: ScriptedServer
) -> None:
    await show_bell(page, server, item(1), item(2))
    await expect(bell(page)).to_have_attribute("aria-expanded", "false")
    await bell(page).click()
    await expect(sheet(page)).to_be_visible()
    await expect(bell(page)).to_have_attribute("aria-expanded", "true")
    await expect(page.locator("article .title")).to_have_text(["Order 2", "Order 1"])
    beside = await sheet(page).bounding_box()
    anchor = await bell(page).bounding_box()
    assert beside is not None
    assert anchor is not None
    assert beside["y"] >= anchor["y"] + anchor["height"]
    assert beside["x"] >= 0
    await bell(page).click()
    await expect(sheet(page)).to_be_hidden()
    await expect(bell(page)).to_have_attribute("aria-expanded", "false")


async def test_a_press_outside_closes_it(page: Page, server: ScriptedServer) -> None:
    await show_bell(page, server, item(1))
    await bell(page).click()
    await expect(sheet(page)).to_be_visible()
    await page.mouse.click(1200, 700)
    await expect(sheet(page)).to_be_hidden()


async def test_the_keyboard_opens_works_in_and_leaves_it(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_bell(page, server, item(1), item(2))
    await page.keyboard.press("Tab")
    assert await active(page) == "bell"
    await page.keyboard.press("Enter")
    await expect(page.locator("article:focus .title")).to_have_text("Order 2")
    await page.keyboard.press("s")
    await expect(page.get_by_role("menu")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(sheet(page)).to_be_visible()
    await page.keyboard.press("e")
    await answer(session, "archive", 3, 1, archived_at=READ)
    await expect(page.locator("article:focus .title")).to_have_text("Order 1")
    await page.keyboard.press("Escape")
    await expect(sheet(page)).to_be_hidden()
    assert await active(page) == "bell"


async def test_its_closing_button_gives_the_focus_back(page: Page, server: ScriptedServer) -> None:
    await show_bell(page, server)
    await bell(page).click()
    await page.get_by_role("button", name="Close").click()
    await expect(sheet(page)).to_be_hidden()
    assert await active(page) == "bell"


async def test_on_a_narrow_screen_it_has_the_full_width(
    browser: Browser, server: ScriptedServer
) -> None:
    async with open_page(browser, viewport={"width": 390, "height": 800}) as page:
        await show_bell(page, server, item(1))
        await bell(page).click()
        await expect(sheet(page)).to_be_visible()
        await page.wait_for_function(
            "document.querySelector('clarion-bell').shadowRoot.getAnimations().length === 0"
        )
        box = await sheet(page).bounding_box()
        assert box is not None
        assert (box["x"], box["width"], box["y"] + box["height"]) == (0, 390, 800)


async def test_a_toast_tells_of_what_came_and_leads_to_it(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_bell(page, server, item(1))
    await session.send(notification(item(2, body="It arrives tomorrow."), 2))
    toast = page.locator(".toast")
    await expect(toast.locator(".toast-title")).to_have_text("Order 2")
    await expect(toast.locator(".toast-text")).to_have_text("It arrives tomorrow.")
    await expect(page.locator("[aria-live]").first).to_have_text("New notification: Order 2")
    await toast.get_by_role("button", name="Order 2").click()
    await expect(sheet(page)).to_be_visible()
    await expect(page.locator("article:focus .title")).to_have_text("Order 2")
    await expect(toast).to_have_count(0)


async def test_what_comes_together_is_one_toast_that_goes_by_itself_unless_it_is_held(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_bell(page, server)
    await session.send(*[notification(item(n), n) for n in (1, 2, 3)])
    toast = page.locator(".toast")
    await expect(toast.locator(".toast-title")).to_have_text(["3 new notifications"])
    await expect(toast.locator(".toast-text")).to_have_text(["Order 3"])
    await toast.hover()
    await hold_time(page)
    await page.clock.run_for(60_000)
    await expect(toast).to_have_count(1)
    await page.mouse.move(5, 400)
    await page.clock.run_for(7_000)
    await expect(toast).to_have_count(0)


async def test_there_is_no_toast_while_the_inbox_is_open_or_where_none_is_wanted(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_bell(page, server)
    await bell(page).click()
    await session.send(notification(item(1), 1))
    said = page.locator("[aria-live]")
    await expect(said.filter(has_text="New notification: Order 1")).to_have_count(1)
    assert await page.locator(".toast").count() == 0
    await page.keyboard.press("Escape")
    await page.evaluate("document.querySelector('clarion-bell').setAttribute('toast', 'off')")
    await session.send(notification(item(2), 2))
    await expect(said.filter(has_text="New notification: Order 2")).to_have_count(1)
    assert await page.locator(".toast").count() == 0


async def test_a_bell_and_an_inbox_of_one_feed_announce_once(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_bell(page, server)
    await page.evaluate(SHOW)
    await bell(page).click()
    await session.send(notification(item(1), 1))
    said = page.locator("[aria-live]", has_text="New notification: Order 1")
    await expect(said).to_have_count(1)
    await expect(page.locator("article")).to_have_count(2)
    assert await said.count() == 1


ALONE = """async (words) => {
  await import("/web/inbox/bell.js");
  const bell = document.createElement("clarion-bell");
  bell.setAttribute("url", "/v1/live");
  bell.setAttribute("words", JSON.stringify(words));
  bell.setAttribute("lang", "de");
  bell.token = async () => "from-the-page";
  document.querySelector("main").append(bell);
}"""

GERMAN = {
    "heading": "Mitteilungen",
    "bell": {"one": "{heading}, {count} neue", "other": "{heading}, {count} neue"},
    "views": {"unread": "Ungelesen"},
    "nonsense": 7,
}


async def test_it_makes_its_own_client_from_attributes_and_speaks_another_language(
    page: Page, server: ScriptedServer
) -> None:
    await page.goto(server.url)
    await page.evaluate(ALONE, GERMAN)
    session = await server.session()
    auth, _hello = await session.opened()
    assert auth == {"type": "auth", "token": "from-the-page"}
    await session.send(*replay(item(1, created_at="2026-01-01T00:00:00Z"), unread=1234))
    await page.get_by_role("button", name="Mitteilungen, 1.234 neue").click()
    await expect(page.get_by_role("tab", name="Ungelesen")).to_be_visible()
    await expect(page.get_by_role("tab", name="Archived")).to_be_visible()
    await expect(page.locator("article time")).to_have_text("01.01.2026")
    await page.evaluate("document.querySelector('clarion-bell').remove()")
    await session.ended()
