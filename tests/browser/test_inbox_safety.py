"""What an item holds is text. It cannot make an element, run anything, or lead anywhere unsafe."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import show, show_bell
from tests.browser.scripted import ScriptedServer, item, notification

MARKUP = "<img src=x onerror=\"window.attacked='yes'\"><a href='https://evil.example'>x</a>"
NOWHERE = [
    "javascript:alert(1)",
    " java\tscript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://shop.example/1",
    "file:///etc/passwd",
    "http://shop.example/1",
    "//shop.example/1",
    "https://",
    "",
]


@pytest.mark.both_browsers
async def test_markup_in_any_field_is_shown_as_it_is_written(
    page: Page, server: ScriptedServer
) -> None:
    actions = [{"label": MARKUP[:40], "url": MARKUP}, {"label": "Go", "url": {"href": "x"}}]
    fields: dict[str, Any] = {"title": MARKUP, "body": MARKUP, "category": MARKUP, "url": MARKUP}
    await show(page, server, item(1, **fields, data={"actions": actions, "x": MARKUP}))
    await page.evaluate(
        "(name) => document.querySelector('clarion-inbox').words = { labels: { [name]: name } }",
        MARKUP,
    )
    found = page.locator("article")
    await expect(found.locator(".title")).to_have_text(MARKUP)
    await expect(found.locator(".body")).to_have_text(MARKUP)
    await expect(found.locator(".kind")).to_have_text(MARKUP)
    assert await found.locator("img, script, iframe").count() == 0
    # A URL that is markup is a strange page of this site, and no more than that
    hrefs = await found.locator("a[href]").evaluate_all(
        "(all) => all.map((a) => new URL(a.href).origin)"
    )
    assert set(hrefs) == {server.url}
    assert await page.evaluate("window.attacked") is None


@pytest.mark.both_browsers
async def test_what_leads_nowhere_safe_is_no_link(page: Page, server: ScriptedServer) -> None:
    items = [
        item(n, url=url, data={"actions": [{"label": f"Press {n}", "url": url}]})
        for n, url in enumerate(NOWHERE, 1)
    ]
    await show(page, server, *items)
    for n, url in enumerate(NOWHERE, 1):
        article = page.locator("article", has=page.get_by_text(f"Press {n}", exact=True))
        await expect(article.locator(".no-link")).to_have_text(f"Press {n}")
        assert await article.locator("a[href]").count() == 0, url
        await article.click()
        await article.focus()
        await page.keyboard.press("Enter")
        assert page.url.rstrip("/") == server.url, url


async def test_what_leads_somewhere_is_a_link_that_tells_no_more_than_it_must(
    page: Page, server: ScriptedServer
) -> None:
    urls = ["/orders/1", "?page=2", "https://shop.example/1", "mailto:help@shop.example"]
    await show(page, server, *[item(n, url=url) for n, url in enumerate(urls, 1)])
    links = await page.locator("article a:visible").evaluate_all(
        "(links) => links.map((a) => [a.getAttribute('href'), a.target, a.rel])"
    )
    rel = "noopener noreferrer"
    assert links == [
        ["mailto:help@shop.example", "", rel],
        ["https://shop.example/1", "_blank", rel],
        [f"{server.url}/?page=2", "", rel],
        [f"{server.url}/orders/1", "", rel],
    ]


ODD_DATA: list[Any] = [
    None,
    "actions",
    7,
    [],
    {"actions": None},
    {"actions": "javascript:alert(1)"},
    {"actions": {"label": "x", "url": "/x"}},
    {"actions": [None, 1, "x", [], {}, {"label": 1, "url": "/x"}, {"label": "  ", "url": "/x"}]},
    {"actions": [{"url": "/x"}], "__proto__": {"actions": [{"label": "x", "url": "/x"}]}},
]


async def test_data_of_another_shape_makes_no_action(page: Page, server: ScriptedServer) -> None:
    await show(page, server, *[item(n, data=data) for n, data in enumerate(ODD_DATA, 1)])
    assert await page.locator("article .links > *").count() == 0


async def test_at_most_three_actions_are_shown_and_long_ones_are_cut(
    page: Page, server: ScriptedServer
) -> None:
    actions = [{"label": f"{n} " + "x" * 500, "url": f"/{n}"} for n in range(9)]
    await show(page, server, item(1, data={"actions": actions}))
    links = page.locator("article .links a")
    await expect(links).to_have_count(3)
    assert [len(text) for text in await links.all_inner_texts()] == [60, 60, 60]


async def test_a_toast_shows_markup_as_it_is_written(page: Page, server: ScriptedServer) -> None:
    session = await show_bell(page, server)
    await session.send(notification(item(1, title=MARKUP, body=MARKUP), 1))
    await expect(page.locator(".toast-title")).to_have_text(MARKUP)
    await expect(page.locator(".toast-text")).to_have_text(MARKUP)
    assert await page.locator(".toast img, .toast a").count() == 0
    assert await page.evaluate("window.attacked") is None


async def test_a_title_that_turns_the_writing_round_turns_only_itself(
    page: Page, server: ScriptedServer
) -> None:
    await show(page, server, item(1, title="\u202edetrever", body="plain"))
    isolation = await page.locator("article .title").evaluate(
        "(title) => getComputedStyle(title).unicodeBidi"
    )
    assert isolation in ("isolate", "plaintext")
