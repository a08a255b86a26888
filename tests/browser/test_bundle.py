"""The bundle, in which names are shorter than in the modules, does and says the same."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from playwright.async_api import Browser, Page, expect

from testbed.browser import open_page
from tests.browser.demo import Demo, event
from tests.browser.feeds import expect_feed, open_feed
from tests.browser.scripted import until

pytestmark = [pytest.mark.both_browsers, pytest.mark.timeout(240)]

MODULES = "/web/client/clarion.js"
BUNDLE = f"/web/{version('clarion')}/clarion.js"

NO_ICON = ("status of 404",)
"""A browser asks for the icon of a page that names none."""

SHOW = """async ({ module, key }) => {
  const { Clarion } = await import(module);
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  window.clientOf = (subscriber) => {
    const body = JSON.stringify({ subscriber });
    const token = async () => {
      const answer = await fetch("/v1/tokens", { method: "POST", headers, body });
      return (await answer.json()).token;
    };
    const client = new Clarion({ token });
    client.connect();
    return client;
  };
  window.clarion = clientOf("ada");
  const inbox = document.createElement("clarion-inbox");
  inbox.client = clarion;
  inbox.style.blockSize = "600px";
  document.body.replaceChildren(inbox);
}"""


async def show(page: Page, demo: Demo) -> None:
    """Ada's inbox, live. The sheet of the demo is a page of the server's own that runs nothing."""
    await page.goto(f"{demo.url}/web/demo/demo.css")
    await page.evaluate(SHOW, {"module": BUNDLE, "key": demo.key})
    await until(page, "clarion.state.state === 'live'", timeout_s=60)


@pytest.mark.parametrize(("first", "second"), [(MODULES, BUNDLE), (BUNDLE, MODULES)])
async def test_tabs_with_and_without_the_bundle_understand_each_other(
    browser: Browser, demo: Demo, first: str, second: str
) -> None:
    async with open_page(browser, bypass_csp=True) as page:
        leader = await open_feed(page.context, demo, "ada", module=first)
        follower = await open_feed(page.context, demo, "ada", module=second)
        await demo.post(event("One", "ada"), event("Two", "ada"))
        await expect_feed([leader, follower], ["Two", "One"], 2)
        await follower.evaluate("clarion.read(clarion.items[0].id)")
        await expect_feed([leader, follower], ["Two", "One"], 1)
        await leader.evaluate("clarion.archive(clarion.items[1].id)")
        await expect_feed([leader, follower], ["Two"], 0)
        assert await follower.evaluate("minted") == 1
        await leader.close()
        third = await open_feed(page.context, demo, "ada", module=first)
        await demo.post(event("Three", "ada"))
        await expect_feed([follower, third], ["Three", "Two"], 1)


async def test_where_no_socket_opens_it_has_the_feed_by_events(
    browser: Browser, demo: Demo
) -> None:
    async with open_page(browser, bypass_csp=True) as page:
        tab = await open_feed(page.context, demo, "ada", sockets=False, module=BUNDLE)
        await demo.post(event("By events", "ada"))
        await expect_feed([tab], ["By events"], 1)
        await tab.evaluate("clarion.read(clarion.items[0].id)")
        await expect_feed([tab], ["By events"], 0)
        listed = await tab.evaluate("clarion.list().then(({ items }) => items[0].title)")
        assert listed == "By events"


async def test_its_inbox_archives_undoes_snoozes_and_changes_person(
    browser: Browser, demo: Demo
) -> None:
    async with open_page(browser, allowed_errors=NO_ICON, bypass_csp=True) as page:
        await show(page, demo)
        await demo.post(event("Order", "ada"), event("Grace's", "grace"))
        articles = page.locator("article")
        await expect(articles).to_have_count(1)
        await articles.press("u")
        await expect(articles).not_to_have_attribute("data-unread", "")
        await articles.press("e")
        await expect(articles).to_have_count(0)
        await page.get_by_role("button", name="Undo").click()
        await expect(articles).to_have_count(1)
        await articles.press("s")
        await page.get_by_role("menuitem", name="In an hour").click()
        await expect(articles).to_have_count(0)
        await page.get_by_role("tab", name="Snoozed").click()
        await expect(articles.locator(".title")).to_have_text(["Order"])
        await page.get_by_role("tab", name="All").click()
        await page.evaluate("document.querySelector('clarion-inbox').client = clientOf('grace')")
        await expect(articles.locator(".title")).to_have_text(["Grace's"])
