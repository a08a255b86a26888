"""Vite with React, Vue and Next.js, with our packages from their tarballs: typed, live, quiet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from testbed.npm import pack_all
from testbed.processes import free_port
from tests.browser.demo import Demo, event, running_demo
from tests.browser.quiet import quiet_page
from tests.support.frameworks import make_app, served

pytestmark = pytest.mark.timeout(600)  # what a fresh machine needs to install and build them


@dataclass
class Shop:
    """The address of the app, on an origin of its own, and the Clarion that lets it in."""

    port: int
    demo: Demo

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def mint(self, route: Route) -> None:
        """What the shop's own server would answer."""
        answer = await self.demo.call("POST", "/v1/tokens", {"subscriber": "ada"})
        await route.fulfill(body=answer["token"])


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return pack_all(tmp_path_factory.mktemp("packed"))


@pytest_asyncio.fixture(loop_scope="session")
async def shop(tmp_path: Path, postgres_url: str) -> AsyncIterator[Shop]:
    port = free_port()
    env = {"CLARION_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}"}
    async with running_demo(free_port(), tmp_path, postgres_url, env) as demo:
        yield Shop(port, demo)


@pytest.mark.parametrize("framework", ["react", "vue", "next"])
async def test_an_app_with_the_packed_packages_is_live(
    browser: Browser, shop: Shop, archives: list[Path], framework: str
) -> None:
    app = make_app(framework, archives)
    async with served(app, shop.port, shop.demo.url), quiet_page(browser) as page:
        await page.route("**/notification-token", shop.mint)
        await page.goto(shop.url)
        await expect(page.locator("#state")).to_have_text("live: 0 unread")
        inbox = page.locator("clarion-inbox")
        await expect(inbox.get_by_role("heading", name="News")).to_be_visible()
        away = {"content": {"title": "Your order", "url": "/orders/1"}}
        await shop.demo.post({**event("", "ada"), **away})
        await expect(page.locator("#state")).to_have_text("live: 1 unread")
        await expect(inbox.locator(".title")).to_have_text("Your order")
        await page.get_by_role("button", name="Show").click()
        await page.locator("clarion-bell").locator("article").press("Enter")
        await expect(page).to_have_title("Your order")
        await expect(page.locator("#state")).to_have_text("live: 0 unread")
        if framework == "next":
            await expect_rendered_on_the_server(shop.url)


async def expect_rendered_on_the_server(url: str) -> None:
    async with httpx2.AsyncClient() as client:
        html = (await client.get(url)).text
    assert "Rendered on a server" in html
    assert 'id="state">idle: 0 unread' in html
    assert '<clarion-bell label="Bell"' in html
    assert '<clarion-inbox label="Inbox"' in html
