"""The API documentation in a browser: it works offline, under its own policy, and keeps no key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, Request, expect
from starlette.types import Receive, Scope, Send

from clarion.http.security_headers import SecurityHeadersMiddleware
from clarion.lifecycle.bounded_http import BoundedHttp
from services.cli.dev.compose import ComposedApp
from services.cli.dev.pages import create_pages
from services.gateway.api import create_api
from testbed.served_app import served_app
from tests.browser.demo import Demo

STORED = "[Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]"
PREFIX = "/behind/clarion"


@asynccontextmanager
async def docs_page(browser: Browser, url: str, scheme: str = "light") -> AsyncIterator[Page]:
    """The page, shown. Fails at the end for any console message and any request to elsewhere."""
    context = await browser.new_context(color_scheme=scheme)  # type: ignore[arg-type] # a literal
    page = await context.new_page()
    messages: list[str] = []
    elsewhere: list[str] = []

    def on_request(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            elsewhere.append(request.url)

    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", on_request)
    try:
        await page.goto(f"{url}/docs")
        await expect(page.locator(".opblock").first).to_be_visible()
        yield page
    finally:
        await context.close()
    assert (messages, elsewhere) == ([], [])


async def open_call(page: Page, operation: str) -> None:
    await page.locator(f"[id$=-{operation}] .opblock-summary-control").click()
    await page.locator(f"[id$=-{operation}]").get_by_role("button", name="Try it out").click()


async def test_a_call_can_be_tried_and_the_key_is_kept_nowhere(
    browser: Browser, demo: Demo
) -> None:
    async with docs_page(browser, demo.url) as page:
        await expect(page.locator("[id$=-post-inbox-read]")).to_be_visible()
        await page.get_by_role("button", name="Authorize").first.click()
        form = page.locator(".auth-container", has_text="apiKey")
        await form.locator("input").fill(demo.key)
        await form.get_by_role("button", name="Apply credentials").click()
        await page.get_by_role("button", name="Close").first.click()
        await open_call(page, "post-events")
        call = page.locator("[id$=-post-events]")
        await call.get_by_role("button", name="Execute").click()
        status = call.locator(".live-responses-table tbody .response-col_status")
        await expect(status).to_have_text("202")
        assert await page.evaluate(STORED) == [[], [], ""]
        assert page.url.endswith("/docs#/events/post-events")
        await page.reload()
        await expect(call.locator(".opblock-body")).to_be_visible()
        await expect(page.locator(".opblock").first).to_be_visible()
        assert demo.key not in await page.content()
        assert await page.evaluate(STORED) == [[], [], ""]


@asynccontextmanager
async def served_below_a_prefix() -> AsyncIterator[str]:
    """The address of a gateway's pages behind a proxy that takes a prefix away."""
    api = create_api({})
    api.add_middleware(SecurityHeadersMiddleware)
    whole = ComposedApp({"gateway": api, "pusher": api}, create_pages())

    async def stripped(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith(PREFIX), scope["path"]
        path = scope["path"].removeprefix(PREFIX)
        await whole({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    async with served_app(stripped, http=BoundedHttp) as port:
        yield f"http://127.0.0.1:{port}{PREFIX}"


async def test_below_a_path_prefix_calls_go_below_it_too(browser: Browser) -> None:
    async with served_below_a_prefix() as url, docs_page(browser, url) as page:
        await open_call(page, "get-healthz")
        call = page.locator("[id$=-get-healthz]")
        async with page.expect_response(f"{url}/healthz") as answer:
            await call.get_by_role("button", name="Execute").click()
        assert (await answer.value).status == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_is_as_dark_as_the_system(browser: Browser, scheme: str) -> None:
    async with served_below_a_prefix() as url, docs_page(browser, url, scheme) as page:
        is_dark = page.locator("html.dark-mode")
        await expect(is_dark).to_have_count(1 if scheme == "dark" else 0)
        await page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
        await expect(is_dark).to_have_count(0 if scheme == "dark" else 1)
