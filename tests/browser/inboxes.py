"""Pages with `<clarion-inbox>` and `<clarion-bell>` on a scripted server, and its lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Locator, Page, Route, expect

from tests.browser.scripted import (
    ScriptedServer,
    Session,
    item,
    replay,
    start_client,
    start_live,
    until,
)

SHOW = """async () => {
  await import("/web/inbox/inbox.js");
  const inbox = document.createElement("clarion-inbox");
  inbox.client = window.clarion;
  inbox.style.blockSize = "600px";
  document.querySelector("main").append(inbox);
}"""

SHOW_BELL = """async () => {
  await import("/web/inbox/bell.js");
  const bell = document.createElement("clarion-bell");
  bell.client = window.clarion;
  document.querySelector("main").append(bell);
}"""

STATES = ("seen_at", "read_at", "archived_at", "snoozed_until")


async def show(page: Page, server: ScriptedServer, *items: dict[str, Any]) -> Session:
    """An inbox with these items; the session it is fed by."""
    session = await start_live(page, server, *items)
    await page.evaluate(SHOW)
    await expect(page.locator("article")).to_have_count(len(items))
    return session


async def show_bell(
    page: Page, server: ScriptedServer, *items: dict[str, Any], unread: int | None = None
) -> Session:
    """A bell that counts these items."""
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(*items, unread=unread))
    await until(page, "clarion.state.state === 'live'")
    await page.evaluate(SHOW_BELL)
    return session


async def receive(session: Session, kind: str) -> Any:
    """The next frame of this type."""
    while (frame := await session.receive())["type"] != kind:
        pass
    return frame


def changed(version: int, unread: int, *items: dict[str, Any]) -> dict[str, Any]:
    """The frame that tells of these items' states."""
    states = [{key: one[key] for key in ("id", "version", *STATES)} for one in items]
    return {"type": "changed", "version": version, "unread": unread, "items": states}


async def answer(session: Session, kind: str, version: int, unread: int, **state: Any) -> Any:
    """Carry out the page's next command of this type, as a server does; the command."""
    command = await receive(session, kind)
    states = dict.fromkeys(STATES) | state
    items = [{"id": one, "version": version, **states} for one in command["ids"]]
    await session.send(
        {"type": "changed", "version": version, "unread": unread, "items": items},
        {"type": "ok", "ref": command["ref"]},
    )
    return command


async def name_categories(page: Page) -> None:
    """Labels for two categories; without one a category is not named."""
    await page.evaluate(
        """() => {
          const labels = { billing: "Invoices", team: "Your team" };
          document.querySelector("clarion-inbox").words = { labels };
        }"""
    )


def row(page: Page, title: str) -> Locator:
    return page.locator("article", has=page.get_by_text(title, exact=True))


def many(count: int, **state: Any) -> list[dict[str, Any]]:
    """Items a minute apart, the oldest first."""
    hours = [f"2026-01-01T{n // 60:02}:{n % 60:02}:00Z" for n in range(count + 1)]
    return [item(n, created_at=hours[n], **state) for n in range(1, count + 1)]


async def show_newest(page: Page, server: ScriptedServer, *items: dict[str, Any]) -> Session:
    """An inbox whose feed begins, as the server's does, with the newest 50 of these."""
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(*items[-50:], unread=len(items)))
    await until(page, "clarion.state.state === 'live'")
    await page.evaluate(SHOW)
    return session


async def scroll_to_end(page: Page) -> None:
    await page.locator(".scroll").evaluate("(scroll) => scroll.scrollTo(0, scroll.scrollHeight)")


class Lists:
    """`GET /v1/inbox` over these items, the newest first; `asked` is what the page wanted."""

    def __init__(self, items: Sequence[dict[str, Any]]) -> None:
        self.items = list(items)
        self.asked: list[dict[str, str]] = []
        self.status = 200

    async def serve(self, page: Page) -> None:
        """Answer this page from now on."""
        await page.route("**/v1/inbox?*", self._answer)

    async def _answer(self, route: Route) -> None:
        query = {name: one[0] for name, one in parse_qs(urlsplit(route.request.url).query).items()}
        self.asked.append(query)
        if self.status != 200:
            problem = {"detail": "The database is away.", "code": "unavailable"}
            await route.fulfill(status=self.status, json=problem)
            return
        await route.fulfill(json=self._page(query))

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        found = [one for one in self.items if _belongs(one, query)]
        found.sort(key=lambda one: one["id"], reverse=True)
        if "cursor" in query:
            found = [one for one in found if one["id"] < query["cursor"]]
        limit = int(query["limit"])
        more = found[limit - 1]["id"] if len(found) > limit else None
        return {"items": found[:limit], "next_cursor": more, "unread": 0}


def _belongs(one: dict[str, Any], query: dict[str, str]) -> bool:
    if query.get("category") not in (None, one["category"]):
        return False
    states = {
        "inbox": not one["archived_at"] and not one["snoozed_until"],
        "unread": not one["archived_at"] and not one["snoozed_until"] and not one["read_at"],
        "archived": bool(one["archived_at"]),
        "snoozed": bool(one["snoozed_until"]),
        "all": True,
    }
    return states[query["state"]]
