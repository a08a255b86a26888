"""The programs of `examples/`, run as their pages say, do what they say."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from testbed.browser import open_page
from testbed.processes import Process, free_port, start_process, wait_until
from tests.browser.demo import Demo, event, running_demo
from tests.support.sources import ROOT

pytestmark = pytest.mark.timeout(240)

EXAMPLES = ROOT / "examples"


@dataclass
class Backend:
    """A Clarion that lets the example's pages in, and the port that they are to be served on."""

    demo: Demo
    port: int

    @asynccontextmanager
    async def serve(self, example: str) -> AsyncIterator[str]:
        """The address of the example's page."""
        where = ["--clarion", self.demo.url, "--port", str(self.port)]
        command = [sys.executable, EXAMPLES / "serve.py", example, *where]
        env = {"CLARION_DATA_DIR": str(self.demo.data)}
        process = await start_process(command, env=env, ready="The example runs at", timeout_s=60)
        try:
            yield f"http://127.0.0.1:{self.port}"
        finally:
            process.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def backend(tmp_path: Path, postgres_url: str) -> AsyncIterator[Backend]:
    port = free_port()
    env = {"CLARION_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}"}
    async with running_demo(free_port(), tmp_path, postgres_url, env) as demo:
        yield Backend(demo, port)


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message").fill(text)
    await page.get_by_role("button", name="Say").click()


async def expect_said(page: Page, *lines: str) -> None:
    await expect(page.locator("li")).to_have_text(list(lines))


async def test_two_browsers_chat_in_a_room(browser: Browser, backend: Backend) -> None:
    async with (
        backend.serve("chat") as address,
        open_page(browser) as ada,
        open_page(browser) as grace,
    ):
        for page, name in ((ada, "ada"), (grace, "grace")):
            await page.goto(f"{address}/?name={name}")
            await expect(page.get_by_role("status")).to_have_text(f"{name} is live", timeout=30_000)
        await say(ada, "Are you there?")
        await expect_said(grace, "ada Are you there?")
        await say(grace, "<b>Yes</b> & no")
        lines = ("ada Are you there?", "grace <b>Yes</b> & no")
        await expect_said(ada, *lines)
        await expect_said(grace, *lines)
        await ada.reload()
        await expect_said(ada, *lines)


async def test_an_order_is_followed_as_curl_tells_of_it(browser: Browser, backend: Backend) -> None:
    async with backend.serve("order-tracker") as address, open_page(browser) as page:
        await page.goto(f"{address}/?name=ada")
        await expect(page.get_by_role("status")).to_have_text("live", timeout=30_000)
        await curl(backend.demo, status="placed", title="We have your order")
        await expect(page.locator("[aria-current]")).to_have_text("placed")
        await curl(backend.demo, status="shipped", title="Your order 4711 is on its way")
        await expect(page.locator("[aria-current]")).to_have_text("shipped")
        await expect(page.locator("section p")).to_have_text("Your order 4711 is on its way")
        await expect(page.locator("h2")).to_have_text(["Order 4711"])


async def curl(demo: Demo, status: str, title: str) -> None:
    """The page's own `curl` line, with another status."""
    said = (EXAMPLES / "order-tracker" / "README.md").read_text()
    line = re.search(r"^    curl.*(?:\n {6,}.*)+", said, re.MULTILINE)
    assert line
    arguments = shlex.split(line[0].replace("\\\n", " "))
    body = json.loads(arguments[-1])
    body["data"]["status"] = status
    body["content"]["title"] = title
    arguments = [one.replace("$KEY", demo.key) for one in arguments[:-1]] + [json.dumps(body)]
    sent = [one.replace("http://127.0.0.1:8000", demo.url) for one in arguments]
    process = await start_process(sent)
    assert await process.wait() == 0
    assert '"accepted":1' in process.output().replace(" ", "")


async def test_a_feed_in_a_terminal_goes_on_after_a_restart(demo: Demo) -> None:
    await demo.post(event("Before", "ada"))
    command = [sys.executable, EXAMPLES / "terminal" / "feed.py", "ada", "--clarion", demo.url]
    env = {"CLARION_DATA_DIR": str(demo.data)}
    async with await start_process(command, env=env, ready="-- live at version 1 --") as process:
        await demo.stop()
        await demo.start()
        await demo.post(event("Meanwhile", "ada"), event("After", "ada"))
        await wait_until(lambda: "After" in process.output(), 60)
        assert titles(process) == ["Before", "Meanwhile", "After"]
        process.kill()


def titles(process: Process) -> list[str]:
    lines = process.output().splitlines()
    return [line[10:] for line in lines if re.match(r"\d\d:\d\d:\d\d  ", line)]
