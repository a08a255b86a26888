"""What a browser refuses or does not have costs the sharing of tabs at most, never the feed."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Frame, Page, Playwright

from testbed.browser import (
    FLAGS,
    find_chromium,
    find_firefox,
    firefox_seats,
    launch_firefox,
    open_page,
)
from tests.browser.scripted import (
    PAGE,
    START,
    ScriptedServer,
    hold_time,
    item,
    jwt,
    replay,
    start_tab,
    until,
)

pytestmark = pytest.mark.both_browsers

REFUSED = 'new DOMException("It is refused.", "SecurityError")'
UNREADABLE = f"{{get() {{ throw {REFUSED} }}}}"
REQUEST = "if (window.LockManager) LockManager.prototype.request"
SURROUNDINGS = {
    "locks-reject": f"{REQUEST} = async () => {{ throw {REFUSED} }}",
    "locks-throw": f"{REQUEST} = () => {{ throw {REFUSED} }}",
    "locks-cannot-be-read": f"Object.defineProperty(navigator, 'locks', {UNREADABLE})",
    "no-locks": "Object.defineProperty(navigator, 'locks', {value: undefined})",
    "channel-throws": f"BroadcastChannel = class {{ constructor() {{ throw {REFUSED} }} }}",
    "no-channel": "delete window.BroadcastChannel",
    "channel-is-mute": f"BroadcastChannel.prototype.postMessage = () => {{ throw {REFUSED} }}",
    "nothing-is-stored": "for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])"
    f" Object.defineProperty(window, name, {UNREADABLE})",
    "storage-is-null": "Object.defineProperty(window, 'localStorage', {value: null})",
    "no-network-state": "Object.defineProperty(navigator, 'onLine', {value: undefined})",
    "no-uuid": "crypto.randomUUID = undefined",
    "no-crypto": "Object.defineProperty(window, 'crypto', {value: undefined})",
    "polluted": "Object.prototype.extra = Array.prototype.more = String.prototype.at2 = () => 0",
    "frozen": "for (const it of [Object, Array, Map, Promise, Function, Error, EventTarget])"
    " Object.freeze(it.prototype), Object.freeze(it)",
}

STRICT = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:;"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)


async def expect_live(page: Page | Frame, server: ScriptedServer) -> Any:
    """The client of this page has a session and an item; the session."""
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello"}
    await session.send(*replay(item(1)))
    await page.wait_for_function("() => clarion.state.state === 'live'")
    assert await page.evaluate("clarion.items.map((one) => one.id)") == ["item-001"]
    return session


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
async def test_the_feed_is_live_whatever_is_refused(
    page: Page, server: ScriptedServer, surroundings: str
) -> None:
    await page.add_init_script(SURROUNDINGS[surroundings])
    await start_tab(page, server)
    session = await expect_live(page, server)
    await page.evaluate("void clarion.publish('room:1', {}).then(() => (window.published = true))")
    sent = await session.receive()
    assert (sent["type"], len(sent["id"]), sent["id"][14]) == ("publish", 36, "4")
    await session.send({"type": "ok", "ref": sent["ref"]})
    await until(page, "window.published")
    await page.evaluate("clarion.disconnect(), clarion.connect()")
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}


async def test_locks_that_are_never_given_are_not_waited_for(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    await page.add_init_script(f"{REQUEST} = () => new Promise(() => {{}})")
    await start_tab(page, server)
    await until(page, "clarion.state.state === 'connecting'")
    await page.clock.run_for(11_000)
    await expect_live(page, server)


async def test_a_network_that_refuses_sockets_at_once_is_answered_by_events(
    page: Page, server: ScriptedServer
) -> None:
    await page.add_init_script(f"WebSocket = class {{ constructor() {{ throw {REFUSED} }} }}")
    await page.route("**/v1/tickets", lambda route: route.fulfill(json={"ticket": "once"}))
    frames = "".join(f"data: {json.dumps(frame)}\n\n" for frame in replay(item(1)))
    await page.route(
        "**/v1/live/sse*",
        lambda route: route.fulfill(content_type="text/event-stream", body=frames),
    )
    await start_tab(page, server)
    await until(page, "states.some(({ state }) => state === 'live')")
    assert await page.evaluate("clarion.items.length") == 1


@pytest.mark.parametrize("sandbox", ["allow-scripts", "allow-scripts allow-same-origin"])
async def test_a_frame_without_an_address_of_its_own_is_live(
    page: Page, server: ScriptedServer, sandbox: str
) -> None:
    await page.goto(server.url)
    await page.evaluate(
        """([sandbox, srcdoc]) => new Promise((resolve) => {
          const frame = Object.assign(document.createElement("iframe"), { srcdoc });
          frame.sandbox.value = sandbox;
          frame.onload = resolve;
          document.body.append(frame);
        })""",
        [sandbox, PAGE.decode()],
    )
    frame = page.frames[1]
    given = {"tokens": [jwt(3_600, "ada")], "backoff": None, "share": True}
    start = START.replace("/web/client", f"{server.url}/web/client")
    await frame.evaluate(start, {**given, "backoff": {"baseMs": 1, "capMs": 5}})
    await expect_live(frame, server)


async def test_a_worker_is_live(page: Page, server: ScriptedServer) -> None:
    await page.goto(server.url)
    script = f"""import {{ Clarion }} from "{server.url}/web/client/clarion.js";
      const clarion = new Clarion({{ token: "{jwt(3_600, "ada")}" }});
      clarion.on("change", () => postMessage(clarion.items.map((one) => one.id)));
      clarion.connect();"""
    await page.evaluate(
        """(script) => {
          const blob = new Blob([script], { type: "text/javascript" });
          window.worker = new Worker(URL.createObjectURL(blob), { type: "module" });
          worker.onmessage = ({ data }) => (window.told = data);
        }""",
        script,
    )
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello"}
    await session.send(*replay(item(1)))
    await until(page, "window.told?.[0] === 'item-001'")


async def test_elements_that_are_defined_already_stay(page: Page, server: ScriptedServer) -> None:
    await page.goto(server.url)
    first = "import('/web/inbox/bell.js').then((bell) => (window.first = bell.ClarionBell))"
    await page.evaluate(first)
    names = await page.evaluate(
        """async () => {
          const again = await import("/web/inbox/bell.js?again");
          await import("/web/inbox/inbox.js?again");
          return [again.ClarionBell !== first, customElements.get("clarion-bell") === first];
        }"""
    )
    assert names == [True, True]


async def test_the_strictest_policy_is_kept(page: Page, server: ScriptedServer) -> None:
    start = f"({START})({{tokens: ['{jwt(3_600, 'ada')}'], share: true}})"
    show = """const bell = document.createElement("clarion-bell");
      bell.client = clarion;
      document.querySelector("main").append(bell);
      bell.show();"""
    server.scripts["/start.js"] = f'import "/web/inbox/bell.js"; await {start}; {show}'
    server.page = PAGE + b'<script type="module" src="/start.js"></script>'
    server.headers["Content-Security-Policy"] = STRICT
    await page.goto(server.url)
    session = await server.session()
    await session.opened()
    await session.send(*replay(item(1)))
    await page.locator("article").wait_for()
    assert (
        await page.locator(".sheet").evaluate("(one) => getComputedStyle(one).position") == "fixed"
    )


@pytest_asyncio.fixture(loop_scope="session")
async def blocked_page(
    request: pytest.FixtureRequest, playwright: Playwright, server: ScriptedServer, tmp_path: Path
) -> AsyncIterator[Page]:
    """A page of a person who lets no site keep anything."""
    if request.param == "firefox":
        with firefox_seats(find_firefox(os.environ.get("FIREFOX"))) as program:
            preferences = {"network.cookie.cookieBehavior": 2}
            browser = await launch_firefox(playwright, program, preferences)
            async with browser, open_page(browser) as page:
                yield page
        return
    preferences = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(preferences))
    context = await playwright.chromium.launch_persistent_context(
        tmp_path,
        executable_path=find_chromium(os.environ.get("CHROMIUM")),
        headless=True,
        args=[*FLAGS],
    )
    async with context:
        yield context.pages[0]


@pytest.mark.parametrize("blocked_page", ["chromium", "firefox"], indirect=True)
async def test_a_browser_that_blocks_the_data_of_sites_is_live(
    blocked_page: Page, server: ScriptedServer
) -> None:
    await start_tab(blocked_page, server)
    refused = "navigator.locks.request('one', () => 0).then(() => 0, (error) => error.name)"
    assert await blocked_page.evaluate(refused) == "SecurityError"
    await expect_live(blocked_page, server)


LESS = """
delete window.IntersectionObserver;
delete window.matchMedia;
for (const name of ["showPopover", "hidePopover"]) delete HTMLElement.prototype[name];
delete CSSStyleSheet.prototype.replaceSync;
const { matches } = Element.prototype;
Element.prototype.matches = function (selector) {
  if (selector.includes(":popover-open")) throw new SyntaxError("unknown");
  return matches.call(this, selector);
};
"""
"""A DOM as tests of pages have it, without layout."""


async def test_elements_can_be_made_in_a_dom_that_has_less(
    page: Page, server: ScriptedServer
) -> None:
    await page.add_init_script(LESS)
    await start_tab(page, server)
    await expect_live(page, server)
    await page.evaluate("Promise.all(['inbox', 'bell'].map((it) => import(`/web/inbox/${it}.js`)))")
    await page.evaluate(
        """() => {
          for (const name of ["clarion-inbox", "clarion-bell"]) {
            const made = document.createElement(name);
            made.client = clarion;
            document.querySelector("main").append(made);
            made.show?.();
            made.hide?.();
          }
        }"""
    )
    await page.locator("article").first.wait_for()
    await page.locator("clarion-bell .count", has_text="1").wait_for(state="attached")
