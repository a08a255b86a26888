"""Pressing a row of `<clarion-inbox>`: once, in another tab, or to mark its text."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.inboxes import receive, show
from tests.browser.scripted import ScriptedServer, item, notification, until

BODY = "Your parcel with the blue lamp has left the house and comes tomorrow morning."
COUNT = """() => {
  window.opened = [];
  const note = (name, what) => addEventListener(name, (event) => {
    event.preventDefault();
    opened.push(what(event.detail));
  });
  note("clarion-open", (item) => item.id);
  note("clarion-action", ({ url }) => url);
}"""
MARKED = """() => {
  const { shadowRoot } = document.querySelector("clarion-inbox");
  return (shadowRoot.getSelection?.() ?? getSelection()).toString();
}"""


async def drag_over(page: Page, text: Locator) -> None:
    """Mark it with the mouse, from its first letter on."""
    box = await text.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 2, box["y"] + 8)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 60, box["y"] + 8, steps=4)
    await page.mouse.move(box["x"] + min(box["width"] - 4, 160), box["y"] + 8, steps=4)
    await page.mouse.up()


async def press(page: Page, part: str, **how: Any) -> None:
    """Press where this part of the row is, whatever takes the press."""
    box = await page.locator(f"article {part}").last.bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + 8, box["y"] + 8, **how)


@pytest.mark.parametrize("part", [".title", ".body > span"])
@pytest.mark.parametrize("url", ["/?order=1", None])
async def test_marking_text_opens_nothing(
    page: Page, server: ScriptedServer, part: str, url: str | None
) -> None:
    title = "The blue lamp is on its way to you"
    session = await show(page, server, item(1, title=title, body=BODY, url=url))
    await page.evaluate(COUNT)
    await drag_over(page, page.locator(f"article {part}"))
    marked = await page.evaluate(MARKED)
    # Chromium marks no text from within a link on
    assert marked or (part == ".title" and url)
    assert marked in (title if part == ".title" else BODY)
    await session.send(notification(item(2), 2))
    await until(page, "clarion.version === 2")
    assert await page.evaluate("opened") == []
    assert page.url.rstrip("/") == server.url
    # What was marked before does not keep the next press from opening
    await press(page, part)
    assert await page.evaluate("opened") == ["item-001"]


@pytest.mark.parametrize("part", [".title", ".body > span", ".avatar"])
async def test_a_double_press_opens_once(page: Page, server: ScriptedServer, part: str) -> None:
    await show(page, server, item(1, body=BODY, url="/?order=1"))
    await page.evaluate(COUNT)
    await press(page, part, click_count=3)
    assert await page.evaluate("opened") == ["item-001"]
    assert page.url.rstrip("/") == server.url


async def test_a_double_press_opens_an_action_and_a_row_without_link_once(
    page: Page, server: ScriptedServer
) -> None:
    actions = [{"label": "Track", "url": "/?track=1"}]
    await show(page, server, item(1, data={"actions": actions}), item(2))
    await page.evaluate(COUNT)
    await page.get_by_role("link", name="Track").dblclick()
    await page.get_by_text("Order 2").dblclick()
    assert await page.evaluate("opened") == [f"{server.url}/?track=1", "item-002"]


@pytest.mark.parametrize("how", ["Control", "Meta", "middle"])
@pytest.mark.parametrize("part", [".title", ".body > span", ".avatar", ".act"])
async def test_a_press_for_another_tab_opens_one_and_leaves_this_one(
    page: Page, server: ScriptedServer, part: str, how: str
) -> None:
    data = {"actions": [{"label": "Track", "url": "/?order=1"}]}
    session = await show(page, server, item(1, body=BODY, url="/?order=1", data=data))
    await page.evaluate(COUNT)
    async with page.context.expect_page() as another:
        if how == "middle":
            await press(page, part, button="middle")
        else:
            # A browser knows one of the two as its own, as its system does
            key = "Control" if part != ".body > span" else how
            await page.keyboard.down(key)
            await press(page, part)
            await page.keyboard.up(key)
    opened = await another.value
    await opened.wait_for_url(f"{server.url}/?order=1")
    assert len(page.context.pages) == 2
    assert page.url.rstrip("/") == server.url
    assert await page.evaluate("opened") == []
    assert (await receive(session, "read"))["ids"] == ["item-001"]


async def test_the_title_is_the_link_stretched_over_the_row(
    page: Page, server: ScriptedServer
) -> None:
    await show(page, server, item(1, body=BODY, url="/?order=1"), item(2, body=BODY))
    link = page.get_by_role("link", name="Order 1")
    await expect(link).to_have_attribute("part", "link")
    await expect(link.locator(".title")).to_have_attribute("part", "title")
    await expect(page.get_by_role("link")).to_have_count(1)
    # Wherever nothing else stands, the row is the link
    under = await page.locator("article", has=link).evaluate(
        """(row) => {
          const { left, right, bottom } = row.getBoundingClientRect();
          const root = row.getRootNode();
          return [[left + 4, bottom - 4], [right - 4, bottom - 4], [left + 30, bottom - 20]]
            .map(([x, y]) => root.elementFromPoint(x, y).className);
        }"""
    )
    assert under == ["open", "open", "open"]
    await page.locator("article", has=link).focus()
    await page.keyboard.press("Tab")
    await expect(page.locator("a.open:focus")).to_have_count(1)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{server.url}/?order=1")


async def test_the_tools_of_a_row_are_above_its_link(page: Page, server: ScriptedServer) -> None:
    session = await show(page, server, item(1, body=BODY, url="/?order=1"))
    await page.locator("article").hover()
    await page.get_by_role("button", name="Archive").click()
    assert (await receive(session, "archive"))["ids"] == ["item-001"]
    assert page.url.rstrip("/") == server.url
