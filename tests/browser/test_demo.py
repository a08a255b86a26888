"""The demo page in a real browser on a real `clarion dev`: what a visitor does and sees."""

from __future__ import annotations

from playwright.async_api import Browser, Page, expect

from testbed.browser import open_page
from tests.browser.demo import (
    Demo,
    article,
    button,
    event,
    expect_inbox,
    expect_status,
    open_demo,
)

TITLE = "Your order 4711 is on its way"


async def test_an_event_of_the_form_reaches_inboxes_email_and_sms(demo_page: Page) -> None:
    page = demo_page
    for channel in ("Email", "SMS"):
        await page.get_by_role("checkbox", name=channel).check()
    await button(page, "Send event").click()
    await expect(page.locator("#answer")).to_contain_text("202 Accepted")
    for person in ("ada", "grace"):
        await expect_inbox(page, person, [TITLE], 1)
        await expect(page.locator(f"#{person} [aria-live]")).to_have_text(
            f"New notification: {TITLE}"
        )
    await expect(page.locator(".envelope h4")).to_have_text([TITLE, TITLE])
    envelopes = await page.locator(".envelope header p").all_inner_texts()
    assert sorted(envelopes) == ["To Ada <ada@example.com>", "To Grace <grace@example.com>"]
    await expect(page.locator(".bubble .text")).to_have_count(2)
    for path in await page.locator(".path").all():
        await expect(path.locator(".what", has_text="sent")).to_have_count(2)


async def test_what_one_device_reads_and_archives_the_other_shows(
    demo_page: Page, browser: Browser, demo: Demo
) -> None:
    await demo.post(event("First", "ada"), event("Second", "ada"), event("Third", "ada"))
    await expect_inbox(demo_page, "ada", ["Third", "Second", "First"], 3)
    async with open_page(browser) as phone:
        await open_demo(phone, demo)
        await expect_inbox(phone, "ada", ["Third", "Second", "First"], 3)
        await article(demo_page, "ada", "Second").click()
        await expect_inbox(phone, "ada", ["Third", "Second", "First"], 2)
        await expect(article(phone, "ada", "Second")).not_to_have_attribute("data-unread", "")
        await article(phone, "ada", "First").get_by_role("button", name="Archive").click()
        await expect_inbox(demo_page, "ada", ["Third", "Second"], 1)
        await phone.locator("#ada").get_by_role("button", name="Mark all as read").click()
        await expect_inbox(demo_page, "ada", ["Third", "Second"], 0)


async def test_what_came_while_away_arrives_once_and_in_order(demo_page: Page) -> None:
    page = demo_page
    await button(page, "Disconnect Grace").click()
    await expect_status(page, "grace", "Disconnected")
    await button(page, "Send 10").click()
    titles = [f"{TITLE} ({n})" for n in range(10, 0, -1)]
    await expect_inbox(page, "ada", titles, 10)
    await expect_inbox(page, "grace", [], 0)
    await button(page, "Reconnect Grace").click()
    await expect_status(page, "grace", "Live")
    await expect_inbox(page, "grace", titles, 10)


async def test_a_lost_network_is_noticed_and_what_came_meanwhile_arrives_once(
    browser: Browser, demo: Demo
) -> None:
    async with open_page(browser, allowed_errors=("ERR_INTERNET_DISCONNECTED",)) as page:
        await open_demo(page, demo)
        await demo.post(event("Before", "ada"))
        await expect_inbox(page, "ada", ["Before"], 1)
        await page.context.set_offline(True)
        await expect_status(page, "ada", "Offline")
        await demo.post(*[event(f"Meanwhile {n}", "ada") for n in range(1, 6)])
        await expect_inbox(page, "ada", ["Before"], 1)
        await page.context.set_offline(False)
        await expect_status(page, "ada", "Live")
        meanwhile = [f"Meanwhile {n}" for n in range(5, 0, -1)]
        await expect_inbox(page, "ada", [*meanwhile, "Before"], 6)


