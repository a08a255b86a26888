"""What a newer server says that this client does not know is passed over; its clock is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import SHOW, SHOW_BELL, receive
from tests.browser.scripted import (
    ScriptedServer,
    item,
    notification,
    replay,
    start_client,
    start_live,
    start_tab,
    until,
)

pytestmark = pytest.mark.both_browsers

OF_TOMORROW: list[Any] = [
    {"type": "digest", "version": 7, "unread": 40, "items": [item(9)]},
    {"type": "digest", "version": 2, "unread": 40, "item": item(9)},
    {"type": "sync", "feed": {}, "change": {"state": "refused"}},
    {"type": "presence", "ref": 1, "who": ["grace"]},
    {"type": "toString", "version": 2},
    {"kind": "without a type"},
    {"type": None, "version": 2, "unread": 9},
    {"type": {"of": "tomorrow"}},
    [],
    [1, 2],
    "a text",
    7,
    None,
    True,
]


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "in-the-replay"])
async def test_what_is_not_known_is_passed_over(
    page: Page, server: ScriptedServer, is_live: bool
) -> None:
    session = await start_client(page, server)
    await session.opened()
    welcome, first, caught_up = replay(item(1))
    unknown = [json.dumps(frame) for frame in OF_TOMORROW] + ["{no JSON", ""]
    await session.send({**welcome, "limits": {"items": 3}}, {**first, "priority": "high"})
    if not is_live:
        await session.send_raw(*unknown)
    await session.send({**caught_up, "took_ms": 3})
    await until(page, "clarion.state.state === 'live'")
    if is_live:
        await session.send_raw(*unknown)
    await session.send({**notification({**item(2), "mood": "glad"}, 2), "because": ["a rule"]})
    await until(page, "clarion.version === 2")
    seen = "[clarion.items.map((one) => one.id), clarion.unreadCount, clarion.state.state, arrived]"
    assert await page.evaluate(seen) == [["item-002", "item-001"], 2, "live", ["item-002"]]
    assert server.sessions.empty()


async def test_a_parting_without_a_time_is_a_parting_now(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.send({"type": "reconnect", "because": "tomorrow"})
    await session.close(4555, "of_tomorrow")
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}


LATE = {"time": "2026-01-01T12:00:00Z", "created_at": "2026-01-01T11:55:00Z"}
CLOCKS = ["2026-01-01T09:00:00Z", "2026-01-01T12:00:00Z", "2026-01-03T12:00:00Z"]


@pytest.mark.parametrize("clock", CLOCKS, ids=["slow", "right", "fast"])
async def test_times_go_by_the_servers_clock(
    page: Page, server: ScriptedServer, clock: str
) -> None:
    await page.clock.set_fixed_time(clock)
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(item(1, created_at=LATE["created_at"]), time=LATE["time"]))
    await until(page, "clarion.state.state === 'live'")
    assert await page.evaluate("clarion.now().toISOString()") == "2026-01-01T12:00:00.000Z"
    await page.evaluate(SHOW)
    await expect(page.locator("time")).to_have_text("5 min. ago")
    await expect(page.locator(".day")).to_have_text("Today")
    await page.locator("article").press("s")
    await page.get_by_role("menuitem", name="In an hour").click()
    assert (await receive(session, "snooze"))["until"] == "2026-01-01T13:00:00.000Z"


async def test_a_tab_that_follows_knows_the_servers_clock_too(
    page: Page, server: ScriptedServer
) -> None:
    await page.context.clock.set_fixed_time("2026-01-03T12:00:00Z")
    await start_tab(page, server)
    session = await server.session()
    await session.opened()
    await session.send(*replay(item(1), time=LATE["time"]))
    await until(page, "clarion.state.state === 'live'")
    follower = await page.context.new_page()
    await start_tab(follower, server)
    await until(follower, "clarion.state.state === 'live'")
    assert await follower.evaluate("clarion.now().toISOString()") == "2026-01-01T12:00:00.000Z"
    assert server.sessions.empty()


@pytest.mark.parametrize("time", [None, "soon", 7, {}], ids=str)
async def test_a_server_that_tells_no_time_leaves_the_computers_clock(
    page: Page, server: ScriptedServer, time: Any
) -> None:
    await page.clock.set_fixed_time("2026-01-01T11:57:00Z")
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(item(1, created_at=LATE["created_at"]), time=time))
    await until(page, "clarion.state.state === 'live'")
    await page.evaluate(SHOW_BELL)
    assert await page.evaluate("clarion.now().toISOString()") == "2026-01-01T11:57:00.000Z"
