"""The browser client keeps exactly the feed: replays, gaps, duplicates, what is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.scripted import (
    ScriptedServer,
    item,
    notification,
    replay,
    start_client,
    start_live,
    until,
    welcome,
)

pytestmark = pytest.mark.both_browsers


async def held(page: Page) -> Any:
    """What the client holds: ids from the newest, the cursor and the count."""
    return await page.evaluate(
        "[clarion.items.map((one) => one.id), clarion.version, clarion.unreadCount]"
    )


async def test_a_session_begins_with_the_token_and_asks_for_a_snapshot(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_client(page, server, tokens=["secret"])
    assert await session.opened() == ({"type": "auth", "token": "secret"}, {"type": "hello"})
    assert session.subprotocols == ["clarion.v1"]


async def test_a_snapshot_is_shown_whole_and_newest_first(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_client(page, server)
    await session.opened()
    *most, caught_up = replay(item(3), item(1, 7), item(2))
    await session.send(*most)
    await until(page, "clarion.unreadCount === 3")
    assert await held(page) == [[], None, 3]
    await session.send(caught_up)
    await until(page, "clarion.state.state === 'live'")
    assert await held(page) == [["item-003", "item-002", "item-001"], 7, 3]


async def test_half_a_snapshot_is_asked_for_again(page: Page, server: ScriptedServer) -> None:
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(item(1), item(2))[:-1])
    await session.close(1011)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello"}


async def test_a_replay_that_breaks_is_resumed_after_the_last_frame_handled(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.close(1011)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}
    await session.send(welcome(9, 3), notification(item(3), 3))
    await session.close(1011)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 3}
    await session.send(*replay(item(9), unread=3))
    await until(page, "clarion.version === 9")
    assert await held(page) == [["item-009", "item-003", "item-001"], 9, 3]
    assert await page.evaluate("arrived") == ["item-003", "item-009"]


async def test_a_gap_is_asked_about_and_filled_once(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1))
    await session.send(notification(item(4), 4))
    assert await session.receive() == {"type": "hello", "since": 1}
    await session.send(notification(item(5), 5))
    await session.send(*replay(item(2), item(3), item(4), item(5), unread=5))
    await session.send(notification(item(6), 6))
    await until(page, "clarion.version === 6")
    ids = [f"item-{n:03}" for n in range(6, 0, -1)]
    assert await held(page) == [ids, 6, 6]
    assert await page.evaluate("arrived") == ids[-2::-1]


async def test_frames_that_come_twice_change_nothing(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1))
    await session.send(
        notification(item(2), 2),
        notification(item(2), 9),
        notification(item(1), 9),
        notification(item(3), 3),
    )
    await until(page, "clarion.version === 3")
    assert await held(page) == [["item-003", "item-002", "item-001"], 3, 3]
    assert await page.evaluate("arrived") == ["item-002", "item-003"]


async def test_a_replay_that_the_server_begins_by_itself_is_taken(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.send(notification(item(2), 2))
    await session.send(*replay(item(5), item(7), unread=4))
    await session.send(notification(item(8), 5))
    await until(page, "clarion.version === 8")
    assert await held(page) == [["item-008", "item-007", "item-005", "item-002", "item-001"], 8, 5]


async def test_items_of_one_version_are_resumed_before_it(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.close(1011)
    session = await server.session()
    await session.opened()
    earlier = {**notification(item(2, 9), 2), "version": 8}
    await session.send(welcome(9, 2), earlier)
    await session.close(1011)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 8}
    await session.send(*replay(item(2, 9), item(3, 9), unread=3))
    await until(page, "clarion.version === 9")
    assert await held(page) == [["item-003", "item-002", "item-001"], 9, 3]


async def test_a_reset_takes_the_place_of_all(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1), item(2))
    await session.close(1011)
    session = await server.session()
    await session.opened()
    await session.send(*replay(item(8), item(9), reset=True))
    await until(page, "clarion.version === 9")
    assert await held(page) == [["item-009", "item-008"], 9, 2]


async def test_a_server_with_another_history_is_believed(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(30))
    await session.close(1011)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 30}
    await session.send(*replay(item(1)))
    assert await session.receive() == {"type": "hello"}
    await session.send(*replay(item(1)))
    await until(page, "clarion.version === 1")
    assert await held(page) == [["item-001"], 1, 1]


async def test_what_another_device_did_is_merged_and_the_server_counts(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1), item(2))
    state = {
        "version": 3,
        "seen_at": None,
        "read_at": "2026-01-02T00:00:00Z",
        "archived_at": None,
        "snoozed_until": None,
    }
    states = [{"id": "item-001", **state}, {"id": "older-than-the-snapshot", **state}]
    await session.send({"type": "changed", "version": 3, "unread": 17, "items": states})
    await until(page, "clarion.version === 3")
    assert await page.evaluate("clarion.items") == [
        item(2),
        item(1, 3, read_at="2026-01-02T00:00:00Z"),
    ]
    assert await page.evaluate("clarion.unreadCount") == 17


async def test_a_page_that_stays_open_holds_the_newest_items_only(
    page: Page, server: ScriptedServer
) -> None:
    items = [item(n, created_at=f"2026-01-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(1, 503)]
    session = await start_live(page, server, *items[:500])
    for one in items[500:]:
        await session.send(notification(one, one["version"]))
    await until(page, "clarion.version === 502")
    ids = [f"item-{number:03}" for number in range(502, 2, -1)]
    assert await held(page) == [ids, 502, 502]
    await page.evaluate("void clarion.read('item-003')")
    assert await page.evaluate("clarion.unreadCount") == 501


async def test_what_was_handled_is_acknowledged_in_one_frame(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.send(notification(item(2), 2), notification(item(3), 3))
    await until(page, "clarion.version === 3")
    assert await session.acknowledged() == 3
    await session.send(notification(item(3), 3), notification(item(4), 4))
    assert await session.acknowledged() == 4


async def test_a_new_connection_acknowledges_anew(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1))
    assert await session.acknowledged() == 1
    await session.close(1011)
    session = await server.session()
    await session.opened()
    await session.send(welcome(1, 1), {"type": "caught_up", "version": 1})
    assert await session.acknowledged() == 1
