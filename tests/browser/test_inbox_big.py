"""`<clarion-inbox>` with ten thousand items: what is there, what an arrival costs, what works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import violations
from tests.browser.inboxes import Lists, changed, scroll_to_end, show_newest
from tests.browser.scripted import ScriptedServer, Session, item, notification, until

COUNT = 10_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MOST_NODES = 20_000
"""Fifty for each of the 400 rows that are there at most."""

WORK = """() => {
  const inbox = document.querySelector("clarion-inbox");
  window.work = { added: 0, removed: 0, changed: 0 };
  new MutationObserver((records) => {
    for (const { addedNodes, removedNodes, type } of records) {
      work.added += addedNodes.length;
      work.removed += removedNodes.length;
      if (type !== "childList") work.changed += 1;
    }
  }).observe(inbox.shadowRoot, { childList: true, subtree: true, characterData: true });
}"""

NODES = """() => {
  const walker = document.createTreeWalker(
    document.querySelector("clarion-inbox").shadowRoot.querySelector(".list"), NodeFilter.SHOW_ALL);
  let count = 0;
  while (walker.nextNode()) count += 1;
  return count;
}"""


class OnePage(Lists):
    """All of them in one answer."""

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        return super()._page(query | {"limit": str(2 * COUNT)})


def numbered(count: int) -> list[dict[str, Any]]:
    """Items a quarter of an hour apart, so a hundred a day."""
    return [
        item(n, id=f"item-{n:05}", created_at=(BEGIN + n * timedelta(minutes=15)).isoformat())
        for n in range(1, count + 1)
    ]


async def show_all(page: Page, server: ScriptedServer) -> Session:
    items = numbered(COUNT)
    await OnePage(items).serve(page)
    session = await show_newest(page, server, *items)
    await scroll_to_end(page)
    await expect(page.locator(".older")).to_be_hidden()
    await until(page, f"clarion.item('item-00001') && clarion.version === {COUNT}")
    return session


async def scroll_to(page: Page, share: float) -> None:
    """To this part of the whole height."""
    await page.locator(".scroll").evaluate(
        "(scroll, share) => scroll.scrollTo(0, scroll.scrollHeight * share)", share
    )


async def in_view(page: Page) -> list[str]:
    """The titles in view, from above."""
    return await page.locator(".scroll").evaluate(
        """(scroll) => {
          const view = scroll.getBoundingClientRect();
          return [...scroll.querySelectorAll("article")].filter((article) => {
            const { top, bottom } = article.getBoundingClientRect();
            return bottom > view.top && top < view.bottom;
          }).map((article) => article.querySelector(".title").textContent);
        }"""
    )


async def expect_rows(page: Page) -> list[str]:
    """Rows fill the view, in order and without a hole; their titles."""
    await page.wait_for_function(
        """() => {
          const root = document.querySelector("clarion-inbox").shadowRoot;
          const view = root.querySelector(".scroll").getBoundingClientRect();
          return [...root.querySelectorAll(".gap")].every((gap) => {
            const { top, bottom } = gap.getBoundingClientRect();
            return bottom <= view.top + 1 || top >= view.bottom - 1;
          });
        }"""
    )
    titles = await in_view(page)
    first = int(titles[0].split()[1])
    assert titles == [f"Order {n}" for n in range(first, first - len(titles), -1)]
    return titles


async def test_an_arrival_touches_a_row_and_not_the_list(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_all(page, server)
    await scroll_to(page, 0)
    # The first is always there, for it has the tab stop; its neighbours come with the view
    await expect(page.locator("article .title").nth(100)).to_have_text(f"Order {COUNT - 100}")
    await page.evaluate(WORK)
    parsed = """() => {
      const parse = Date.parse;
      window.parsed = 0;
      Date.parse = (text) => (window.parsed += 1, parse(text));
    }"""
    await page.evaluate(parsed)
    when = (BEGIN + (COUNT + 1) * timedelta(minutes=15)).isoformat()
    new = item(COUNT + 1, id=f"item-{COUNT + 1:05}", created_at=when)
    await session.send(notification(new, COUNT + 1))
    await expect(page.locator("article .title").first).to_have_text(f"Order {COUNT + 1}")
    work = await page.evaluate("work")
    assert work["added"] <= 10
    assert work["removed"] <= 10
    assert work["changed"] <= 10
    assert await page.evaluate("parsed") < COUNT
    assert await page.evaluate(NODES) < MOST_NODES


async def test_the_view_is_filled_wherever_it_is_and_the_nodes_stay_few(
    page: Page, server: ScriptedServer
) -> None:
    await show_all(page, server)
    for share in (0.5, 0.9, 0.2, 0.21, 1, 0):
        await scroll_to(page, share)
        titles = await expect_rows(page)
        assert await page.evaluate(NODES) < MOST_NODES
        place = COUNT - int(titles[0].split()[1])
        assert place == pytest.approx(share * COUNT, abs=COUNT / 20)
    await expect(page.locator("article .title").first).to_have_text(f"Order {COUNT}")
    await scroll_to_end(page)
    await expect_rows(page)
    await expect(page.locator("article .title").last).to_have_text("Order 1")


async def test_what_is_read_does_not_move_while_one_arrives_far_above(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_all(page, server)
    await scroll_to(page, 0.5)
    titles = await expect_rows(page)
    read = page.locator("article", has=page.get_by_text(titles[3], exact=True))
    before = await read.bounding_box()
    when = (BEGIN + (COUNT + 1) * timedelta(minutes=15)).isoformat()
    new = item(COUNT + 1, id=f"item-{COUNT + 1:05}", created_at=when)
    await session.send(notification(new, COUNT + 1))
    above = page.get_by_role("button", name="1 new notification")
    await expect(above).to_be_visible()
    after = await read.bounding_box()
    assert before is not None
    assert after is not None
    assert after["y"] == pytest.approx(before["y"], abs=1)
    await above.click()
    await expect(page.locator("article:focus .title")).to_have_text(f"Order {COUNT + 1}")
    await expect_rows(page)


async def test_the_keyboard_goes_from_end_to_end_and_the_focus_is_never_lost(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_all(page, server)
    focused = page.locator("article:focus .title")
    await page.evaluate("document.querySelector('clarion-inbox').focus()")
    await page.keyboard.press("End")
    await expect(focused).to_have_text("Order 1")
    await page.keyboard.press("PageUp")
    await expect(focused).to_have_text("Order 6")
    await page.keyboard.press("Home")
    await expect(focused).to_have_text(f"Order {COUNT}")
    await page.keyboard.press("ArrowDown")
    await expect(focused).to_have_text(f"Order {COUNT - 1}")
    await scroll_to(page, 0.7)
    await expect_rows(page)
    await expect(focused).to_have_text(f"Order {COUNT - 1}")
    gone = item(COUNT - 1, COUNT + 1, id=f"item-{COUNT - 1:05}", archived_at="2026-01-02T00:00:00Z")
    await session.send(changed(COUNT + 1, 3, gone))
    await expect(focused).to_have_text(f"Order {COUNT - 2}")
    assert await page.locator("article[tabindex='0']").count() == 1


async def test_a_screen_reader_is_told_where_a_row_stands_among_all(
    page: Page, server: ScriptedServer
) -> None:
    await show_all(page, server)
    await scroll_to(page, 0.5)
    titles = await expect_rows(page)
    place = COUNT - int(titles[0].split()[1]) + 1
    row = page.locator("article", has=page.get_by_text(titles[0], exact=True))
    await expect(row).to_have_attribute("aria-posinset", str(place))
    await expect(row).to_have_attribute("aria-setsize", str(COUNT))
    await page.evaluate(
        """() => document.querySelector("main").prepend(
          Object.assign(document.createElement("h1"), { textContent: "Test" }))"""
    )
    assert await violations(page) == []


async def test_hundreds_are_all_there_for_the_search_of_the_page(
    page: Page, server: ScriptedServer
) -> None:
    items = numbered(390)
    await OnePage(items).serve(page)
    await show_newest(page, server, *items)
    await scroll_to_end(page)
    await expect(page.locator("article")).to_have_count(390)
    await scroll_to(page, 0)
    found = await page.evaluate("window.find('Order 2', false, false, true)")
    assert found
    assert await page.locator(".gap").count() == 0
