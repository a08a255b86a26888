"""Keys that are held, the way out of the archive, and the way back for some seconds."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import Lists, answer, receive, row, show, show_bell
from tests.browser.scripted import (
    ScriptedServer,
    Session,
    hold_time,
    item,
    notification,
    start_live,
    until,
)

AT = "2026-03-10T12:00:00Z"
LATER = "2030-01-01T00:00:00Z"
NOON = "2026-03-10T12:00:00"


async def hold(page: Page, key: str, times: int = 8) -> None:
    """Press a key and keep it down, as long as it takes to be repeated."""
    for _ in range(times):
        await page.keyboard.down(key)
    await page.keyboard.up(key)


async def sent_before(session: Session, page: Page, number: int) -> list[str]:
    """The types of the commands that came before this mark, which the page sends now."""
    await page.evaluate("(n) => void clarion.publish('mark', n).catch(() => {})", number)
    kinds: list[str] = []
    while (frame := await session.receive())["type"] != "publish":
        kinds.append(frame["type"])
    return [kind for kind in kinds if kind != "seen"]


@pytest.mark.parametrize(("key", "command"), [("e", "archive"), ("u", "read"), ("Enter", "read")])
async def test_a_key_that_is_held_does_it_once(
    page: Page, server: ScriptedServer, key: str, command: str
) -> None:
    session = await show(page, server, *[item(n) for n in range(1, 16)])
    await page.evaluate("window.opened = 0, addEventListener('clarion-open', () => ++opened)")
    await page.locator("article").first.focus()
    await hold(page, key)
    assert await sent_before(session, page, 1) == [command]
    assert await page.evaluate("opened") == (1 if key == "Enter" else 0)


@pytest.mark.parametrize("button", ["Archive", "Mark as read"])
async def test_enter_held_on_a_button_presses_it_once(
    page: Page, server: ScriptedServer, button: str
) -> None:
    session = await show(page, server, *[item(n, url="/?x=1") for n in range(1, 6)])
    await page.locator("article").first.get_by_role("button", name=button).focus()
    await hold(page, "Enter")
    command = "archive" if button == "Archive" else "read"
    assert await sent_before(session, page, 1) == [command]
    assert page.url.rstrip("/") == server.url


async def test_a_key_held_on_the_menu_snoozes_once_and_arrows_held_go_on(
    page: Page, server: ScriptedServer
) -> None:
    await page.clock.set_fixed_time(NOON)
    session = await show(page, server, *[item(n) for n in range(1, 6)])
    await page.locator("article").first.focus()
    await hold(page, "s")
    await expect(page.locator("[role=menuitem]:focus")).to_have_count(1)
    await hold(page, "Enter")
    assert await sent_before(session, page, 1) == ["snooze"]
    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(page.locator("article:focus .title")).to_have_text("Order 4")
    await hold(page, "ArrowDown", 3)
    await expect(page.locator("article:focus .title")).to_have_text("Order 1")


async def test_what_was_archived_is_taken_back_by_the_button(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, item(1), item(2), item(3))
    await row(page, "Order 2").hover()
    await row(page, "Order 2").get_by_role("button", name="Archive").click()
    await answer(session, "archive", 4, 2, archived_at=AT)
    note = page.locator(".toast")
    await expect(note).to_contain_text("Archived")
    await expect(page.locator("[aria-live]")).to_have_text("Archived")
    await page.get_by_role("button", name="Undo").click()
    await expect(note).to_be_hidden()
    await expect(page.locator("article .title")).to_have_text(["Order 3", "Order 2", "Order 1"])
    await expect(page.locator("article:focus .title")).to_have_text("Order 2")
    command = await receive(session, "unarchive")
    assert command["ids"] == ["item-002"]
    await session.send(notification(item(2, 5), 3), {"type": "ok", "ref": command["ref"]})
    await until(page, "clarion.version === 5")
    await expect(page.locator(".badge > [aria-hidden]")).to_have_text("3")
    # It is back, not new
    assert await page.evaluate("arrived") == []


@pytest.mark.parametrize("key", ["z", "Control+z"])
async def test_a_key_takes_it_back_even_where_the_list_is_empty(
    page: Page, server: ScriptedServer, key: str
) -> None:
    await Lists([]).serve(page)
    session = await show(page, server, item(1))
    await page.locator("article").focus()
    await page.keyboard.press("e")
    await expect(page.locator("article")).to_have_count(0)
    await page.keyboard.press(key)
    await expect(page.locator("article:focus .title")).to_have_text("Order 1")
    await receive(session, "archive")
    assert (await receive(session, "unarchive"))["ids"] == ["item-001"]
    await page.keyboard.press(key)  # once
    assert await sent_before(session, page, 1) == []


async def test_a_snooze_is_taken_back_to_what_was_before(
    page: Page, server: ScriptedServer
) -> None:
    await page.clock.set_fixed_time(NOON)
    session = await show(page, server, item(1), item(2))
    await page.locator("article").first.focus()
    await page.keyboard.press("s")
    await page.keyboard.press("Enter")
    await answer(session, "snooze", 3, 1, snoozed_until="2026-03-10T13:00:00Z")
    await expect(page.locator(".toast")).to_contain_text("Snoozed until Tue")
    await page.get_by_role("button", name="Undo").click()
    command = await receive(session, "snooze")
    assert (command["ids"], command["until"]) == (["item-002"], None)
    await expect(page.locator("article .title")).to_have_text(["Order 2", "Order 1"])


async def test_archiving_what_was_snoozed_is_taken_back_to_the_snooze(
    page: Page, server: ScriptedServer
) -> None:
    await Lists([item(1, snoozed_until=LATER)]).serve(page)
    session = await show(page, server)
    await page.get_by_role("tab", name="Snoozed").click()
    await page.locator("article").focus()
    await page.keyboard.press("e")
    await answer(session, "archive", 1, 0, archived_at=AT)
    await page.get_by_role("button", name="Undo").click()
    assert (await receive(session, "unarchive"))["ids"] == ["item-001"]
    again = await receive(session, "snooze")
    assert (again["ids"], again["until"]) == (["item-001"], "2030-01-01T00:00:00.000Z")
    await expect(page.locator("article .title")).to_have_text(["Order 1"])


async def test_the_offer_ends_by_itself_but_not_under_the_pointer(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    await show(page, server, item(1), item(2))
    await page.locator("article").first.focus()
    await page.keyboard.press("e")
    await page.locator(".toast").hover()
    await page.clock.run_for(20_000)
    await expect(page.locator(".toast")).to_be_visible()
    await page.mouse.move(2, 2)
    await page.clock.run_for(5_000)
    await expect(page.locator(".toast")).to_be_visible()
    await page.clock.run_for(2_000)
    await expect(page.locator(".toast")).to_be_hidden()


async def test_a_refused_command_offers_no_way_back(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, item(1), item(2))
    await page.locator("article").first.focus()
    await page.keyboard.press("e")
    await expect(page.locator(".toast")).to_be_visible()
    ref = (await receive(session, "archive"))["ref"]
    await session.send({"type": "error", "code": "busy", "detail": "Later.", "ref": ref})
    await expect(page.locator(".notice-text")).to_have_text("That did not work. Later.")
    await expect(page.locator(".toast")).to_be_hidden()


async def test_the_offer_goes_with_the_person(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, item(1), item(2))
    await page.locator("article").first.focus()
    await page.keyboard.press("e")
    await receive(session, "archive")
    await page.evaluate("document.querySelector('clarion-inbox').client = null")
    await expect(page.locator(".toast")).to_be_hidden()
    await page.evaluate("document.querySelector('clarion-inbox').client = clarion")
    await expect(page.locator("article")).to_have_count(1)
    await page.locator("article").focus()
    await page.keyboard.press("z")
    assert await sent_before(session, page, 1) == []


@pytest.mark.parametrize("by_key", [False, True])
async def test_the_archive_has_a_way_out(page: Page, server: ScriptedServer, by_key: bool) -> None:
    await Lists([item(1, archived_at=AT), item(2, archived_at=AT)]).serve(page)
    session = await show(page, server)
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.locator("article")).to_have_count(2)
    await expect(page.get_by_role("button", name="Archive", exact=True)).to_have_count(0)
    if by_key:
        await page.locator("article").first.focus()
        await page.keyboard.press("e")
    else:
        await row(page, "Order 2").hover()
        await row(page, "Order 2").get_by_role("button", name="Move to inbox").click()
    await expect(page.locator("article .title")).to_have_text(["Order 1"])
    command = await receive(session, "unarchive")
    assert command["ids"] == ["item-002"]
    await session.send(notification(item(2, 1), 1), {"type": "ok", "ref": command["ref"]})
    await page.get_by_role("tab", name="All", exact=True).click()
    await expect(page.locator("article .title")).to_have_text(["Order 2"])


async def test_the_client_takes_out_of_the_archive_and_shows_it_at_once(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1), item(2, read_at=AT, archived_at=AT))
    held = "clarion.items.map((one) => [one.id, !!one.archived_at])"
    await page.evaluate("void clarion.archive(['item-001'])")
    await page.evaluate("void (window.done = clarion.unarchive({ upTo: 2 }).then(() => true))")
    assert await page.evaluate(held) == [["item-002", False], ["item-001", False]]
    archive = await receive(session, "archive")
    command = await receive(session, "unarchive")
    assert command["up_to"] == 2
    await session.send({"type": "ok", "ref": archive["ref"]})
    both = {"type": "changed", "version": 3, "unread": 1, "items": [item(1, 3), item(2, 3)]}
    await session.send(both, {"type": "ok", "ref": command["ref"]})
    async with asyncio.timeout(10):
        assert await page.evaluate("done")
    assert await page.evaluate("clarion.unreadCount") == 1


async def test_an_undo_works_in_the_bell(page: Page, server: ScriptedServer) -> None:
    session = await show_bell(page, server, item(1), item(2))
    await page.locator("clarion-bell .bell").click()
    await page.locator("article").first.focus()
    await page.keyboard.press("e")
    await page.get_by_role("button", name="Undo").click()
    assert (await receive(session, "unarchive"))["ids"] == ["item-002"]
    await expect(page.locator("clarion-bell .count")).to_have_text("2")
