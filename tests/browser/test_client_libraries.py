"""Old libraries of the page that change what all arrays, objects, texts and times can do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import SHOW, receive
from tests.browser.scripted import (
    ScriptedServer,
    item,
    replay,
    start_client,
    until,
)

pytestmark = pytest.mark.both_browsers

LIBRARY = """() => {
  const quoted = function () { return `"${this}"`; };
  for (const kind of [Array, String, Number, Boolean, Date, Object]) kind.prototype.toJSON = quoted;
  for (const kind of [Array, Object, String, Function]) {
    kind.prototype.inspect = kind.prototype.each = function () { return this; };
  }
  Array.prototype.entries = Array.prototype.toArray = function () { return [...this]; };
  Array.prototype.reverse = function () { return [...this]; };
  Array.prototype.first = 1;
}"""
"""As Prototype.js before 1.7, and worse."""


async def test_what_is_sent_is_what_was_meant(page: Page, server: ScriptedServer) -> None:
    await page.add_init_script(f"({LIBRARY})()")
    session = await start_client(page, server)
    auth, hello = await session.opened()
    assert [auth["type"], hello] == ["auth", {"type": "hello"}]
    await session.send(*replay(item(1), item(2, category="orders")))
    await until(page, "clarion.state.state === 'live'")
    await page.evaluate("void clarion.read(['item-001', 'item-002'])")
    assert (await session.receive())["ids"] == ["item-001", "item-002"]
    await page.evaluate("""void clarion.publish("room:1", {
      at: new Date(0), never: new Date(NaN), list: [1, "a", [true, null]], url: new URL("https://x.example/"),
      own: { toJSON: () => "mine" }, text: "t", nested: { list: [{}] },
    })""")
    assert (await session.receive())["data"] == {
        "at": "1970-01-01T00:00:00.000Z",
        "never": None,
        "list": [1, "a", [True, None]],
        "url": "https://x.example/",
        "own": "mine",
        "text": "t",
        "nested": {"list": [{}]},
    }


async def test_the_inbox_is_shown_and_used(page: Page, server: ScriptedServer) -> None:
    await page.add_init_script(f"({LIBRARY})()")
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(item(1), item(2)))
    await page.evaluate(SHOW)
    await expect(page.locator("article")).to_have_count(2)
    await expect(page.get_by_role("tab")).to_have_count(4)
    asked: list[Any] = []

    async def answer(route: Any) -> None:
        asked.append(route.request.url)
        await route.fulfill(json={"items": [], "next_cursor": None})

    await page.route("**/v1/inbox?*", answer)
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.locator(".panel-text")).to_be_visible()
    await page.get_by_role("tab").first.click()
    await page.locator("article").first.focus()
    await page.keyboard.press("e")
    assert (await receive(session, "archive"))["ids"] == ["item-002"]
    assert [url.partition("?")[2] for url in asked[:1]] == ["state=archived&limit=100"]


@pytest.mark.chromium_only("Playwright does not show what Firefox posts")
async def test_commands_by_rest_too(page: Page, server: ScriptedServer) -> None:
    await page.add_init_script(f"({LIBRARY})()")
    await page.goto(server.url)
    bodies: list[Any] = []

    async def take(route: Any) -> None:
        bodies.append(json.loads(route.request.post_data))
        await route.fulfill(json={})

    await page.route("**/v1/inbox/read", take)
    await page.evaluate("""async () => {
      const { call } = await import("/web/client/rest.js");
      const tokens = { current: async () => "t", drop() {} };
      await call(`${location.origin}/v1/live`, tokens, "inbox/read", { ids: ["a", "b"] });
    }""")
    assert bodies == [{"ids": ["a", "b"]}]
