"""Commands up to a version, one entry in the feed for all that entered by then; and which items a
page holds and announces, whether it listened or resumed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import many, show, show_newest
from tests.browser.scripted import (
    ScriptedServer,
    Session,
    item,
    notification,
    replay,
    start_live,
    start_tab,
    until,
    welcome,
)
from tests.browser.test_client_list import serve_list

pytestmark = pytest.mark.both_browsers

AT = "2026-01-02T00:00:00Z"
EARLIER = "2026-01-01T12:00:00Z"
LATER = "2030-01-01T00:00:00Z"


def entered(number: int, version: int | None = None, **changed: Any) -> dict[str, Any]:
    """The item of event `number`, which entered with version `number` unless said otherwise."""
    return item(number, version, **{"entered": number, **changed})


def command(verb: str, version: int, up_to: int, unread: int, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "changed", "version": version, "unread": unread, "items": []}
    return {**said, "verb": verb, "up_to": up_to, "at": AT, **more}


async def lose(session: Session, server: ScriptedServer) -> Session:
    """The page's next session, after this one broke."""
    await session.close(1011)
    again = await server.session()
    await again.opened()
    return again


async def held(page: Page) -> list[dict[str, Any]]:
    return await page.evaluate("clarion.items")


async def test_a_command_sets_what_is_unset_of_all_that_entered_by_then(
    page: Page, server: ScriptedServer
) -> None:
    held_before = [entered(1, 4, seen_at=EARLIER), entered(2), entered(3, read_at=EARLIER)]
    session = await start_live(page, server, *held_before)
    await session.send(notification(entered(5), 3), command("read", 6, 4, 1))
    await until(page, "clarion.version === 6")
    assert await held(page) == [
        entered(5),
        entered(3, seen_at=AT, read_at=EARLIER),
        entered(2, seen_at=AT, read_at=AT),
        entered(1, 4, seen_at=EARLIER, read_at=AT),
    ]
    assert await page.evaluate("clarion.unreadCount") == 1
    await session.send(command("seen", 7, 6, 1), command("drop", 8, 6, 1))
    await until(page, "clarion.version === 8")
    assert (await held(page))[0] == entered(5, seen_at=AT)


async def test_a_command_may_be_of_one_category_and_archive_ends_a_snooze(
    page: Page, server: ScriptedServer
) -> None:
    orders = entered(1, category="orders", snoozed_until=LATER)
    session = await start_live(page, server, orders, entered(2, category="chat"), entered(3))
    await session.send(command("archive", 4, 3, 2, category="orders"))
    await until(page, "clarion.version === 4")
    archived = entered(1, category="orders", archived_at=AT)
    assert await held(page) == [entered(3), entered(2, category="chat"), archived]


async def test_a_replay_has_commands_among_items_and_those_do_not_undo_what_came_later(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, entered(1), entered(2))
    session = await lose(session, server)
    await session.send(
        welcome(6, 1),
        notification(entered(3), 1),
        command("read", 5, 3, 1),
        notification(entered(2, 6, seen_at=AT), 1),
        {"type": "caught_up", "version": 6},
    )
    await until(page, "clarion.version === 6")
    read: dict[str, Any] = {"seen_at": AT, "read_at": AT}
    assert await held(page) == [entered(3, **read), entered(2, 6, seen_at=AT), entered(1, **read)]
    # The same once more, by a server that goes on before it
    await session.send(welcome(6, 1), command("read", 5, 3, 1), {"type": "caught_up", "version": 6})
    await session.send(notification(entered(7), 2))
    await until(page, "clarion.version === 7")
    assert (await held(page))[2] == entered(2, 6, seen_at=AT)


async def test_a_list_that_was_read_before_a_command_gets_it(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, entered(9))
    states = [{key: value for key, value in entered(2, 10, seen_at=AT).items() if key != "title"}]
    changed = {"type": "changed", "version": 10, "unread": 3, "items": states}
    await session.send(changed, command("read", 11, 9, 0), notification(entered(12), 1))
    await until(page, "clarion.version === 12")
    late = {"items": [entered(2), entered(1)], "version": 9, "next_cursor": None}
    newer = {"items": [entered(3, 11, seen_at=AT)], "version": 11, "next_cursor": None}
    older = {"items": [entered(4)], "version": 8, "next_cursor": None}
    asked = await serve_list(page, late, newer, older, late)
    expected = [entered(2, 10, seen_at=AT, read_at=AT), entered(1, seen_at=AT, read_at=AT)]
    listed = await page.evaluate("clarion.list()")
    assert listed["items"] == expected
    assert await page.evaluate("['item-002', 'item-001'].map((id) => clarion.item(id))") == expected
    assert (await page.evaluate("clarion.list()"))["items"] == newer["items"]
    # From before all that the page knows of: it is asked for again
    assert (await page.evaluate("clarion.list()"))["items"] == expected
    assert len(asked) == 4


