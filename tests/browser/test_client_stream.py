"""Where no WebSocket opens, the browser client notices a dead stream as it does a dead socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route

from testbed.browser import open_page
from tests.browser.feeds import NO_SOCKETS
from tests.browser.scripted import WITHIN_S, ScriptedServer, item, replay, run_client, until

pytestmark = pytest.mark.both_browsers

STREAMS = """window.streams = [];
window.EventSource = class extends EventTarget {
  constructor(url) {
    super();
    this.url = `${url}`;
    streams.push(this);
  }
  close() {
    this.isClosed = true;
  }
};
window.say = (frame) => streams.at(-1).onmessage({ data: JSON.stringify(frame) });
window.beat = () => streams.at(-1).dispatchEvent(new Event("heartbeat"));"""
"""Event sources in the hands of the test."""


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """A page whose requests may fail; closed before its server is."""
    assert server.url
    async with open_page(browser, allowed_errors=("ERR_FAILED", "status of")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def streaming(page: Page, server: ScriptedServer) -> Page:
    """A page that is live by server-sent events, with one item."""
    await page.add_init_script("window.RealWebSocket = WebSocket")
    await page.add_init_script(NO_SOCKETS)
    await page.add_init_script(STREAMS)
    await page.route("**/v1/tickets", lambda route: route.fulfill(json={"ticket": "once"}))
    await page.clock.install()
    await page.goto(server.url)
    await run_client(page, ["a-token", "the-next"])
    await until(page, "streams.length === 1")
    await say(page, *replay(item(1)))
    await until(page, "clarion.state.state === 'live'")
    return page


async def say(page: Page, *frames: dict[str, Any]) -> None:
    for frame in frames:
        await page.evaluate(f"say({json.dumps(frame)})")


async def test_a_silent_stream_is_left_and_resumed(streaming: Page) -> None:
    # Real time goes on too, and may be long; the limit is 42.5 s
    await streaming.clock.run_for(30_000)
    assert await streaming.evaluate("clarion.state.state") == "live"
    await streaming.clock.run_for(14_000)
    await until(streaming, "streams.length === 2")
    assert await streaming.evaluate("[streams[0].isClosed, streams[1].url.split('?')[1]]") == [
        True,
        "ticket=once&since=1",
    ]


async def test_a_stream_whose_heartbeat_comes_is_kept(streaming: Page) -> None:
    for _ in range(4):
        await streaming.clock.run_for(25_000)
        await streaming.evaluate("beat()")
    await streaming.evaluate("dispatchEvent(new Event('online'))")  # asks at once
    await streaming.clock.run_for(6_000)
    assert await streaming.evaluate("[clarion.state.state, streams.length]") == ["live", 1]


async def pass_time(page: Page, milliseconds: int) -> None:
    """Once the page waits so long, that time is over in it."""
    await until(page, f"waits.includes({milliseconds})")
    await page.evaluate("waits.length = 0")
    await page.clock.run_for(milliseconds)


class Rest:
    """The REST commands of the page: what came, and answers in the hands of the test."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[str, str | None, Route]] = asyncio.Queue()

    async def take(self, route: Route) -> None:
        key = await route.request.header_value("idempotency-key")
        self.came.put_nowait((route.request.url.rpartition("/")[2], key, route))

    async def next(self) -> tuple[str, str | None, Route]:
        async with asyncio.timeout(WITHIN_S):
            return await self.came.get()


