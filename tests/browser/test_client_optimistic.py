"""What a command will do shows at once; the server's answer stands, its refusal takes it back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.scripted import ScriptedServer, item, notification, start_live, until

pytestmark = pytest.mark.both_browsers

SHOWN = "clarion.items.map((one) => [one.id, !!one.read_at, !!one.seen_at, !!one.archived_at])"
AT = "2026-01-02T00:00:00Z"


async def shown(page: Page) -> Any:
    return await page.evaluate(f"[{SHOWN}, clarion.unreadCount]")


def state(number: int, version: int, **changed: Any) -> dict[str, Any]:
    """An item's state as a `changed` frame tells it."""
    unset = dict.fromkeys(("seen_at", "read_at", "archived_at", "snoozed_until"))
    return {"id": f"item-{number:03}", "version": version, **unset, **changed}


async def test_a_command_shows_before_the_server_has_heard_it(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1), item(2))
    await page.evaluate("void clarion.read('item-001'), void clarion.archive(['item-002'])")
    hoped = [["item-002", False, False, True], ["item-001", True, True, False]]
    assert await shown(page) == [hoped, 0]
    read = await session.receive()
    states = [state(1, 3, read_at=AT, seen_at=AT)]
    await session.send({"type": "changed", "version": 3, "unread": 1, "items": states})
    await session.send({"type": "ok", "ref": read["ref"]})
    await until(page, f"clarion.items[1].read_at === '{AT}'")
    assert await shown(page) == [hoped, 0]


async def test_an_item_that_no_command_concerns_stays_the_same_object(
    page: Page, server: ScriptedServer
) -> None:
    await start_live(page, server, item(1), item(2))
    await page.evaluate("window.before = clarion.items, void clarion.read('item-001')")
    same = "clarion.items.map((one, place) => one === before[place])"
    assert await page.evaluate(same) == [True, False]


async def test_a_refusal_takes_it_back(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate(
        "void clarion.archive('item-001').catch((error) => (window.code = error.code))"
    )
    ref = (await session.receive())["ref"]
    assert await shown(page) == [[["item-001", False, False, True]], 0]
    error = {"type": "error", "code": "unavailable", "detail": "Away.", "ref": ref}
    await session.send(error)
    await until(page, "window.code === 'unavailable'")
    assert await shown(page) == [[["item-001", False, False, False]], 1]


async def test_leaving_takes_back_what_was_not_answered(page: Page, server: ScriptedServer) -> None:
    await start_live(page, server, item(1))
    await page.evaluate("clarion.read('item-001').catch(() => {}), clarion.disconnect()")
    assert await shown(page) == [[["item-001", False, False, False]], 1]


async def test_all_read_leaves_nothing_unread_wherever_it_is(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.send(notification(item(2), 70))
    await until(page, "clarion.unreadCount === 70")
    await page.evaluate("void clarion.readAll()")
    assert await shown(page) == [
        [["item-002", True, True, False], ["item-001", True, True, False]],
        0,
    ]
    await session.send(notification(item(3), 71))
    await until(page, "clarion.items.length === 3")
    assert (await shown(page))[0][0] == ["item-003", False, False, False]


async def test_unread_counts_again(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1, read_at=AT, seen_at=AT))
    await session.send(notification(item(2), 1))
    await until(page, "clarion.unreadCount === 1")
    await page.evaluate("void clarion.unread('item-001')")
    assert (await shown(page))[1] == 2


@pytest.mark.parametrize("until_when", ["'2030-05-01T10:00:00+02:00'", "new Date(1903852800000)"])
async def test_snoozing_takes_a_date_or_its_text(
    page: Page, server: ScriptedServer, until_when: str
) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate(f"void clarion.snooze('item-001', {until_when})")
    frame = await session.receive()
    at = "2030-05-01T08:00:00.000Z"
    assert (frame["type"], frame["ids"], frame["until"]) == ("snooze", ["item-001"], at)
    assert await page.evaluate("clarion.items[0].snoozed_until") == at
