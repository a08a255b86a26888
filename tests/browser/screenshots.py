"""Pictures of inbox and bell in every look, to be looked at: `python -m tests.browser.screenshots`.

They are written to `.cache/screenshots`, or to the folder that is named.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, expect

from testbed.browser import find_chromium, launch_chromium, open_page, started_playwright
from tests.browser.inboxes import Lists, show, show_bell
from tests.browser.scripted import ROOT, ScriptedServer, item, notification, scripted_server

NOW = "2026-03-10T12:00:00Z"
LONG = (
    "Die Donaudampfschifffahrtsgesellschaftskapitänsmützenabteilung teilt mit: "
    "Rechtsschutzversicherungsgesellschaften bestätigen die Grundstücksverkehrsgenehmigung. "
)
ENGLISH: dict[str, Any] = {"labels": {"billing": "Billing", "team": "Team"}}
GERMAN: dict[str, Any] = {
    "heading": "Benachrichtigungen",
    "allRead": "Alle als gelesen markieren",
    "markRead": "Als gelesen markieren",
    "more": "Mehr anzeigen",
    "less": "Weniger anzeigen",
    "snooze": "Zurückstellen",
    "archive": "Archivieren",
    "urgent": "Dringend",
    "views": {
        "inbox": "Alle",
        "unread": "Ungelesene",
        "snoozed": "Zurückgestellte",
        "archived": "Archivierte",
    },
    "allCategories": "Alle Kategorien",
    "states": {"live": "Verbunden", "waiting": "Verbindung wird wiederhergestellt"},
    "labels": {"billing": "Rechnungsangelegenheiten", "team": "Mitarbeiterangelegenheiten"},
    "snoozes": {"hour": "In einer Stunde", "morning": "Morgen früh", "week": "Nächste Woche"},
}
ARABIC: dict[str, Any] = {
    "heading": "الإشعارات",
    "allRead": "تعليم الكل كمقروء",
    "more": "عرض المزيد",
    "views": {"inbox": "الكل", "unread": "غير مقروء", "snoozed": "مؤجل", "archived": "مؤرشف"},
    "states": {"live": "متصل"},
    "labels": {"billing": "الفواتير", "team": "الفريق"},
}


class Look(NamedTuple):
    name: str
    lang: str
    words: dict[str, Any]
    options: dict[str, Any]


LOOKS = [
    Look("light", "en", ENGLISH, {}),
    Look("dark", "en", ENGLISH, {"color_scheme": "dark"}),
    Look("forced", "en", ENGLISH, {"forced_colors": "active"}),
    Look("touch", "en", ENGLISH, {"has_touch": True, "is_mobile": True}),
    Look("german", "de", GERMAN, {}),
    Look("arabic", "ar", ARABIC, {"color_scheme": "dark"}),
]
WIDTHS = (320, 390, 1280)
RICH: list[dict[str, Any]] = [
    item(1, title="Read long ago", read_at=NOW, seen_at=NOW, created_at="2025-12-24T12:00:00Z"),
    item(2, title="No body, no category 🎉", created_at="2026-03-07T12:00:00Z"),
    item(3, title=LONG * 3, body=LONG * 8, category="billing", url="/3", read_at=NOW),
    item(4, title="حالة الطلب", body="تم شحن طلبك وسيصل غدًا. " * 9, category="team"),
    item(
        5,
        title="Grace Hopper asks for your approval 👩‍💻",
        body="The deployment of Friday evening.",
        category="team",
        lane="urgent",
        actor="Grace Hopper",
        data={"actions": [{"label": "Approve", "url": "/a"}, {"label": "Decline", "url": "/d"}]},
    ),
    item(
        6,
        title="Your order is on its way",
        body="It arrives tomorrow.",
        url="/6",
        image="/web/demo/favicon.svg",
        actor="Hermes",
    ),
]
for number, one in enumerate(RICH[2:], 1):
    one["created_at"] = f"2026-03-{9 + number // 3:02}T{8 + number % 3:02}:30:00Z"

SPEAK = """async ([lang, words]) => {
  Object.assign(document.documentElement, { lang, dir: lang === "ar" ? "rtl" : "ltr" });
  document.documentElement.style.colorScheme = "light dark";
  document.body.style.margin = "8px";
  const viewport = { name: "viewport", content: "width=device-width" };
  document.head.append(Object.assign(document.createElement("meta"), viewport));
  for (const one of document.querySelectorAll("clarion-inbox, clarion-bell")) one.words = words;
}"""


async def rows(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)


async def hovered(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)
    await page.locator("article").nth(3).hover()
    await page.locator(".more:visible").last.click()


async def menu(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)
    await page.locator("article").first.focus()
    await page.keyboard.press("s")


async def one_menu(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *RICH)
    button = page.locator(".menu-open").first
    if await button.is_visible():
        await button.click()


async def empty(page: Page, server: ScriptedServer) -> None:
    await Lists([]).serve(page)
    await show(page, server)


async def away(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, *RICH)
    await session.close(4403, "origin_not_allowed")
    await expect(page.locator(".panel")).to_be_visible()


async def bell(page: Page, server: ScriptedServer) -> None:
    await show_bell(page, server, *RICH)
    await page.locator("clarion-bell .bell").click()
    await expect(page.locator("article").first).to_be_visible()


async def toasts(page: Page, server: ScriptedServer) -> None:
    session = await show_bell(page, server, *RICH)
    new = item(7, title=LONG, body="It arrives tomorrow.", created_at=NOW)
    await session.send(notification(new, 7))
    await expect(page.locator(".toast")).to_be_visible()


State = Callable[[Page, ScriptedServer], Awaitable[None]]
STATES: list[State] = [rows, hovered, menu, one_menu, empty, away, bell, toasts]


async def picture(browser: Browser, state: State, look: Look, width: int, file: Path) -> None:
    """Of this state, as it is found to be."""
    options: dict[str, Any] = {"viewport": {"width": width, "height": 760}, **look.options}
    async with (
        scripted_server() as server,
        open_page(browser, reduced_motion="reduce", **options) as page,
    ):
        await page.clock.set_fixed_time(NOW)
        await state(page, server)
        await page.evaluate(SPEAK, [look.lang, look.words])
        await page.screenshot(path=file)


async def pictures(folder: Path, only: list[str]) -> None:
    """All of them, or only those whose names begin so."""
    folder.mkdir(parents=True, exist_ok=True)
    async with (
        started_playwright() as playwright,
        await launch_chromium(playwright, find_chromium(None)) as browser,
    ):
        for look, width, state in product(LOOKS, WIDTHS, STATES):
            name = f"{state.__name__}-{width}-{look.name}"
            if not only or any(name.startswith(one) for one in only):
                await picture(browser, state, look, width, folder / f"{name}.png")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".cache" / "screenshots"
    asyncio.run(pictures(target, sys.argv[2:]))
