"""`<clarion-inbox>` in a real browser: what it shows, says and asks the server for."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import SHOW, changed, receive, show
from tests.browser.scripted import (
    ScriptedServer,
    item,
    notification,
    start_live,
    until,
    welcome,
)

pytestmark = pytest.mark.both_browsers


async def test_items_stand_under_their_days(page: Page, server: ScriptedServer) -> None:
    await page.clock.set_fixed_time("2026-03-10T12:00:00Z")
    days = ("2026-03-10T11:58:30Z", "2026-03-10T09:00:00Z", "2026-03-09T12:00:00Z")
    shown = [item(4 - n, created_at=day) for n, day in enumerate(days)]
    shown.append(item(1, created_at="2025-12-24T12:00:00Z"))
    await show(page, server, *reversed(shown))
    assert await page.locator(".day").all_inner_texts() == [
        "Today",
        "Yesterday",
        "Wednesday, December 24, 2025",
    ]
    times = await page.locator("article time").all_inner_texts()
    assert times == ["1 min. ago", "3 hr. ago", "yesterday", "Dec 24, 2025"]


async def test_the_focus_stays_while_items_come_and_go(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, item(1), item(2), item(3))
    await page.locator("article").first.focus()
    await page.keyboard.press("ArrowDown")
    focused = page.locator("article:focus .title")
    await expect(focused).to_have_text("Order 2")
    await session.send(notification(item(4), 4))
    await expect(page.locator("article")).to_have_count(4)
    await expect(focused).to_have_text("Order 2")
    archived = item(2, 5, archived_at="2026-01-02T00:00:00Z")
    await session.send(changed(5, 3, archived))
    await expect(page.locator("article")).to_have_count(3)
    await expect(focused).to_have_text("Order 1")
    assert await page.locator("article[tabindex='0']").count() == 1


async def test_what_is_asked_for_shows_at_once_and_a_refusal_takes_it_back(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, item(1))
    await page.get_by_role("button", name="Archive").click()
    await expect(page.locator("article")).to_have_count(0)
    command = await receive(session, "archive")
    assert command["ids"] == ["item-001"]
    detail = "The database is away."
    refusal = {"type": "error", "code": "unavailable", "detail": detail, "ref": command["ref"]}
    await session.send(refusal)
    await expect(page.locator("article")).to_have_count(1)
    await expect(page.locator(".notice-text")).to_have_text(f"That did not work. {detail}")
    await expect(page.locator("[aria-live]")).to_have_text(f"That did not work. {detail}")


async def test_items_that_come_together_are_announced_together(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, item(1))
    await session.send(*[notification(item(n), n) for n in (2, 3, 4)])
    await expect(page.locator("[aria-live]")).to_have_text(
        "3 new notifications, the latest: Order 4"
    )


async def test_what_was_in_view_is_told_as_seen_and_what_was_not_is_not(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, *[item(n) for n in range(1, 31)])
    seen = await receive(session, "seen")
    assert "item-030" in seen["ids"]
    assert "item-001" not in seen["ids"]


async def test_a_page_can_open_items_its_own_way(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, item(1, url="/orders/1"))
    await page.evaluate(
        """addEventListener("clarion-open", (event) => {
          event.preventDefault();
          window.opened = event.detail.url;
        })"""
    )
    await page.locator("article").focus()
    await page.keyboard.press("Enter")
    assert (await receive(session, "read"))["ids"] == ["item-001"]
    assert await page.evaluate("[opened, location.pathname]") == ["/orders/1", "/"]


async def test_loading_and_empty_and_away_are_told_apart(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server)
    await page.evaluate(SHOW)
    await expect(page.get_by_text("No notifications")).to_be_visible()
    await session.close(4403, "origin_not_allowed")
    await expect(page.locator(".status")).to_have_text("Refused")
    await expect(page.locator(".panel-text")).to_have_text("This page may not open this feed.")
    await page.get_by_role("button", name="Try again").click()
    session = await server.session()
    await session.opened()
    await session.send(welcome(0, 0))
    await expect(page.locator(".status")).to_have_text("Connecting")


async def test_words_and_direction_are_the_pages(page: Page, server: ScriptedServer) -> None:
    await show(page, server, item(1))
    await page.evaluate(
        """() => {
          document.documentElement.lang = "ar";
          document.documentElement.dir = "rtl";
          document.querySelector("clarion-inbox").words = { allRead: "قراءة الكل" };
        }"""
    )
    await expect(page.get_by_role("button", name="قراءة الكل")).to_be_visible()
    mark = await page.locator("article .mark").bounding_box()
    text = await page.locator("article .title").bounding_box()
    assert mark is not None
    assert text is not None
    assert mark["x"] > text["x"]


async def test_an_inbox_that_is_taken_away_lets_go_of_the_client(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, item(1))
    await page.evaluate("window.taken = document.querySelector('clarion-inbox'); taken.remove()")
    await session.send(notification(item(2), 2))
    await until(page, "clarion.version === 2")
    assert await page.evaluate("taken.shadowRoot.querySelectorAll('article').length") == 1
    await page.evaluate("document.querySelector('main').append(taken)")
    await expect(page.locator("article")).to_have_count(2)
