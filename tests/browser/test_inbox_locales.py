"""Languages as frameworks and systems write them, and a browser that cannot say a thing in any."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from testbed.browser import open_page
from tests.browser.inboxes import SHOW, show
from tests.browser.scripted import ScriptedServer, item, start_live

pytestmark = pytest.mark.both_browsers

AT = "2026-01-01T00:01:00Z"
NOW = "2026-01-01T02:01:00Z"

CHINESE = ("zh_CN", "zh_Hans_CN", "zh-CN", "zh_CN.UTF-8", " zh_CN ", "zh-CN,zh;q=0.9")
PORTUGUESE = ("pt_BR", "pt_BR.UTF-8", "pt_BR@euro", "pt_BR.ISO8859-1@euro")
NONE = (
    "C",
    "C.UTF-8",
    "POSIX",
    "x",
    "x_y",
    "*",
    "_",
    "-",
    "..",
    "@",
    "日本",
    "a" * 300,
    "toString",
)

READ = """(langs) => {
  const inbox = document.querySelector("clarion-inbox");
  const time = inbox.shadowRoot.querySelector("time");
  return langs.map((lang) => {
    inbox.lang = lang;
    return time.textContent;
  });
}"""

BROKEN = {
    "no-intl": "delete window.Intl",
    "no-plurals": "delete Intl.PluralRules, delete Intl.RelativeTimeFormat",
    "no-zone": """Intl.DateTimeFormat = Object.assign(
      function () { throw new RangeError("Unsupported time zone: Etc/Unknown"); },
      { supportedLocalesOf: (lang) => [lang].flat() })""",
    "no-language": "Object.defineProperty(navigator, 'language', {value: undefined})",
    "odd-language": "Object.defineProperty(navigator, 'language', {value: 'en-US@posix'})",
}


async def test_a_language_is_taken_however_it_is_written(
    browser: Browser, server: ScriptedServer
) -> None:
    async with open_page(browser, locale="de-DE") as page:
        await page.clock.set_fixed_time(NOW)
        await show(page, server, item(1, created_at=AT))
        assert await page.evaluate(READ, CHINESE) == ["2小时前"] * len(CHINESE)
        assert await page.evaluate(READ, PORTUGUESE) == ["há 2 h"] * len(PORTUGUESE)
        assert await page.evaluate(READ, NONE) == ["vor 2 Std."] * len(NONE)
        assert await page.evaluate(READ, ["en_US.UTF-8", "en_US"]) == ["2 hr. ago"] * 2


async def test_the_language_of_the_page_may_be_odd_too(page: Page, server: ScriptedServer) -> None:
    await page.clock.set_fixed_time(NOW)
    await start_live(page, server, item(1, created_at=AT))
    await page.evaluate("document.documentElement.lang = 'fr_FR.UTF-8'")
    await page.evaluate(SHOW)
    await page.locator("article").wait_for()
    assert await page.locator("time").text_content() == "il y a 2\u00a0h"


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_cannot_be_said_in_a_language_is_shown_all_the_same(
    page: Page, server: ScriptedServer, broken: str
) -> None:
    await page.clock.set_fixed_time(NOW)
    await page.add_init_script(BROKEN[broken])
    await show(page, server, item(1, created_at=AT), item(2, created_at="no time at all"))
    times = page.locator("time", has_text="2")
    assert await times.count() == 1
    await page.locator("article").first.press("s")  # the menu says times too
    await page.locator("[role=menuitem]").first.wait_for()
