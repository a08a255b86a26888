"""One connection for all tabs of a browser: they agree, and no tab is needed by the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.scripted import (
    ScriptedServer,
    Session,
    hold_time,
    item,
    jwt,
    notification,
    replay,
    start_tab,
    until,
)

pytestmark = pytest.mark.both_browsers

SEEN = """[clarion.state.state, clarion.items.map((one) => one.id), clarion.unreadCount,
  clarion.version, arrived]"""


async def open_tab(page: Page, server: ScriptedServer, **options: Any) -> Page:
    """One more tab of this browser, with a client that connects."""
    tab = await page.context.new_page()
    await start_tab(tab, server, **options)
    return tab


async def lead(page: Page, server: ScriptedServer, *items: dict[str, Any]) -> Session:
    """The first tab, live with these items."""
    await start_tab(page, server)
    session = await server.session()
    await session.opened()
    await session.send(*replay(*items))
    await until(page, "clarion.state.state === 'live'")
    return session


async def three_tabs(page: Page, server: ScriptedServer) -> tuple[Session, list[Page]]:
    """A leader and two followers, live with one item."""
    session = await lead(page, server, item(1))
    tabs = [page, await open_tab(page, server), await open_tab(page, server)]
    for tab in tabs:
        await until(tab, "clarion.state.state === 'live'")
    return session, tabs


async def all_see(tabs: list[Page], *seen: Any) -> None:
    """Each tab shows exactly this once its version is the one told."""
    for tab in tabs:
        await until(tab, f"clarion.version === {seen[3]} && clarion.state.state === '{seen[0]}'")
        assert await tab.evaluate(SEEN) == list(seen)


async def test_tabs_share_one_connection_and_see_the_same(
    page: Page, server: ScriptedServer
) -> None:
    session, tabs = await three_tabs(page, server)
    await session.send(notification(item(2), 2), notification(item(3), 3))
    ids = ["item-003", "item-002", "item-001"]
    await all_see(tabs, "live", ids, 3, 3, ["item-002", "item-003"])
    assert server.sessions.empty()


async def test_a_tab_that_opens_in_the_middle_of_a_snapshot_gets_the_whole(
    page: Page, server: ScriptedServer
) -> None:
    await start_tab(page, server)
    session = await server.session()
    await session.opened()
    *first, last, caught_up = replay(item(1), item(2), item(3))
    await session.send(*first)
    await until(page, "clarion.unreadCount === 3")
    second = await open_tab(page, server)
    await until(second, "clarion.unreadCount === 3")
    await session.send(last, caught_up)
    await all_see([page, second], "live", ["item-003", "item-002", "item-001"], 3, 3, [])


async def test_a_command_of_any_tab_goes_by_the_leader_and_its_change_shows_in_all(
    page: Page, server: ScriptedServer
) -> None:
    session, tabs = await three_tabs(page, server)
    await tabs[1].evaluate("void clarion.read('item-001').then(() => (window.done = true))")
    assert await tabs[1].evaluate("clarion.unreadCount") == 0
    command = await session.receive()
    state = {"id": "item-001", "version": 2, "seen_at": None, "read_at": "2026-01-02T00:00:00Z"}
    states = [{**state, "archived_at": None, "snoozed_until": None}]
    await session.send({"type": "changed", "version": 2, "unread": 0, "items": states})
    await session.send({"type": "ok", "ref": command["ref"]})
    await until(tabs[1], "window.done")
    await all_see(tabs, "live", ["item-001"], 0, 2, [])


async def test_a_command_of_a_tab_that_has_not_joined_yet_is_sent_when_it_has(
    page: Page, server: ScriptedServer
) -> None:
    session, tabs = await three_tabs(page, server)
    await tabs[1].evaluate("clarion.disconnect(), clarion.connect(), void clarion.read('item-001')")
    command = await session.receive()
    assert (command["type"], command["ids"]) == ("read", ["item-001"])


async def test_a_refusal_is_the_asking_tabs_alone(page: Page, server: ScriptedServer) -> None:
    session, tabs = await three_tabs(page, server)
    for tab in tabs:
        await tab.evaluate("window.errors = [], void clarion.on('error', (e) => errors.push(e))")
    await tabs[2].evaluate("void clarion.read('item-001').catch((e) => (window.code = e.code))")
    ref = (await session.receive())["ref"]
    await session.send({"type": "error", "code": "unavailable", "detail": "Away.", "ref": ref})
    await until(tabs[2], "window.code === 'unavailable'")
    await session.send(notification(item(2), 2))
    await all_see(tabs, "live", ["item-002", "item-001"], 2, 2, ["item-002"])
    assert [await tab.evaluate("errors.length") for tab in tabs] == [0, 0, 0]


async def test_when_the_leader_closes_another_goes_on_from_the_shared_version(
    page: Page, server: ScriptedServer
) -> None:
    session, tabs = await three_tabs(page, server)
    await session.send(notification(item(2), 2))
    await all_see(tabs, "live", ["item-002", "item-001"], 2, 2, ["item-002"])
    await page.close()
    await session.ended()
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 2}
    await session.send(*replay(item(3), unread=3), notification(item(4), 4))
    ids = [f"item-{number:03}" for number in (4, 3, 2, 1)]
    await all_see(tabs[1:], "live", ids, 4, 4, ["item-002", "item-003", "item-004"])
    assert server.sessions.empty()


@pytest.mark.chromium_only("only Chromium can be told to crash a page")
async def test_when_the_leader_crashes_a_command_of_another_tab_still_arrives(
    page: Page, server: ScriptedServer
) -> None:
    session, tabs = await three_tabs(page, server)
    await tabs[1].evaluate("void clarion.read('item-001').then(() => (window.done = true))")
    sent = await session.receive()
    devtools: Any = await page.context.new_cdp_session(page)
    crash = asyncio.create_task(devtools.send("Page.crash"))
    await session.ended()
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}
    await session.send(*replay(item(1)))
    assert await session.receive() == sent
    await session.send({"type": "ok", "ref": sent["ref"]})
    await until(tabs[1], "window.done")
    await all_see(tabs[1:], "live", ["item-001"], 1, 1, [])
    crash.cancel()


@pytest.mark.chromium_only("only Chromium can be told to freeze a page")
async def test_a_frozen_leader_is_replaced_and_follows_when_it_thaws(
    page: Page, server: ScriptedServer
) -> None:
    await lead(page, server, item(1))
    devtools: Any = await page.context.new_cdp_session(page)
    await devtools.send("Debugger.enable")
    await devtools.send("Debugger.pause")  # nothing runs in it any more, as in a frozen page
    visible = await open_tab(page, server)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello"}
    await session.send(*replay(item(1), item(2)))
    await until(visible, "clarion.state.state === 'live'")
    await devtools.send("Debugger.disable")
    await all_see([page], "live", ["item-002", "item-001"], 2, 2, ["item-002"])
    await session.send(notification(item(3), 3))
    ids = ["item-003", "item-002", "item-001"]
    await all_see([page], "live", ids, 3, 3, ["item-002", "item-003"])
    await all_see([visible], "live", ids, 3, 3, ["item-003"])


async def test_a_leader_that_falls_silent_is_replaced_by_the_tab_that_is_looked_at(
    page: Page, server: ScriptedServer
) -> None:
    await lead(page, server, item(1))
    tab = await page.context.new_page()
    await hold_time(tab)
    await start_tab(tab, server)
    await until(tab, "clarion.state.state === 'live'")
    await page.evaluate("void (BroadcastChannel.prototype.postMessage = () => {})")
    await tab.clock.run_for(12_000)
    session = await server.session()
    assert (await session.opened())[1]["since"] == 1


async def test_two_people_in_one_browser_do_not_mix(page: Page, server: ScriptedServer) -> None:
    ada = await lead(page, server, item(1))
    grace_tab = await open_tab(page, server, subscriber="grace")
    grace = await server.session()
    assert (await grace.opened())[1] == {"type": "hello"}
    await grace.send(*replay(item(7)))
    await ada.send(notification(item(2), 2))
    await all_see([page], "live", ["item-002", "item-001"], 2, 2, ["item-002"])
    await all_see([grace_tab], "live", ["item-007"], 1, 7, [])


async def test_a_token_of_somebody_else_ends_the_feed(page: Page, server: ScriptedServer) -> None:
    await start_tab(page, server, tokens=[jwt(3600, "ada"), jwt(3600, "grace")])
    session = await server.session()
    await session.opened()
    await session.send(*replay(item(1)))
    await until(page, "clarion.state.state === 'live'")
    await session.close(4401)
    await until(page, "clarion.state.state === 'refused'")
    assert await page.evaluate("clarion.state.code") == "another_subscriber"
    assert server.sessions.empty()


async def test_tabs_that_do_not_share_have_a_connection_each(
    page: Page, server: ScriptedServer
) -> None:
    await lead(page, server, item(1))
    await open_tab(page, server, share=False)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello"}


async def test_a_tab_that_leaves_is_not_missed(page: Page, server: ScriptedServer) -> None:
    session, tabs = await three_tabs(page, server)
    await tabs[1].evaluate("clarion.disconnect()")
    await page.evaluate("clarion.disconnect()")
    await session.ended()
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}
    await session.send(*replay(item(2), unread=2))
    await all_see(tabs[2:], "live", ["item-002", "item-001"], 2, 2, ["item-002"])
    await page.evaluate("clarion.connect()")
    await all_see([page], "live", ["item-002", "item-001"], 2, 2, ["item-002"])
    assert await tabs[1].evaluate("clarion.state.state") == "closed"
    assert server.sessions.empty()


@pytest.mark.parametrize("reason", ["token_revoked"])
async def test_a_revoked_feed_ends_in_every_tab_with_a_sentence(
    page: Page, server: ScriptedServer, reason: str
) -> None:
    session, tabs = await three_tabs(page, server)
    await session.close(4401, reason)
    for tab in tabs:
        await until(tab, "clarion.state.state === 'refused'")
        assert await tab.evaluate("clarion.state") == {
            "state": "refused",
            "code": "token_revoked",
            "detail": "Your access was revoked.",
        }
    assert server.sessions.empty()
