"""An item's picture and the name of who acted, in `<clarion-inbox>`."""

from __future__ import annotations

import base64

import pytest
from playwright.async_api import Browser, Page, Request, Route, expect

from testbed.browser import open_page
from tests.browser.inboxes import show
from tests.browser.scripted import ScriptedServer, item

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
UNSAFE = [
    "http://cdn.example/a.png",
    "javascript:alert(1)",
    "data:image/png;base64,AA==",
    "mailto:ada@shop.example",
    "blob:https://cdn.example/1",
]


async def test_a_picture_takes_the_place_of_the_letter_and_tells_nobody_where_it_is(
    page: Page, server: ScriptedServer
) -> None:
    asked: list[Request] = []

    async def answer(route: Route) -> None:
        asked.append(route.request)
        await route.fulfill(body=DOT, content_type="image/png")

    await page.route("**/*.png", answer)
    pictures = ("https://cdn.example/ada.png", "/grace.png")
    await show(page, server, *[item(n, image=one) for n, one in enumerate(pictures, 1)])
    shown = page.locator("article .avatar img")
    await expect(shown).to_have_count(2)
    for place in range(2):
        await expect(shown.nth(place)).to_have_js_property("naturalWidth", 1)
        await expect(shown.nth(place)).to_have_attribute("loading", "lazy")
        await expect(shown.nth(place)).to_have_attribute("alt", "")
    assert {one.url for one in asked} == {pictures[0], f"{server.url}/grace.png"}
    assert [await one.header_value("referer") for one in asked] == [None, None]


async def test_where_it_does_not_come_the_initial_of_the_actor_stands(
    browser: Browser, server: ScriptedServer
) -> None:
    async with open_page(browser, allowed_errors=("status of 404",)) as page:
        await page.route("**/*.png", lambda route: route.fulfill(status=404))
        one = item(1, image="https://cdn.example/gone.png", actor="ada lovelace")
        await show(page, server, one, item(2, actor="Grace"))
        await expect(page.locator("article .avatar")).to_have_text(["G", "A"])
        await expect(page.locator("article .avatar img")).to_have_count(0)


@pytest.mark.parametrize("image", UNSAFE)
async def test_what_is_no_safe_picture_is_not_asked_for(
    page: Page, server: ScriptedServer, image: str
) -> None:
    await show(page, server, item(1, image=image))
    await expect(page.locator("article .avatar svg")).to_have_count(1)
    await expect(page.locator("article img")).to_have_count(0)


async def test_the_actor_is_named_as_text_and_read_with_the_item(
    page: Page, server: ScriptedServer
) -> None:
    await show(page, server, item(1, actor="<b>Ada</b>"), item(2))
    await expect(page.locator("article .actor:visible")).to_have_text(["<b>Ada</b>"])
    described = await page.locator("article").last.evaluate(
        """(article) => article.getAttribute("aria-describedby").split(" ").map((id) =>
          article.getRootNode().getElementById(id).textContent).join(" ")"""
    )
    assert "<b>Ada</b>" in described
