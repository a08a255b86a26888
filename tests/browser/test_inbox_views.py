"""The views of `<clarion-inbox>`: filters, older items page by page, and what goes wrong there."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import (
    Lists,
    answer,
    changed,
    many,
    name_categories,
    receive,
    row,
    scroll_to_end,
    show,
    show_newest,
)
from tests.browser.scripted import (
    ScriptedServer,
    item,
    notification,
    replay,
)

PUT_AWAY = "2026-01-02T00:00:00Z"


async def titles(page: Page) -> list[str]:
    return await page.locator("article .title").all_inner_texts()


async def test_hundreds_are_reached_by_scrolling_each_once_while_new_ones_arrive(
    page: Page, server: ScriptedServer
) -> None:
    items = many(340)
    lists = Lists(items)
    await lists.serve(page)
    session = await show_newest(page, server, *items)
    await expect(page.locator("article")).to_have_count(50)
    arrived = 0
    while await page.locator("article").count() < 340 + arrived:
        before = await page.locator("article").count()
        arrived += 1
        new = item(340 + arrived, created_at=f"2026-01-02T00:{arrived:02}:00Z")
        lists.items.append(new)
        await session.send(notification(new, 340 + arrived))
        await scroll_to_end(page)
        await expect(page.locator("article").nth(before + 1)).to_be_attached()
    await expect(page.locator(".older")).to_be_hidden()
    assert await titles(page) == [f"Order {n}" for n in range(340 + arrived, 0, -1)]
    assert len(lists.asked) == 6


async def test_older_ones_come_by_the_keyboard_too(page: Page, server: ScriptedServer) -> None:
    items = many(120)
    await Lists(items).serve(page)
    await page.add_init_script(
        "window.IntersectionObserver = class { observe() {} unobserve() {} }"
    )
    await show_newest(page, server, *items)
    await page.locator("article").first.focus()
    await page.keyboard.press("End")
    await expect(page.locator("article:focus .title")).to_have_text("Order 71")
    older = page.get_by_role("button", name="Show older")
    await older.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("article")).to_have_count(100)
    await older.press("Enter")
    await expect(page.locator("article")).to_have_count(120)
    await expect(older).to_be_hidden()


async def test_filters_show_what_they_say_and_follow_what_happens(
    page: Page, server: ScriptedServer
) -> None:
    put_away = item(1, archived_at=PUT_AWAY)
    asleep = item(2, snoozed_until="2030-01-01T00:00:00Z")
    old = item(3, read_at=PUT_AWAY)
    lists = Lists([put_away, asleep, old, item(4)])
    await lists.serve(page)
    session = await show(page, server, old, item(4))
    await page.get_by_role("tab", name="Unread").click()
    await expect(page.locator("article .title")).to_have_text(["Order 4"])
    await session.send(notification(item(5), 2))
    await expect(page.locator("article .title")).to_have_text(["Order 5", "Order 4"])
    await session.send(changed(6, 1, item(5, 6, read_at=PUT_AWAY)))
    await expect(page.locator("article .title")).to_have_text(["Order 4"])
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.locator("article .title")).to_have_text(["Order 1"])
    await session.send(changed(7, 0, item(4, 7, archived_at=PUT_AWAY)))
    await expect(page.locator("article .title")).to_have_text(["Order 4", "Order 1"])
    await page.get_by_role("tab", name="Snoozed").click()
    await expect(page.locator("article .title")).to_have_text(["Order 2"])
    await page.get_by_role("tab", name="All", exact=True).click()
    await expect(page.locator("article .title")).to_have_text(["Order 5", "Order 3"])
    # The feed held fewer than a snapshot, so it holds all: only the put away were asked for
    assert [query["state"] for query in lists.asked] == ["archived", "snoozed"]


async def test_an_empty_view_says_what_is_empty(page: Page, server: ScriptedServer) -> None:
    await Lists([]).serve(page)
    await show(page, server)
    for tab, title in (
        ("All", "No notifications"),
        ("Unread", "No unread notifications"),
        ("Snoozed", "Nothing is snoozed"),
        ("Archived", "Nothing is archived"),
    ):
        await page.get_by_role("tab", name=tab, exact=True).click()
        await expect(page.locator(".panel-title")).to_have_text(title)


async def test_a_category_is_chosen_from_those_that_came(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, item(1, category="billing"), item(2))
    await name_categories(page)
    choice = page.get_by_role("combobox", name="Category")
    await session.send(notification(item(3, category="team"), 3))
    await expect(choice.locator("option")).to_have_text(["All categories", "Invoices", "Your team"])
    await choice.select_option("team")
    await expect(page.locator("article .title")).to_have_text(["Order 3"])
    await page.get_by_role("tab", name="Unread").click()
    await expect(page.locator("article .title")).to_have_text(["Order 3"])
    await choice.select_option("")
    await expect(page.locator("article")).to_have_count(3)


async def test_mark_all_of_a_category_leaves_the_others_unread(
    page: Page, server: ScriptedServer
) -> None:
    items = [item(1, category="team"), item(2, category="billing"), item(3, category="team")]
    await Lists(items).serve(page)
    session = await show(page, server, *items)
    await name_categories(page)
    await page.get_by_role("combobox", name="Category").select_option("team")
    await page.get_by_role("button", name="Mark all as read").click()
    command = await answer(session, "read", 4, 1, read_at=PUT_AWAY)
    assert sorted(command["ids"]) == ["item-001", "item-003"]


async def test_mark_all_of_a_category_is_one_command_where_items_tell_when_they_entered(
    page: Page, server: ScriptedServer
) -> None:
    categories = ("team", "billing", "team")
    items = [item(n, entered=n, category=one) for n, one in enumerate(categories, 1)]
    session = await show(page, server, *items)
    await name_categories(page)
    await page.get_by_role("combobox", name="Category").select_option("team")
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.locator("article[data-unread]")).to_have_count(0)
    await expect(page.locator(".badge > [aria-hidden]")).to_have_text("1")
    command = await receive(session, "read")
    assert (command["up_to"], command["category"], command.get("ids")) == (3, "team", None)


async def test_mark_all_as_read_shows_at_once(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, *many(3))
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.locator(".badge > [aria-hidden]")).to_have_text("0")
    assert await page.locator("article[data-unread]").count() == 0
    assert (await receive(session, "read"))["up_to"] == 3
    await expect(page.get_by_role("button", name="Mark all as read")).to_be_disabled()


async def test_the_view_can_be_set_by_attribute_and_tells_when_it_changes(
    page: Page, server: ScriptedServer
) -> None:
    await Lists([item(1, archived_at=PUT_AWAY)]).serve(page)
    await show(page, server, item(2))
    await page.evaluate(
        """() => {
          window.views = [];
          const inbox = document.querySelector("clarion-inbox");
          inbox.addEventListener("clarion-view", (event) => views.push(event.detail));
          inbox.setAttribute("view", "archived");
        }"""
    )
    await expect(page.locator("article .title")).to_have_text(["Order 1"])
    await page.get_by_role("tab", name="Unread").click()
    await expect(page.locator("article .title")).to_have_text(["Order 2"])
    assert await page.evaluate("views") == [{"state": "unread", "category": ""}]


async def test_new_ones_above_what_is_read_are_offered_and_do_not_move_it(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, *many(40))
    await page.locator(".scroll").evaluate("(scroll) => scroll.scrollTo(0, 400)")
    before = await row(page, "Order 30").bounding_box()
    await session.send(notification(item(41, created_at="2026-01-01T02:00:00Z"), 41))
    above = page.get_by_role("button", name="1 new notification")
    await expect(above).to_be_visible()
    after = await row(page, "Order 30").bounding_box()
    assert before is not None
    assert after is not None
    assert after["y"] == pytest.approx(before["y"], abs=1)
    await above.click()
    await expect(above).to_be_hidden()
    await expect(page.locator("article:focus .title")).to_have_text("Order 41")


async def test_a_new_history_of_the_server_replaces_what_was_fetched(
    page: Page, server: ScriptedServer
) -> None:
    items = many(60)
    lists = Lists(items)
    await lists.serve(page)
    session = await show_newest(page, server, *items)
    await scroll_to_end(page)
    await expect(page.locator("article")).to_have_count(60)
    lists.items = many(2)
    await session.close(1012)
    session = await server.session()
    await session.opened()
    await session.send(*replay(*lists.items, reset=True))
    await expect(page.locator("article .title")).to_have_text(["Order 2", "Order 1"])