async def test_a_server_that_restarts_is_found_again_and_nothing_is_missing(
    browser: Browser, demo: Demo
) -> None:
    away = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "status of 4")
    async with open_page(browser, allowed_errors=away) as page:
        await open_demo(page, demo)
        await demo.post(event("Before", "ada", "grace"))
        await expect_inbox(page, "ada", ["Before"], 1)
        await demo.stop()
        await expect_status(page, "ada", "Reconnecting")
        await expect(page.locator("#ada .notice")).to_contain_text("Not connected")
        await demo.start()
        await demo.post(event("Meanwhile", "ada", "grace"))
        for person in ("ada", "grace"):
            await expect_status(page, person, "Live")
            await expect_inbox(page, person, ["Meanwhile", "Before"], 2)
        await button(page, "Send event").click()
        await expect_inbox(page, "grace", [TITLE, "Meanwhile", "Before"], 3)


async def test_the_same_event_sent_again_is_shown_once(demo_page: Page) -> None:
    page = demo_page
    await button(page, "Send event").click()
    await expect_inbox(page, "ada", [TITLE], 1)
    await button(page, "Send again").click()
    await page.get_by_label("Title").fill("The one after")
    await button(page, "Send event").click()
    await expect_inbox(page, "ada", ["The one after", TITLE], 2)


async def test_a_refusal_is_told_in_a_sentence(browser: Browser, demo: Demo) -> None:
    async with open_page(browser, allowed_errors=("status of 422",)) as page:
        await open_demo(page, demo)
        await page.get_by_label("Type", exact=True).fill("not a type!")
        await button(page, "Send event").click()
        await expect(page.locator("#answer")).to_contain_text("422: ")
        await expect(page.locator("#answer")).to_contain_text("type: must be")
        await expect_inbox(page, "ada", [], 0)


async def test_content_is_text_whatever_it_holds(demo_page: Page, demo: Demo) -> None:
    hostile = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    await demo.post(event(hostile, "ada"))
    await expect_inbox(demo_page, "ada", [hostile], 1)
    assert await demo_page.title() == "Clarion: send an event, watch it arrive"


async def test_where_no_key_is_given_the_page_asks_for_one(browser: Browser, demo: Demo) -> None:
    async with open_page(browser, allowed_errors=("status of 40",)) as page:
        await page.goto(demo.url)
        await page.get_by_label("API key").fill("clr_not-a-key")
        await button(page, "Use this key").click()
        await expect(page.locator("#key-error")).not_to_be_empty()
        await page.get_by_label("API key").fill(demo.key)
        await button(page, "Use this key").click()
        await expect_status(page, "ada", "Live")
        await expect(page.locator("#curl")).to_contain_text("Bearer $CLARION_API_KEY")
        await page.reload()
        await expect_status(page, "ada", "Live")


async def test_all_can_be_done_by_keyboard(demo_page: Page, demo: Demo) -> None:
    page, press = demo_page, demo_page.keyboard.press
    await page.get_by_label("Title").focus()
    await page.keyboard.insert_text(" by keyboard")
    await press("Enter")
    await expect(page.locator("#ada article")).to_have_count(1)
    await demo.post(event("Second", "ada"), event("Third", "ada"))
    await expect(page.locator("#ada article")).to_have_count(3)
    await page.locator("#ada .all-read").focus()
    await press("Tab")
    await expect(page.locator("#ada .tab:focus")).to_have_text("All")
    await press("Tab")
    await press("Home")
    await press("Enter")
    await expect(article(page, "ada", "Third")).not_to_have_attribute("data-unread", "")
    await press("ArrowDown")
    await press("e")
    await expect(page.locator("#ada article")).to_have_count(2)
    await expect(page.locator("#ada article").last).to_be_focused()
    await press("u")
    await expect(page.locator("#ada .badge > [aria-hidden]")).to_have_text("0")
    await press("u")
    await expect(page.locator("#ada .badge > [aria-hidden]")).to_have_text("1")
    await press("s")
    await press("Enter")
    await expect(page.locator("#ada article .title")).to_have_text(["Third"])
    await press("Shift+Tab")
    await press("ArrowRight")
    await press("ArrowRight")
    await expect(page.locator("#ada .tab:focus")).to_have_text("Snoozed")
    await expect(page.locator("#ada article")).to_have_count(1)
    await page.locator("clarion-bell .bell").focus()
    await press("Enter")
    await expect(page.locator("clarion-bell article:focus .title")).to_have_text("Third")
    await press("Escape")
    await expect(page.locator("clarion-bell .bell:focus")).to_have_count(1)
