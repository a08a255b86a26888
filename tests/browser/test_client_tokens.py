"""What a page may give as its token, late or never, and what the client makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.scripted import ScriptedServer, hold_time, item, jwt, replay, until

pytestmark = pytest.mark.both_browsers

START = """async ({ said, quick }) => {
  const { Clarion } = await import(`${quick ? "/quick" : ""}/web/client/clarion.js`);
  window.asked = 0;
  window.said = said;
  window.answers = [];
  const token = () => {
    const next = said.length > asked ? said[asked] : said.at(-1);
    window.asked += 1;
    return next === "hangs" ? new Promise((resolve) => answers.push(resolve)) : next;
  };
  window.clarion = new Clarion({ token, backoff: { baseMs: 1, capMs: 5 } });
  window.events = [];
  for (const name of ["state", "signed-out", "refused"]) {
    clarion.on(name, ({ state, code }) => events.push([name, state, code]));
  }
  clarion.connect();
}"""

SILENT_SOCKETS = {
    "never opens": "window.WebSocket = class { send() {} close() {} }",
    "opens and says nothing": """window.WebSocket = class {
      constructor() { queueMicrotask(() => this.onopen({})); }
      send() {}
      close() {}
    }""",
}
STREAM = """window.streams = [];
window.EventSource = class extends EventTarget {
  constructor(url) { super(); streams.push(this); }
  close() {}
}"""


async def start(page: Page, server: ScriptedServer, *said: Any, quick: bool = True) -> None:
    """A page whose callback gives these, the last one for ever."""
    await page.goto(server.url)
    await page.evaluate(START, {"said": said, "quick": quick})


async def connected(server: ScriptedServer, token: str) -> Any:
    session = await server.session()
    assert (await session.opened())[0] == {"type": "auth", "token": token}
    return session


async def test_a_callback_that_hangs_is_asked_again(page: Page, server: ScriptedServer) -> None:
    await start(page, server, "hangs", "hangs", "good")
    await connected(server, "good")
    assert await page.evaluate("asked") == 3
    assert await page.evaluate("events.some(([, , code]) => code === 'no_token')")


async def test_an_answer_that_comes_late_is_used(page: Page, server: ScriptedServer) -> None:
    await start(page, server, "hangs")
    await until(page, "asked >= 2")
    await page.evaluate("answers[0]('late')")
    await connected(server, "late")


async def test_a_renewal_that_hangs_keeps_no_good_token_from_being_used(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    good = jwt(100)
    await start(page, server, good, "hangs", quick=False)
    session = await connected(server, good)
    await session.send(*replay(item(1), heartbeat_s=1_000))
    await until(page, "clarion.state.state === 'live'")
    await page.clock.run_for(81_000)
    await until(page, "asked === 2")
    await session.close(1011)
    await until(page, "clarion.state.state !== 'live'")
    await page.clock.run_for(100)
    await connected(server, good)


@pytest.mark.parametrize("way", SILENT_SOCKETS)
async def test_a_proxy_that_swallows_sockets_is_answered_by_a_stream_within_ten_seconds(
    page: Page, server: ScriptedServer, way: str
) -> None:
    await page.add_init_script(SILENT_SOCKETS[way])
    await page.add_init_script(STREAM)
    await page.route("**/v1/tickets", lambda route: route.fulfill(json={"ticket": "once"}))
    await hold_time(page)
    await start(page, server, "a-token", quick=False)
    await until(page, "asked >= 1")
    await page.clock.run_for(9_000)
    await until(page, "streams.length === 1")


async def test_white_space_around_a_token_is_not_part_of_it(
    page: Page, server: ScriptedServer
) -> None:
    await start(page, server, " \ta-token\r\n")
    await connected(server, "a-token")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (None, "signed_out"),
        ("", "signed_out"),
        (" \n", "signed_out"),
        ('{"error":"unauthorized"}', "not_a_token"),
        ("<!doctype html><title>Sign in</title>", "not_a_token"),
        ("Not signed in", "not_a_token"),
        ({"token": "a-token"}, "not_a_token"),
    ],
)
async def test_a_page_without_a_token_is_signed_out_until_it_has_one(
    page: Page, server: ScriptedServer, said: Any, code: str
) -> None:
    await start(page, server, said)
    await until(page, "clarion.state.state === 'signed-out'")
    assert await page.evaluate("events.slice(-2)") == [
        ["state", "signed-out", code],
        ["signed-out", "signed-out", code],
    ]
    refused = "clarion.read('item-001').then(() => 'ok', (error) => error.code)"
    assert await page.evaluate(refused) == code
    assert server.sessions.empty()
    await page.evaluate("said.push('good'), dispatchEvent(new Event('pageshow'))")
    session = await connected(server, "good")
    await session.send(*replay(item(1)))
    await until(page, "clarion.state.state === 'live'")


async def test_who_is_signed_out_in_the_middle_is_told_at_the_renewal(
    page: Page, server: ScriptedServer
) -> None:
    good = jwt(1)
    await start(page, server, good, None)
    session = await connected(server, good)
    await session.send(*replay(item(1)))
    await until(page, "clarion.state.state === 'signed-out'")
    await session.ended()
    assert await page.evaluate("clarion.items.length") == 0


async def test_a_page_that_gives_no_token_is_asked_about_once_a_minute_and_by_connect(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    await start(page, server, None, quick=False)
    await until(page, "clarion.state.state === 'signed-out'")
    await page.clock.run_for(29_000)
    assert await page.evaluate("asked") == 1
    await page.clock.run_for(32_000)
    await until(page, "asked === 2")
    assert await page.evaluate("events.filter(([name]) => name === 'signed-out').length") == 1
    await page.evaluate("said.push(null, 'good'), clarion.connect()")
    await connected(server, "good")


async def test_an_expired_token_out_of_a_cache_is_asked_for_until_it_is_another(
    page: Page, server: ScriptedServer
) -> None:
    await start(page, server, *["old"] * 6, "new")
    session = await connected(server, "old")
    await session.close(4401, "token_expired")
    await connected(server, "new")
    assert await page.evaluate("asked") == 7
    assert server.sessions.empty()


async def test_tokens_that_are_expired_each_time_are_tried_with_back_off(
    page: Page, server: ScriptedServer
) -> None:
    await start(page, server, "one", "two", "three", "new")
    for token in ("one", "two", "three"):
        session = await connected(server, token)
        await session.close(4401, "token_expired")
    session = await connected(server, "new")
    await session.send(*replay(item(1)))
    await until(page, "clarion.state.state === 'live'")
    assert await page.evaluate("events.some(([, state]) => state === 'waiting')")


async def test_a_token_that_stays_expired_is_refused_in_the_end(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    await start(page, server, "old", quick=False)
    session = await connected(server, "old")
    await session.close(4401, "token_expired")
    await until(page, "clarion.state.state === 'waiting'")
    assert await page.evaluate("clarion.state.code") == "token_expired"
    await page.clock.fast_forward(121_000)
    await page.clock.run_for(100)
    await until(page, "clarion.state.state === 'refused'")
    assert await page.evaluate("events.slice(-2)") == [
        ["state", "refused", "token_expired"],
        ["refused", "refused", "token_expired"],
    ]
    assert server.sessions.empty()
