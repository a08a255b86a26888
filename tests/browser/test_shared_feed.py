"""Real feeds in real tabs: two people, three tabs each, whatever becomes of server and network."""

from __future__ import annotations

import re

import httpx2
import pytest
from playwright.async_api import Browser, Page

from testbed.browser import open_page
from tests.browser.demo import Demo, event
from tests.browser.feeds import AWAY, expect_feed, open_feed, open_feeds
from tests.browser.scripted import until

pytestmark = [pytest.mark.both_browsers, pytest.mark.timeout(240)]


async def sessions(demo: Demo) -> int:
    """Open connections, as the server counts them."""
    async with httpx2.AsyncClient(base_url=demo.url, timeout=20) as http:
        metrics = (await http.get("/metrics")).text
    found = re.search(r"^clarion_live_sessions (\S+)$", metrics, re.MULTILINE)
    assert found
    return int(float(found[1]))


async def test_two_people_with_three_tabs_each_have_a_connection_each(
    browser: Browser, demo: Demo
) -> None:
    async with (
        open_page(browser, bypass_csp=True) as page,
        open_page(browser, bypass_csp=True) as phone,
    ):
        ada = await open_feeds(page.context, demo, "ada")
        grace = await open_feeds(page.context, demo, "grace")
        assert await sessions(demo) == 2
        device = await open_feed(phone.context, demo, "ada")
        await demo.post(event("Both", "ada", "grace"), event("Ada's", "ada"))
        await expect_feed([*ada, device], ["Ada's", "Both"], 2)
        await expect_feed(grace, ["Both"], 1)
        await ada[1].evaluate("clarion.read(clarion.items[0].id)")
        await expect_feed([*ada, device], ["Ada's", "Both"], 1)
        await device.evaluate("clarion.archive(clarion.items[1].id)")
        await expect_feed([*ada, device], ["Ada's"], 0)
        await expect_feed(grace, ["Both"], 1)
        assert [await tab.evaluate("arrived") for tab in ada] == [["Both", "Ada's"]] * 3
        assert await sessions(demo) == 3


async def test_a_server_that_restarts_costs_no_tab_an_item(browser: Browser, demo: Demo) -> None:
    async with open_page(browser, allowed_errors=AWAY, bypass_csp=True) as page:
        tabs = await open_feeds(page.context, demo, "ada")
        await demo.post(event("Before", "ada"))
        await expect_feed(tabs, ["Before"], 1)
        await demo.stop()
        for tab in tabs:
            await until(tab, "clarion.state.state !== 'live'", timeout_s=30)
        await demo.start()
        await demo.post(event("After 1", "ada"), event("After 2", "ada"))
        await expect_feed(tabs, ["After 2", "After 1", "Before"], 3)
        await demo.post(event("Live", "ada"))
        await expect_feed(tabs, ["Live", "After 2", "After 1", "Before"], 4)
        told = ["Before", "After 1", "After 2", "Live"]
        assert [await tab.evaluate("arrived") for tab in tabs] == [told] * 3
        assert await sessions(demo) == 1


@pytest.mark.chromium_only("offline, Playwright's Firefox leaves open sockets as they are")
async def test_a_lost_network_and_a_closed_leader_cost_no_tab_an_item(
    browser: Browser, demo: Demo
) -> None:
    async with open_page(browser, allowed_errors=AWAY, bypass_csp=True) as page:
        tabs = await open_feeds(page.context, demo, "ada")
        await demo.post(event("Before", "ada"))
        await expect_feed(tabs, ["Before"], 1)
        await page.context.set_offline(True)
        await until(tabs[2], "clarion.state.state === 'offline'", timeout_s=60)
        await demo.post(event("Meanwhile 1", "ada"), event("Meanwhile 2", "ada"))
        await page.context.set_offline(False)
        await expect_feed(tabs, ["Meanwhile 2", "Meanwhile 1", "Before"], 3)
        await tabs[0].close()
        await demo.post(*[event(f"Later {n}", "ada") for n in range(1, 4)])
        later = [f"Later {n}" for n in (3, 2, 1)]
        await expect_feed(tabs[1:], [*later, "Meanwhile 2", "Meanwhile 1", "Before"], 6)
        told = ["Before", "Meanwhile 1", "Meanwhile 2", *reversed(later)]
        assert [await tab.evaluate("arrived") for tab in tabs[1:]] == [told] * 2
        assert await sessions(demo) == 1


async def test_a_token_that_expires_is_renewed_without_a_gap(browser: Browser, demo: Demo) -> None:
    async with open_page(browser, bypass_csp=True) as page:
        tab = await open_feed(page.context, demo, "ada", ttl_s=10)
        other = await open_feed(page.context, demo, "ada", ttl_s=10)
        await demo.post(event("First", "ada"))
        await until(tab, "minted >= 3", timeout_s=60)
        await demo.post(event("Second", "ada"))
        await expect_feed([tab, other], ["Second", "First"], 2)
        assert await tab.evaluate("states") == ["connecting", "live"]
        assert [await one.evaluate("arrived") for one in (tab, other)] == [["First", "Second"]] * 2


