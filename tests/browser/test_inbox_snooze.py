"""Snoozing in `<clarion-inbox>`: the menu, its times, and the way back."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import Lists, answer, receive, row, show
from tests.browser.scripted import ScriptedServer, item, notification

pytestmark = pytest.mark.both_browsers

TUESDAY_NOON = "2026-03-10T12:00:00"


async def open_menu(page: Page, title: str) -> None:
    await row(page, title).hover()
    await row(page, title).get_by_role("button", name="Snooze").click()


@pytest.mark.parametrize(
    ("now", "offered"),
    [
        (
            TUESDAY_NOON,
            {
                "In an hour": "2026-03-10T13:00",
                "This evening": "2026-03-10T18:00",
                "Tomorrow morning": "2026-03-11T09:00",
                "Next week": "2026-03-16T09:00",
            },
        ),
        (
            "2026-03-08T17:30:00",  # a Sunday: tomorrow is Monday already
            {
                "In an hour": "2026-03-08T18:30",
                "Tomorrow morning": "2026-03-09T09:00",
                "Next week": "2026-03-16T09:00",
            },
        ),
    ],
)
async def test_the_times_offered_are_those_of_the_readers_clock(
    page: Page, server: ScriptedServer, now: str, offered: dict[str, str]
) -> None:
    await page.clock.set_fixed_time(now)
    session = await show(page, server, *[item(n) for n in range(1, len(offered) + 1)])
    await open_menu(page, "Order 1")
    labels = await page.get_by_role("menuitem").locator("span:first-child").all_inner_texts()
    assert labels == list(offered)
    await page.keyboard.press("Escape")
    for number, (label, time) in enumerate(offered.items(), 1):
        await open_menu(page, f"Order {number}")
        await page.get_by_role("menuitem", name=label).click()
        command = await receive(session, "snooze")
        assert command["ids"] == [f"item-00{number}"]
        there = await page.evaluate(
            """(until) => { const t = new Date(until); const two = (n) => `${n}`.padStart(2, "0");
            return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}T` +
              `${two(t.getHours())}:${two(t.getMinutes())}`; }""",
            command["until"],
        )
        assert there == time


async def test_a_snoozed_item_goes_waits_in_its_view_and_comes_back_new(
    page: Page, server: ScriptedServer
) -> None:
    await page.clock.set_fixed_time(TUESDAY_NOON)
    await Lists([]).serve(page)
    session = await show(page, server, item(1), item(2))
    await answer(session, "seen", 3, 2, seen_at="2026-03-10T12:00:00Z")
    await open_menu(page, "Order 1")
    await page.get_by_role("menuitem", name="In an hour").click()
    await expect(page.locator("article .title")).to_have_text(["Order 2"])
    await expect(page.locator(".badge > [aria-hidden]")).to_have_text("1")
    await answer(session, "snooze", 4, 1, snoozed_until="2026-03-10T13:00:00Z")
    await page.get_by_role("tab", name="Snoozed").click()
    await expect(page.locator("article .title")).to_have_text(["Order 1"])
    await expect(page.locator("article .snoozed")).to_contain_text("Snoozed until Tue")
    await session.send(notification(item(1, 5), 2))
    await expect(page.locator(".panel-title")).to_have_text("Nothing is snoozed")
    await expect(page.locator("[aria-live]")).to_have_text("New notification: Order 1")
    await page.get_by_role("tab", name="All", exact=True).click()
    await expect(page.locator("article .title")).to_have_text(["Order 2", "Order 1"])


async def test_a_snoozed_item_can_be_brought_back_at_once(
    page: Page, server: ScriptedServer
) -> None:
    asleep = item(1, snoozed_until="2030-01-01T00:00:00Z")
    await Lists([asleep]).serve(page)
    session = await show(page, server)
    await page.get_by_role("tab", name="Snoozed").click()
    await open_menu(page, "Order 1")
    await page.get_by_role("menuitem", name="Bring back now").click()
    assert (await receive(session, "snooze"))["until"] is None
    await expect(page.locator("article")).to_have_count(0)


async def test_the_menu_is_used_by_the_keyboard_and_gives_the_focus_back(
    page: Page, server: ScriptedServer
) -> None:
    await page.clock.set_fixed_time(TUESDAY_NOON)
    session = await show(page, server, item(1), item(2))
    await page.locator("article").first.focus()
    await page.keyboard.press("s")
    focused = page.locator("[role=menuitem]:focus span:first-child")
    await expect(focused).to_have_text("In an hour")
    for key, label in (
        ("ArrowDown", "This evening"),
        ("End", "Next week"),
        ("ArrowDown", "In an hour"),
        ("ArrowUp", "Next week"),
        ("Home", "In an hour"),
    ):
        await page.keyboard.press(key)
        await expect(focused).to_have_text(label)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(page.locator("[data-act=snooze]:focus")).to_have_count(1)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    assert (await receive(session, "snooze"))["ids"] == ["item-002"]
    await expect(page.locator("article:focus .title")).to_have_text("Order 1")
