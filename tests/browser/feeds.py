"""Pages that show a real `clarion dev`'s feed by the client alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.async_api import BrowserContext, Page

from tests.browser.demo import Demo
from tests.browser.scripted import until

START = """async ({ key, subscriber, ttl_s, publish, module, options }) => {
  const { Clarion } = await import(module);
  window.minted = 0;
  const token = async () => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const body = JSON.stringify({ subscriber, ttl_s, publish });
    const answer = await fetch("/v1/tokens", { method: "POST", headers, body });
    if (!answer.ok) throw new Error(`no token: ${answer.status}`);
    window.minted += 1;
    return (await answer.json()).token;
  };
  window.clarion = new Clarion({ token, backoff: { baseMs: 50, capMs: 500 }, ...options });
  window.states = [];
  window.arrived = [];
  clarion.on("state", ({ state }) => states.push(state));
  clarion.on("notification", ({ item }) => arrived.push(item.title));
  clarion.connect();
}"""

AWAY = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "ERR_INTERNET_DISCONNECTED",
    "status of 4",
    "status of 5",
)
"""What a browser logs while its server is away."""


NO_SOCKETS = """window.WebSocket = class {
  static OPEN = 1;
  constructor() { setTimeout(() => this.onclose?.({ code: 1006, reason: "" })); }
  close() {}
}"""
"""A network through which no WebSocket opens."""


async def open_feed(
    context: BrowserContext,
    demo: Demo,
    subscriber: str,
    ttl_s: int = 3_600,
    *,
    sockets: bool = True,
    publish: Sequence[str] = (),
    module: str = "/web/client/clarion.js",
    **options: Any,
) -> Page:
    """A tab with this person's feed, live when this returns."""
    tab = await context.new_page()
    if not sockets:
        await tab.add_init_script(NO_SOCKETS)
    # A page of the server's own that runs nothing; one made up here would not be a local one
    await tab.goto(f"{demo.url}/web/demo/favicon.svg")
    said = {"subscriber": subscriber, "ttl_s": ttl_s, "publish": list(publish), "module": module}
    await tab.evaluate(START, {"key": demo.key, "options": options, **said})
    await until(tab, "clarion.state.state === 'live'", timeout_s=60)
    return tab


async def open_feeds(
    context: BrowserContext, demo: Demo, subscriber: str, tabs: int = 3
) -> list[Page]:
    """As many tabs of one browser."""
    return [await open_feed(context, demo, subscriber) for _ in range(tabs)]


async def expect_feed(tabs: list[Page], titles: list[str], unread: int) -> None:
    """Every tab holds exactly these items, the newest first, and this count."""
    held = "clarion.items.filter((one) => !one.archived_at).map((one) => one.title)"
    there = f"{held}.length === {len(titles)} && clarion.unreadCount === {unread}"
    for tab in tabs:
        await until(tab, f"{there} && clarion.state.state === 'live'", timeout_s=60)
        assert await tab.evaluate(held) == titles