COMMANDS = """() => {
  window.answers = [];
  window.waits = [];
  const wait = setTimeout;
  window.setTimeout = (act, ms) => (waits.push(ms), wait(act, ms));
  for (const name of ["read", "unread"]) {
    const told = (error) => answers.push([name, error?.code ?? "ok"]);
    clarion[name]("item-001").then(() => told(), told);
  }
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def rest(streaming: Page) -> Rest:
    """Of the page that is live by server-sent events."""
    rest = Rest()
    await streaming.route("**/v1/inbox/*", rest.take)
    return rest


async def test_commands_are_sent_in_order_each_under_a_key_of_its_own(
    streaming: Page, rest: Rest
) -> None:
    await streaming.evaluate(COMMANDS)
    first, key, route = await rest.next()
    await streaming.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))")
    assert (first, rest.came.empty()) == ("read", True)
    await route.fulfill(json={"version": 1})
    second, other, route = await rest.next()
    await route.fulfill(json={"version": 1})
    await until(streaming, "answers.length === 2")
    assert await streaming.evaluate("answers") == [["read", "ok"], ["unread", "ok"]]
    assert second == "unread"
    assert key
    assert other not in (None, key)
    assert len(key) <= 255


async def test_a_command_that_may_not_have_arrived_is_sent_again_under_its_key(
    streaming: Page, rest: Rest
) -> None:
    await streaming.evaluate(COMMANDS)
    _, key, route = await rest.next()
    await route.abort()
    await pass_time(streaming, 1_000)
    name, again, route = await rest.next()
    assert (name, again) == ("read", key)
    await route.fulfill(json={"version": 1})
    name, other, route = await rest.next()
    assert (name, other == key) == ("unread", False)
    await route.fulfill(json={"version": 1})
    await until(streaming, "answers.length === 2")


async def test_a_command_that_never_arrives_is_taken_back(streaming: Page, rest: Rest) -> None:
    await streaming.evaluate(COMMANDS)
    assert await streaming.evaluate("clarion.unreadCount") == 1  # read, and unread again
    for again_ms in (1_000, 2_000, 4_000, 8_000, None):
        name, _, route = await rest.next()
        assert name == "read"
        await route.abort()
        if again_ms:
            await pass_time(streaming, again_ms)
    await until(streaming, "answers.length === 1")
    assert await streaming.evaluate("answers") == [["read", "unreachable"]]
    name, _, route = await rest.next()
    assert name == "unread"
    await route.fulfill(json={"version": 1})
    await until(streaming, "answers.length === 2")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_a_command_that_came_at_a_bad_time_is_sent_again_under_its_key(
    streaming: Page, rest: Rest, status: int
) -> None:
    await streaming.evaluate(COMMANDS)
    _, key, route = await rest.next()
    await route.fulfill(status=status, body="<h1>Later</h1>", headers={"retry-after": "7"})
    await until(streaming, "waits.includes(7_000)")
    assert await streaming.evaluate("[answers.length, clarion.unreadCount]") == [0, 1]
    await streaming.clock.run_for(7_000)
    name, again, route = await rest.next()
    assert (name, again) == ("read", key)
    await route.fulfill(json={"version": 1})
    _, _, route = await rest.next()
    await route.fulfill(json={"version": 1})
    await until(streaming, "answers.length === 2")
    assert await streaming.evaluate("answers") == [["read", "ok"], ["unread", "ok"]]


async def test_a_command_at_a_time_that_stays_bad_is_taken_back(
    streaming: Page, rest: Rest
) -> None:
    await streaming.evaluate(COMMANDS)
    busy = {"code": "overloaded", "detail": "Later."}
    for again_ms in (1_000, 2_000, 4_000, 8_000, None):
        _, _, route = await rest.next()
        await route.fulfill(status=503, json=busy)
        if again_ms:
            await pass_time(streaming, again_ms)
    await until(streaming, "answers.length === 1")
    name, _, route = await rest.next()
    assert name == "unread"
    await route.fulfill(status=429, json=busy, headers={"retry-after": "3600"})  # too long to wait
    await until(streaming, "answers.length === 2")
    taken_back = [["read", "overloaded"], ["unread", "overloaded"]]
    assert await streaming.evaluate("answers") == taken_back
    assert await streaming.evaluate("clarion.items[0].read_at") is None


async def test_a_command_goes_on_by_a_socket_under_the_same_key(
    streaming: Page, rest: Rest, server: ScriptedServer
) -> None:
    await streaming.evaluate(COMMANDS)
    _, key, route = await rest.next()
    await route.abort()
    await streaming.evaluate("void (window.WebSocket = RealWebSocket)")
    for n in (1, 2):  # the second never comes live
        await streaming.evaluate("streams.at(-1).onerror()")
        await streaming.clock.run_for(10)
        if n == 1:
            await until(streaming, "streams.length === 2")
    session = await server.session()
    await session.opened()
    await session.send(*replay(item(1)))
    read, unread = await session.receive(), await session.receive()
    assert [read["type"], read["key"], unread["type"]] == ["read", key, "unread"]


async def test_a_clock_that_is_set_back_hides_no_dead_stream(streaming: Page) -> None:
    await streaming.clock.set_system_time(0)
    await streaming.clock.run_for(20_000)
    await until(streaming, "streams.length === 2")


async def test_a_command_with_an_expired_token_is_sent_again_with_the_next(
    streaming: Page, rest: Rest
) -> None:
    await streaming.evaluate(COMMANDS)
    expired = {"code": "token_expired", "detail": "It has expired."}
    _, key, route = await rest.next()
    await route.fulfill(status=401, json=expired)
    _, again, route = await rest.next()  # asked again at once
    await route.fulfill(status=401, json=expired)
    assert again == key
    await until(streaming, "streams.length === 2")
    await say(streaming, *replay(item(1)))
    for name in ("read", "unread"):
        came, again, route = await rest.next()
        assert came == name
        assert (again == key) == (name == "read")
        await route.fulfill(json={"version": 1})
    await until(streaming, "answers.length === 2")
    assert await streaming.evaluate("answers") == [["read", "ok"], ["unread", "ok"]]
    assert await streaming.evaluate("[asked, streams[0].isClosed]") == [2, True]
