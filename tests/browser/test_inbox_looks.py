"""What people see in `<clarion-inbox>`: long texts, headers, touch, names, forced colours."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, FloatRect, Locator, Page, expect

from testbed.browser import open_page
from tests.browser.inboxes import Lists, name_categories, receive, row, show, show_bell
from tests.browser.scripted import ScriptedServer, item, notification

LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmütze und vieles mehr. " * 12
GERMAN: dict[str, Any] = {
    "heading": "Benachrichtigungen",
    "allRead": "Alle Benachrichtigungen als gelesen markieren",
    "views": {"inbox": "Alle", "unread": "Ungelesene", "snoozed": "Zurückgestellte"},
    "states": {"live": "Verbindung hergestellt"},
}


async def box(found: Locator) -> FloatRect:
    measured = await found.bounding_box()
    assert measured is not None
    return measured


def apart(a: FloatRect, b: FloatRect) -> bool:
    """Whether the two do not overlap by more than a rounding."""
    across = a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
    down = a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1
    return across or down


async def test_long_texts_are_clamped_and_can_be_unfolded(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, item(1, title=LONG, body=LONG), item(2, body="Short."))
    found = page.locator("article").last
    folded = (await box(found))["height"]
    assert folded < 220
    more = found.get_by_role("button", name="Show more")
    await expect(more).to_have_attribute("aria-expanded", "false")
    await expect(row(page, "Order 2").get_by_role("button", name="Show more")).to_have_count(0)
    await more.click()
    assert (await box(found))["height"] > folded * 2
    less = found.get_by_role("button", name="Show less")
    await expect(less).to_have_attribute("aria-expanded", "true")
    await expect(found).to_have_attribute("data-unread", "")  # unfolding is not opening
    await session.send(notification(item(3), 3))
    await expect(page.locator("article")).to_have_count(3)
    assert (await box(found))["height"] > folded * 2
    await less.click()
    assert (await box(found))["height"] == pytest.approx(folded, abs=1)


async def test_a_text_that_has_room_once_the_inbox_is_wide_offers_no_more(
    page: Page, server: ScriptedServer
) -> None:
    await page.set_viewport_size({"width": 320, "height": 700})
    await show(page, server, item(1, body="word " * 30))
    more = page.locator(".more")
    await expect(more).to_be_visible()
    await page.set_viewport_size({"width": 1280, "height": 700})
    await expect(more).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_the_tools_never_cover_text(
    page: Page, server: ScriptedServer, width: int, direction: str
) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    body = "It arrives tomorrow, between nine and five, at the door on the other side. " * 3
    await show(page, server, item(1, title=LONG, body=body), item(2, body=body), item(3))
    await page.evaluate("(dir) => void (document.documentElement.dir = dir)", direction)
    for place in range(3):
        found = page.locator("article").nth(place)
        await found.hover()
        tools = await box(found.locator(".actions"))
        for text in (".line", ".body", ".more", ".kind"):
            if await found.locator(text).is_visible():
                assert apart(tools, await box(found.locator(text))), text
        time = found.locator(".time")
        if await time.evaluate("(time) => getComputedStyle(time).visibility") == "visible":
            assert apart(tools, await box(time))


async def test_on_touch_there_is_one_menu(browser: Browser, server: ScriptedServer) -> None:
    options: dict[str, Any] = {"has_touch": True, "is_mobile": True}
    async with open_page(browser, viewport={"width": 390, "height": 800}, **options) as page:
        session = await show(page, server, item(1), item(2))
        found = page.locator("article").first
        buttons = found.locator(".actions button:visible")
        await expect(buttons).to_have_count(1)
        await expect(buttons).to_have_attribute("aria-haspopup", "menu")
        await expect(buttons.locator("path")).to_be_visible()
        await buttons.tap()
        entries = page.get_by_role("menuitem")
        await expect(entries).to_contain_text(["Mark as read", "Snooze", "Archive"])
        await entries.get_by_text("Snooze").tap()
        await expect(entries.first).to_contain_text("In an hour")
        await page.keyboard.press("Escape")
        await buttons.tap()
        await entries.get_by_text("Archive").tap()
        assert (await receive(session, "archive"))["ids"] == ["item-002"]


@pytest.mark.parametrize("width", [320, 390, 520, 700, 1000])
async def test_words_of_the_header_do_not_overlap_however_long_they_are(
    page: Page, server: ScriptedServer, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 700})
    await show(page, server, item(1))
    await page.evaluate("(words) => document.querySelector('clarion-inbox').words = words", GERMAN)
    await expect(page.locator(".heading")).to_have_text("Benachrichtigungen")
    parts = [await box(page.locator(one)) for one in (".heading", ".badge", ".status", ".all-read")]
    inbox = await box(page.locator(".inbox"))
    assert all(apart(a, b) for a in parts for b in parts if a is not b)
    assert all(part["x"] + part["width"] <= inbox["x"] + inbox["width"] for part in parts)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1000:
        assert (await box(page.locator(".all-read-text")))["width"] > 100


async def test_a_category_or_type_is_named_by_the_table_or_not_at_all(
    page: Page, server: ScriptedServer
) -> None:
    await show(page, server, item(1, category="billing"), item(2, category="secret_key"), item(3))
    text = page.locator(".inbox")
    await expect(page.locator("article .kind:visible")).to_have_count(0)
    await expect(page.get_by_role("combobox")).to_be_hidden()
    await name_categories(page)
    await expect(page.locator("article .kind:visible")).to_have_text(["Invoices"])
    await expect(page.locator("option")).to_have_text(["All categories", "Invoices"])
    for key in ("billing", "secret_key", "order.shipped", "constructor"):
        await expect(text).not_to_contain_text(key)


async def test_lines_stay_short_in_a_wide_inbox(page: Page, server: ScriptedServer) -> None:
    text = "Your parcel left the warehouse in Hamburg and is expected on Friday morning. "
    await show(page, server, item(1, title=text * 3, body=text * 9))
    await page.locator(".more").click()
    for name in (".title", ".body > span"):
        longest = await page.locator(f"article {name}").evaluate(
            """(text) => {
              const range = new Range();
              const lengths = new Map();
              for (let n = 0; n < text.firstChild.length; n += 1) {
                range.setStart(text.firstChild, n);
                range.setEnd(text.firstChild, n + 1);
                const { top } = range.getBoundingClientRect();
                lengths.set(top, (lengths.get(top) ?? 0) + 1);
              }
              return Math.max(...lengths.values());
            }"""
        )
        assert 50 < longest <= 75


async def test_all_can_be_marked_as_read_only_where_something_is_unread(
    page: Page, server: ScriptedServer
) -> None:
    put_away = item(1, archived_at="2026-01-02T00:00:00Z")
    await Lists([put_away]).serve(page)
    await show(page, server, item(2, category="billing", read_at="2026-01-02T00:00:00Z"), item(3))
    await name_categories(page)
    mark = page.get_by_role("button", name="Mark all as read")
    await expect(mark).to_be_enabled()
    for tab in ("Archived", "Snoozed"):
        await page.get_by_role("tab", name=tab).click()
        await expect(mark).to_be_hidden()
    await page.get_by_role("tab", name="All", exact=True).click()
    await expect(mark).to_be_enabled()
    await page.get_by_role("combobox").select_option("billing")
    await expect(mark).to_be_hidden()


async def test_the_chosen_tab_is_seen_in_forced_colours(
    browser: Browser, server: ScriptedServer
) -> None:
    async with open_page(browser, forced_colors="active") as page:
        await show(page, server, item(1))
        looks = await page.locator(".tab").evaluate_all(
            """(tabs) => tabs.map((tab) => [tab.getAttribute("aria-selected"),
              getComputedStyle(tab).backgroundColor])"""
        )
        chosen = {colour for selected, colour in looks if selected == "true"}
        others = {colour for selected, colour in looks if selected != "true"}
        assert len(looks) == 4
        assert not chosen & others


async def test_snooze_times_have_a_date(page: Page, server: ScriptedServer) -> None:
    await page.clock.set_fixed_time("2026-03-10T12:00:00")
    await show(page, server, item(1))
    await page.locator("article").focus()
    await page.keyboard.press("s")
    await expect(page.locator(".menu-hint")).to_have_text(
        ["Tue, Mar 10, 1:00 PM", "Tue, Mar 10, 6:00 PM", "Wed, Mar 11, 9:00 AM",
         "Mon, Mar 16, 9:00 AM"]
    )  # fmt: skip


async def test_a_menu_of_long_words_stays_in_a_narrow_window(
    page: Page, server: ScriptedServer
) -> None:
    await page.set_viewport_size({"width": 320, "height": 700})
    await show(page, server, item(1))
    await page.evaluate(
        """() => { document.querySelector("clarion-inbox").words = {
          snoozes: { hour: "In etwas mehr als einer ganzen Stunde, von jetzt an gerechnet" } } }"""
    )
    await page.locator("article").focus()
    await page.keyboard.press("s")
    menu = await box(page.get_by_role("menu"))
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= 320


async def test_a_toast_has_a_time_and_something_to_do(page: Page, server: ScriptedServer) -> None:
    session = await show_bell(page, server)
    await page.clock.set_fixed_time("2026-01-01T00:30:00Z")
    await session.send(notification(item(1, title=LONG), 1))
    toast = page.locator(".toast")
    await expect(toast.locator("time")).to_have_text("29 min. ago")
    assert (await box(toast))["height"] < 180
    await toast.get_by_role("button", name="Mark as read").click()
    assert (await receive(session, "read"))["ids"] == ["item-001"]
    await expect(toast).to_have_count(0)


async def test_words_that_are_changed_change_what_is_shown(
    page: Page, server: ScriptedServer
) -> None:
    await show(page, server, item(1))
    await page.evaluate(
        "document.querySelector('clarion-inbox').words = { archive: 'Ablegen', urgent: 'Eilt' }"
    )
    await expect(page.get_by_role("button", name="Ablegen")).to_have_count(1)


VIEWS: dict[str, dict[str, str]] = {
    "en": {},
    "de": GERMAN["views"] | {"archived": "Archivierte"},
    "ar": {"inbox": "الكل", "unread": "غير مقروء", "snoozed": "مؤجل", "archived": "مؤرشف"},
}


@pytest.mark.parametrize("lang", VIEWS)
@pytest.mark.parametrize("width", [320, 390])
async def test_the_tabs_stand_in_one_line_and_the_chosen_one_is_in_view(
    page: Page, server: ScriptedServer, lang: str, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 700})
    await Lists([]).serve(page)
    await show(page, server, item(1, category="team"))
    await page.evaluate(
        """([lang, views]) => {
          document.documentElement.dir = lang === "ar" ? "rtl" : "ltr";
          document.querySelector("clarion-inbox").words = { views, labels: { team: "Team" } };
        }""",
        [lang, VIEWS[lang]],
    )
    tabs = page.get_by_role("tab")
    await expect(tabs).to_have_count(4)
    if VIEWS[lang]:
        await expect(tabs.last).to_have_text(str(VIEWS[lang]["archived"]))
    tops = {round((await box(tab))["y"]) for tab in await tabs.all()}
    assert len(tops) == 1
    line = await box(page.get_by_role("tablist"))
    for state, place in (("archived", 3), ("inbox", 0)):
        await page.evaluate(f"document.querySelector('clarion-inbox').view = '{state}'")
        await expect(tabs.nth(place)).to_have_attribute("aria-selected", "true")
        chosen = await box(tabs.nth(place))
        assert chosen["x"] >= line["x"] - 1
        assert chosen["x"] + chosen["width"] <= line["x"] + line["width"] + 1
    scrolled = "[document.documentElement.scrollWidth, innerWidth]"
    wide, screen = await page.evaluate(scrolled)
    assert wide <= screen
