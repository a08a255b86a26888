"""Where no WebSocket opens, the browser client notices a dead stream as it does a dead socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.feeds import NO_SOCKETS
from tests.browser.scripted import ScriptedServer, item, replay, run_client, until

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


@pytest.fixture
async def streaming(page: Page, server: ScriptedServer) -> Page:
    """A page that is live by server-sent events, with one item."""
    await page.add_init_script(NO_SOCKETS)
    await page.add_init_script(STREAMS)
    await page.route("**/v1/tickets", lambda route: route.fulfill(json={"ticket": "once"}))
    await page.clock.install()
    await page.goto(server.url)
    await run_client(page, ["a-token"])
    await until(page, "streams.length === 1")
    await say(page, *replay(item(1)))
    await until(page, "clarion.state.state === 'live'")
    return page


async def say(page: Page, *frames: dict[str, Any]) -> None:
    for frame in frames:
        await page.evaluate(f"say({json.dumps(frame)})")


async def test_a_silent_stream_is_left_and_resumed(streaming: Page) -> None:
    await streaming.clock.run_for(38_000)
    assert await streaming.evaluate("clarion.state.state") == "live"
    await streaming.clock.run_for(6_000)
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
