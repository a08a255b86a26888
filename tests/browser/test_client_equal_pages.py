"""Pages of one feed hold the same, whether they listened or resumed: random commands on a real
server, in an inbox of more than the 50 items of a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, Page

from testbed.browser import open_page
from testbed.processes import wait_until
from tests.browser.demo import Demo, event
from tests.browser.feeds import open_feed
from tests.browser.scripted import until

pytestmark = pytest.mark.timeout(240)

ROUNDS = 8
VERBS = ("read", "unread", "seen", "archive", "unarchive", "snooze", "return")
HELD = """[clarion.version, clarion.unreadCount, [...clarion.items]
  .sort((a, b) => (a.id < b.id ? 1 : -1))]"""


class Device:
    """Another device of the subscriber, by REST."""

    def __init__(self, demo: Demo, http: httpx2.AsyncClient, random: Random) -> None:
        self.demo = demo
        self.http = http
        self.random = random
        self.sent = 0

    async def inbox(self) -> dict[str, Any]:
        answer = await self.http.get("/v1/inbox", params={"state": "all", "limit": 500})
        return answer.raise_for_status().json()

    async def arrive(self, count: int) -> None:
        """Returns when all that was sent is in the inbox."""
        titles = [f"Order {self.sent + n}" for n in range(count)]
        self.sent += count
        categories = [{"category": "orders"}, {"category": "chat"}, {}]
        events = [event(title, "ada") | self.random.choice(categories) for title in titles]
        await self.demo.post(*events)
        await wait_until(self._has_all, timeout_s=60, what="all that was sent is in the inbox")

    async def _has_all(self) -> bool:
        return len((await self.inbox())["items"]) == self.sent

    async def command(self) -> None:
        """One verb, for some items or for all up to some version."""
        inbox, verb = await self.inbox(), self.random.choice(VERBS)
        body: dict[str, Any] = {
            "ids": [one["id"] for one in self.random.choices(inbox["items"], k=7)]
        }
        body["ids"] = sorted(set(body["ids"]))
        if self.random.random() < 0.3:
            body = {"up_to": self.random.randrange(inbox["version"] + 1)}
            if verb in ("read", "seen", "archive") and self.random.random() < 0.5:
                body["category"] = "orders"
        if verb in ("snooze", "return"):
            later = datetime.now(UTC) + timedelta(days=300)
            body["until"] = later.isoformat() if verb == "snooze" else None
        path = "snooze" if verb == "return" else verb
        answer = await self.http.post(f"/v1/inbox/{path}", json=body)
        assert answer.is_success, answer.text

    async def act(self, steps: int) -> None:
        for _ in range(steps):
            if self.random.random() < 0.2:
                await self.arrive(self.random.randint(1, 3))
            else:
                await self.command()


async def held(tab: Page, version: int) -> Any:
    """What the page holds, once it is there."""
    await until(tab, f"clarion.state.state === 'live' && clarion.version === {version}", 60)
    return await tab.evaluate(HELD)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_page_that_listened_and_one_that_resumed_hold_the_same(
    browser: Browser, demo: Demo, seed: int
) -> None:
    token = (await demo.call("POST", "/v1/tokens", {"subscriber": "ada"}))["token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(base_url=demo.url, headers=headers, timeout=30) as http,
        open_page(browser, bypass_csp=True) as page,
    ):
        device = Device(demo, http, Random(seed))
        await device.arrive(device.random.randint(60, 120))
        await device.act(10)
        listener = await open_feed(page.context, demo, "ada", share=False)
        resumer = await open_feed(page.context, demo, "ada", share=False)
        floor = min(await listener.evaluate("clarion.items.map((one) => one.id)"))
        for _ in range(ROUNDS):
            await resumer.evaluate("clarion.disconnect()")
            await device.act(6)
            await resumer.evaluate("clarion.connect()")
            await device.act(2)
            inbox = await device.inbox()
            expected = await held(listener, inbox["version"])
            assert await held(resumer, inbox["version"]) == expected
            now = {one["id"]: one for one in inbox["items"]}
            assert [now[one["id"]] for one in expected[2]] == expected[2]
            assert expected[1] == inbox["unread"]
            in_view = [
                one["id"]
                for one in inbox["items"]
                if not (one["archived_at"] or one["snoozed_until"])
            ]
            shown = {one["id"] for one in expected[2]}
            assert {one for one in in_view if one >= floor} <= shown
