"""A page of another origin with one script and one element, as strict as a page can be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from testbed.nginx import NGINX, answering
from testbed.processes import free_port, run_directory, start_process
from tests.browser.demo import Demo, event, running_demo
from tests.browser.quiet import quiet_page

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx is installed")

SITE = """
worker_processes 1;
pid {place}/pid;
error_log {place}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
    server {{
        listen 127.0.0.1:{page};
        location = / {{
            default_type text/html;
            root {place};
            try_files /page.html =404;
            add_header Content-Security-Policy "{policy}";
        }}
        location / {{ return 204; }}
    }}
    server {{
        listen 127.0.0.1:{api};
        location = /healthz {{ return 200; }}
        location /behind/a/prefix/ {{
            proxy_pass http://127.0.0.1:{clarion}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_buffering off;
        }}
    }}
}}
"""
POLICY = (
    "default-src 'none'; script-src {api}; connect-src {api} {socket}; style-src 'self'; "
    "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE = (
    '<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>Shop</title>'
    '<script type="module" src="{api}/behind/a/prefix/web/{version}/clarion.js"></script>'
    '<clarion-bell token="{token}"></clarion-bell>'
)


class Site:
    """The page's own server, and the proxy before Clarion."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.page, self.api = free_port(), free_port()
        self.place = run_directory() / f"plain-page-{self.page}"
        self.url = f"http://127.0.0.1:{self.page}"

    async def write(self, lang: str) -> None:
        """The page, with a token as its server mints it."""
        async with httpx2.AsyncClient(base_url=self.demo.url, timeout=20) as http:
            headers = {"Authorization": f"Bearer {self.demo.key}"}
            answer = await http.post("/v1/tokens", json={"subscriber": "ada"}, headers=headers)
        token = answer.json()["token"]
        api = f"http://127.0.0.1:{self.api}"
        made = PAGE.format(lang=lang, api=api, version=version("clarion"), token=token)
        (self.place / "page.html").write_text(made)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        assert NGINX is not None
        self.place.mkdir()
        api = f"http://127.0.0.1:{self.api}"
        policy = POLICY.format(api=api, socket=api.replace("http", "ws"))
        ports = {"page": self.page, "api": self.api, "clarion": self.demo.port}
        config = self.place / "nginx.conf"
        config.write_text(SITE.format(place=self.place, policy=policy, **ports))
        async with await start_process([NGINX, "-c", config, "-g", "daemon off;"]) as process:
            await answering(f"{api}/healthz", process)
            yield


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path, postgres_url: str) -> AsyncIterator[Site]:
    port = free_port()
    page = free_port()
    env = {"CLARION_ALLOWED_ORIGINS": f"http://127.0.0.1:{page}"}
    async with running_demo(port, tmp_path, postgres_url, env) as demo:
        served = Site(demo)
        served.page, served.url = page, f"http://127.0.0.1:{page}"
        async with served.running():
            yield served


async def test_one_script_and_one_element_are_live(browser: Browser, site: Site) -> None:
    await site.write("en")
    async with quiet_page(browser) as page:
        await page.goto(site.url)
        bell = page.locator("clarion-bell")
        button = bell.get_by_role("button", name="Notifications, 0 unread")
        await expect(button).to_have_attribute("data-state", "live")
        away = {"content": {"title": "Your order", "body": "It is on its way."}}
        await site.demo.post({**event("", "ada"), **away})
        await bell.get_by_role("button", name="Notifications, 1 unread").click()
        await expect(bell.locator("article .title")).to_have_text("Your order")
        await bell.get_by_role("tab", name="Unread").click()
        await bell.locator("article").press("e")
        await expect(bell.locator("article")).to_have_count(0)


async def test_the_page_s_language_is_spoken(browser: Browser, site: Site) -> None:
    await site.write("de-AT")
    async with quiet_page(browser) as page:
        await page.goto(site.url)
        bell = page.locator("clarion-bell")
        await bell.get_by_role("button", name="Mitteilungen, 0 ungelesen").click()
        await expect(bell.get_by_role("heading", name="Mitteilungen")).to_be_visible()
        await page.evaluate("document.querySelector('clarion-bell').words = {heading: 'Neues'}")
        await expect(bell.get_by_role("heading", name="Neues")).to_be_visible()
        await expect(bell.get_by_role("tab", name="Ungelesen")).to_be_visible()
        await page.evaluate("document.documentElement.lang = 'tlh'")  # none of ours
        await page.evaluate("document.querySelector('clarion-bell').lang = 'fr'")
        await expect(bell.get_by_role("tab", name="Non lues")).to_be_visible()


async def test_arabic_is_written_from_the_right(browser: Browser, site: Site) -> None:
    await site.write("ar")
    async with quiet_page(browser) as page:
        await page.goto(site.url)
        bell = page.locator("clarion-bell")
        await site.demo.post(event("1", "ada"), event("2", "ada"))
        button = bell.get_by_role("button", name="الإشعارات، إشعاران غير مقروءين")
        await expect(button).to_have_css("direction", "rtl")
        await button.click()
        await expect(bell.locator("article").first).to_have_css("direction", "rtl")
        # A page that says so itself is followed
        await page.evaluate(
            "document.body.dir = 'ltr'; document.body.append(document.body.firstElementChild)"
        )
        await expect(bell.locator("button.bell")).to_have_css("direction", "ltr")
