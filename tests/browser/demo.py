"""The demo page on a real `clarion dev`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from playwright.async_api import Locator, Page, expect

from services.cli.dev.demo_key import demo_key_of
from testbed.processes import Process, start_process

NOT_PLANNED_YET = "status of 404"
"""What a browser logs when the page asks for an event that was only just accepted."""


@dataclass
class Demo:
    """A running `clarion dev` that can be stopped and started again on its port."""

    port: int
    data: Path
    postgres_url: str
    process: Process
    env: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """The page's key, as the link on a terminal has it."""
        return demo_key_of((self.data / "token-secret").read_text().strip())

    @property
    def link(self) -> str:
        """What a terminal shows to open."""
        return f"{self.url}/#key={self.key}"

    async def post(self, *events: dict[str, Any]) -> None:
        """Send events with the page's key."""
        await self.call("POST", "/v1/events", list(events))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of a call with the page's key, which must succeed."""
        async with httpx2.AsyncClient(base_url=self.url, timeout=20) as http:
            headers = {"Authorization": f"Bearer {self.key}"}
            answer = await http.request(method, path, json=body, headers=headers)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

    async def start(self) -> None:
        self.process = await start_dev(self.port, self.data, self.postgres_url, self.env)

    async def stop(self) -> None:
        assert await self.process.stop() == 0


@asynccontextmanager
async def running_demo(
    port: int, data: Path, postgres_url: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Demo]:
    """Stopped in order at the end."""
    env = env or {}
    demo = Demo(port, data, postgres_url, await start_dev(port, data, postgres_url, env), env)
    yield demo
    await demo.stop()


async def start_dev(port: int, data: Path, postgres_url: str, env: Mapping[str, str]) -> Process:
    command = [sys.executable, "-m", "services.cli", "dev", "--port", str(port)]
    command += ["--data", str(data), "--database", postgres_url]
    return await start_process(command, env=env, ready="Clarion runs at", timeout_s=60)


async def open_demo(page: Page, demo: Demo) -> None:
    """Both inboxes are live when this returns."""
    await page.goto(demo.link)
    for person in ("ada", "grace"):
        await expect_status(page, person, "Live")


async def expect_status(page: Page, person: str, words: str) -> None:
    await expect(page.locator(f"#{person} .status")).to_have_text(words, timeout=30_000)


async def expect_inbox(page: Page, person: str, titles: Sequence[str], unread: int) -> None:
    """Exactly these items, the newest first, and this count."""
    await expect(page.locator(f"#{person} article .title")).to_have_text(list(titles))
    await expect(page.locator(f"#{person} .badge > [aria-hidden]")).to_have_text(str(unread))


def article(page: Page, person: str, title: str) -> Locator:
    return page.locator(f"#{person} article", has=page.get_by_text(title, exact=True))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def event(title: str, *people: str) -> dict[str, Any]:
    """An event for these people's inboxes."""
    to = [f"user:{person}" for person in people]
    return {"type": "order.shipped", "to": to, "content": {"title": title}}