async def test_revoked_sessions_end_the_feed_in_every_tab_with_a_sentence(
    browser: Browser, demo: Demo
) -> None:
    async with open_page(browser, bypass_csp=True) as page:
        tabs = await open_feeds(page.context, demo, "ada")
        grace = await open_feed(page.context, demo, "grace")
        await demo.call("DELETE", "/v1/subscribers/ada/sessions")
        for tab in tabs:
            await until(tab, "clarion.state.state === 'refused'", timeout_s=30)
            assert await tab.evaluate("[clarion.state.code, clarion.state.detail]") == [
                "token_revoked",
                "Your access was revoked.",
            ]
        await demo.post(event("After", "ada", "grace"))
        await expect_feed([grace], ["After"], 1)
        assert [await tab.evaluate("clarion.items.length") for tab in tabs] == [0, 0, 0]
        await tabs[0].evaluate("clarion.connect()")  # with a token that was issued afterwards
        await expect_feed(tabs[:1], ["After"], 1)


async def test_a_tab_publishes_where_its_own_token_allows_it(browser: Browser, demo: Demo) -> None:
    async with open_page(browser, bypass_csp=True) as page:
        leader = await open_feed(page.context, demo, "ada")
        other = await open_feed(page.context, demo, "ada", publish=["room:42"])
        publish = "clarion.publish('room:42', 1).then(() => 'ok', (error) => error.code)"
        assert await leader.evaluate(publish) == "topic_not_allowed"
        assert await other.evaluate(publish) == "ok"
        elsewhere = publish.replace("42", "43")
        assert await other.evaluate(elsewhere) == "topic_not_allowed"
        await demo.post(event("Still here", "ada"))
        await expect_feed([leader, other], ["Still here"], 1)
        states = [await tab.evaluate("states") for tab in (leader, other)]
        assert states == [["connecting", "live"]] * 2


async def test_where_no_socket_opens_the_feed_comes_by_events(browser: Browser, demo: Demo) -> None:
    async with open_page(browser, allowed_errors=AWAY, bypass_csp=True) as page:
        tab = await open_feed(page.context, demo, "ada", sockets=False)
        other = await open_feed(page.context, demo, "ada", sockets=False)
        assert await sessions(demo) == 1
        await demo.post(event("First", "ada"), event("Second", "ada"))
        await expect_feed([tab, other], ["Second", "First"], 2)
        await other.evaluate("clarion.read(clarion.items[0].id)")
        await expect_feed([tab, other], ["Second", "First"], 1)
        refused = "clarion.publish('room:42', 1).catch((error) => error.code)"
        assert await tab.evaluate(refused) == "unsupported"
        await demo.stop()
        await until(tab, "clarion.state.state !== 'live'", timeout_s=30)
        await demo.start()
        await demo.post(event("Third", "ada"))
        await expect_feed([tab, other], ["Third", "Second", "First"], 2)
        told = ["First", "Second", "Third"]
        assert [await one.evaluate("arrived") for one in (tab, other)] == [told] * 2


async def test_the_shard_in_the_address_is_said_by_socket_and_by_event_source(
    browser: Browser, demo: Demo
) -> None:
    asked: list[str] = []

    def watch(tab: Page) -> None:
        tab.on("websocket", lambda socket: asked.append(socket.url))
        tab.on("request", lambda request: asked.append(request.url))

    async with open_page(browser, bypass_csp=True) as page:
        page.context.on("page", watch)
        address = "/v1/live?shard=3"
        await open_feed(page.context, demo, "ada", url=address)
        await open_feed(page.context, demo, "grace", sockets=False, url=address)
    live = [re.sub("ticket=.*", "ticket=", one.partition("/v1/")[2]) for one in asked]
    assert {one for one in live if one.startswith("live")} == {
        "live?shard=3",
        "live/sse?shard=3&ticket=",
    }


async def test_many_tabs_without_locks_and_sockets_leave_the_host_reachable(
    browser: Browser, demo: Demo
) -> None:
    async with open_page(browser, allowed_errors=AWAY, bypass_csp=True) as page:
        await page.context.add_init_script(
            "Object.defineProperty(navigator, 'locks', {value: undefined})"  # as on plain HTTP
        )
        tabs = [await open_feed(page.context, demo, "ada", sockets=False) for _ in range(8)]
        await demo.post(event("First", "ada"), event("Second", "ada"))
        await expect_feed(tabs, ["Second", "First"], 2)
        await tabs[7].evaluate("clarion.read(clarion.items[0].id)")
        await expect_feed(tabs, ["Second", "First"], 1)
        reached = "fetch('/v1/live').then(({ status }) => status)"
        assert [await tab.evaluate(reached) > 0 for tab in tabs] == [True] * 8
        assert [await tab.evaluate("arrived") for tab in tabs] == [["First", "Second"]] * 8
