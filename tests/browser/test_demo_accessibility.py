"""axe-core finds nothing to complain of on the demo page, in each of its states and colours."""

from __future__ import annotations

from itertools import product

from playwright.async_api import Browser, Page, expect

from testbed.browser import open_page
from tests.browser.axe import violations
from tests.browser.demo import (
    NOT_PLANNED_YET,
    Demo,
    article,
    button,
    event,
    expect_inbox,
    expect_status,
    open_demo,
)


async def test_axe_finds_no_violation_in_light_and_dark_wide_and_narrow(
    browser: Browser, demo: Demo
) -> None:
    for scheme, width in product(("light", "dark"), (1440, 390)):
        async with open_page(
            browser,
            allowed_errors=(NOT_PLANNED_YET, "status of 422"),
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            bypass_csp=True,
            reduced_motion="reduce",
        ) as page:
            await open_demo(page, demo)
            before = await violations(page)
            await bring_to_life(page, demo, f"{scheme} {width}")
            after = await violations(page)
            assert {"scheme": scheme, "width": width, "before": before, "after": after} == {
                "scheme": scheme,
                "width": width,
                "before": [],
                "after": [],
            }


async def bring_to_life(page: Page, demo: Demo, title: str) -> None:
    """Everything the page can show: items read and unread, captures, a refusal, a lost feed."""
    for channel in ("Email", "SMS", "Urgent: overtakes what is waiting"):
        await page.get_by_role("checkbox", name=channel).check()
    await button(page, "Send event").click()
    await expect(page.locator(".bubble").nth(1)).to_be_visible()
    await demo.post(event(title, "ada"))
    await article(page, "ada", title).click()
    await page.get_by_label("Type", exact=True).fill("not a type!")
    await button(page, "Send event").click()
    await expect(page.locator("#answer")).to_contain_text("422")
    await button(page, "Disconnect Grace").click()
    await expect_status(page, "grace", "Disconnected")


async def test_nothing_moves_when_items_come(browser: Browser, demo: Demo) -> None:
    async with open_page(
        browser, allowed_errors=(NOT_PLANNED_YET,), viewport={"width": 1440, "height": 900}
    ) as page:
        await page.add_init_script(
            """window.shifts = [];
            new PerformanceObserver((list) => window.shifts.push(...list.getEntries())).observe(
              { type: "layout-shift", buffered: true })"""
        )
        await open_demo(page, demo)
        await demo.post(*[event(f"Item {n}", "ada", "grace") for n in range(3)])
        await expect_inbox(page, "ada", ["Item 2", "Item 1", "Item 0"], 3)
        outside = await page.evaluate(
            """shifts.flatMap((shift) => shift.sources)
              .map(({ node }) => node?.getRootNode())
              .filter((root) => root === document).length"""
        )
        assert outside == 0