async def test_a_category_is_marked_read_at_once_by_what_entered(
    page: Page, server: ScriptedServer
) -> None:
    orders = [entered(1, 4, category="orders", seen_at=AT), entered(2, category="orders")]
    session = await start_live(page, server, *orders, entered(3, category="chat"))
    await page.evaluate("void clarion.read({ upTo: 3, category: 'orders' })")
    frame = await session.receive()
    assert (frame["type"], frame["up_to"], frame["category"]) == ("read", 3, "orders")
    shown = "[clarion.unreadCount, clarion.items.map((one) => !!one.read_at)]"
    assert await page.evaluate(shown) == [1, [False, True, True]]
    told = command("read", 5, 3, 1, category="orders")
    await session.send(told, {"type": "ok", "ref": frame["ref"]})
    await until(page, f"clarion.items[2].read_at === '{AT}'")
    assert await page.evaluate(shown) == [1, [False, True, True]]


async def test_only_what_enters_is_new(page: Page, server: ScriptedServer) -> None:
    away = entered(2, snoozed_until=LATER)
    session = await start_live(page, server, entered(1, archived_at=AT), away)
    back = notification(entered(1, 3), 1)
    woken = notification(item(2, 4, entered=4), 2)
    await session.send(back, woken)
    await until(page, "clarion.version === 4")
    assert await page.evaluate("arrived") == ["item-002"]
    session = await lose(session, server)
    seen = entered(5, 7, seen_at=AT)
    await session.send(*replay(entered(1, 6, read_at=AT), seen, item(2, 8, entered=8)))
    await until(page, "clarion.version === 8")
    assert await page.evaluate("arrived") == ["item-002", "item-005", "item-002"]


async def test_what_is_taken_out_of_the_archive_elsewhere_is_not_announced(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, entered(1, 2))
    await session.send(notification(entered(2, 3), 2), notification(entered(4), 3))
    spoken = page.locator("p.spoken")
    await expect(spoken).to_contain_text("Order 4")
    await expect(spoken).not_to_contain_text("2")


async def test_tabs_that_follow_get_commands_for_items_of_lists_too(
    page: Page, server: ScriptedServer
) -> None:
    await start_tab(page, server)
    session = await server.session()
    await session.opened()
    await session.send(*replay(entered(9)))
    tab = await page.context.new_page()
    await start_tab(tab, server)
    await until(tab, "clarion.state.state === 'live'")
    await serve_list(tab, {"items": [entered(1), entered(2)], "version": 9, "next_cursor": None})
    await tab.evaluate("clarion.list()")
    await session.send(command("read", 10, 1, 2))
    read: dict[str, Any] = {"seen_at": AT, "read_at": AT}
    await until(tab, "clarion.version === 10")
    assert await tab.evaluate("clarion.item('item-001')") == entered(1, **read)
    session = await lose(session, server)
    done = {"type": "caught_up", "version": 11}
    await session.send(welcome(11, 0), command("read", 11, 9, 0), done)
    await until(tab, "clarion.version === 11")
    assert await tab.evaluate("clarion.item('item-002')") == entered(2, **read)
    assert await tab.evaluate("clarion.items") == [entered(9, **read)]


async def test_what_is_older_than_the_snapshot_is_held_by_no_page_and_what_returns_by_each(
    page: Page, server: ScriptedServer
) -> None:
    items = [{**one, "entered": one["version"]} for one in many(60)]
    snapshot = [one for one in items[8:] if one["id"] not in ("item-030", "item-040")]
    session = await show_newest(page, server, *snapshot)
    held_before = [one["id"] for one in snapshot]
    returned = {**items[29], "version": 61}
    await session.send(notification(returned, 59), notification({**items[2], "version": 62}, 60))
    await until(page, "clarion.version === 62")
    ids = "clarion.items.map((one) => one.id).sort()"
    assert await page.evaluate(ids) == sorted([*held_before, "item-030"])
    session = await lose(session, server)
    missed = [
        {**items[3], "version": 63, "read_at": AT},
        {**items[39], "version": 64, "archived_at": AT},
        {**returned, "version": 65, "archived_at": AT},
        {**items[19], "version": 66, "archived_at": AT},
    ]
    await session.send(*replay(*missed))
    await until(page, "clarion.version === 66")
    assert await page.evaluate(ids) == held_before
