"""Another person, or nobody, in a page that stays open: nothing of the first one stays."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.inboxes import SHOW, SHOW_BELL, Lists, changed, receive, show, show_bell
from tests.browser.scripted import (
    ScriptedServer,
    Session,
    hold_time,
    item,
    jwt,
    notification,
    replay,
    start_client,
    start_live,
    until,
)

ADA = [
    item(1, title="Ada's diagnosis", category="clinic"),
    item(2, title="Ada's salary", category="payroll"),
]
BOB = item(1, title="Bob's order", id="item-101")
PUT_AWAY = "2026-01-02T00:00:00Z"

OWN = """async ({ tag, token }) => {
  await import("/web/inbox/bell.js");
  const made = document.createElement(tag);
  made.setAttribute("token", token);
  made.style.blockSize = "600px";
  document.querySelector("main").append(made);
  window.made = made;
}"""

SEEN = """(tag) => {
  const texts = [];
  const walk = (root) => {
    for (const node of root.querySelectorAll("*")) {
      texts.push(node.getAttribute("aria-label") ?? "", node.title ?? "", node.href ?? "");
      for (const child of node.childNodes) if (child.nodeType === 3) texts.push(child.data);
      if (node.shadowRoot) walk(node.shadowRoot);
    }
  };
  walk(document);
  return texts.join("|");
}"""
"""All that the page holds as text, shown or not."""

LEAVES = {
    "the attribute is removed": "made.removeAttribute('token')",
    "the attribute is empty": "made.setAttribute('token', '')",
    "the attribute is Bob's": "made.setAttribute('token', bob)",
    "the property is Bob's": "made.token = bob",
    "the property is a function of Bob's": "made.token = async () => bob",
    "nobody is logged in": "made.token = async () => { throw new Error('401') }",
    "the client is Bob's": "made.client = new made.client.constructor({ token: bob })",
}


async def show_own(page: Page, server: ScriptedServer, tag: str) -> Session:
    """An element that made its own client of Ada's token."""
    await page.goto(server.url)
    await page.evaluate("(bob) => { window.bob = bob }", jwt(3_600, "bob"))
    await page.evaluate(OWN, {"tag": tag, "token": jwt(3_600, "ada")})
    session = await server.session()
    await session.opened()
    await session.send(*replay(*ADA))
    await until(page, "made.client.state.state === 'live'")
    return session


async def expect_nothing_of(page: Page, name: str, *categories: str) -> None:
    """No text of this person is left in any shadow tree."""
    held = await page.evaluate(SEEN)
    assert [word for word in (name, *categories) if word in held] == []


@pytest.mark.parametrize("leave", LEAVES.values(), ids=LEAVES.keys())
@pytest.mark.parametrize("tag", ["clarion-inbox", "clarion-bell"])
async def test_nothing_of_the_first_person_stays_or_arrives(
    page: Page, server: ScriptedServer, tag: str, leave: str
) -> None:
    session = await show_own(page, server, tag)
    if tag == "clarion-bell":
        await expect(page.locator("clarion-bell .count")).to_have_text("2")
        await page.locator("clarion-bell .bell").click()
    await expect(page.locator("article")).to_have_count(2)
    await page.evaluate(f"void ({leave})")
    await session.ended()
    await expect(page.locator("article")).to_have_count(0)
    await expect_nothing_of(page, "Ada", "clinic", "payroll")
    await expect(page.locator("clarion-inbox .badge > [aria-hidden]")).to_have_text("0")
    await expect(page.locator(".count:visible")).to_have_count(0)


@pytest.mark.parametrize("tag", ["clarion-inbox", "clarion-bell"])
async def test_an_attribute_that_names_another_person_takes_effect_at_once(
    page: Page, server: ScriptedServer, tag: str
) -> None:
    await show_own(page, server, tag)
    if tag == "clarion-bell":
        await page.locator("clarion-bell .bell").click()
    await expect(page.locator("article")).to_have_count(2)
    # In the very task of the change: no frame is drawn in between
    held = await page.evaluate(f"made.setAttribute('token', bob), ({SEEN})()")
    assert "Ada" not in held
    session = await server.session()
    assert (await session.opened())[0] == {"type": "auth", "token": jwt(3_600, "bob")}
    await session.send(*replay(BOB))
    await expect(page.locator("article .title")).to_have_text(["Bob's order"])


async def test_a_newer_token_of_the_same_person_keeps_feed_and_connection(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_own(page, server, "clarion-inbox")
    newer = jwt(7_200, "ada")
    await page.evaluate("(newer) => made.setAttribute('token', newer)", newer)
    await page.evaluate("(newer) => { made.token = async () => newer }", newer)
    await page.evaluate("document.body.append(made)")
    await session.send(notification(item(3, title="Ada's again"), 3))
    await expect(page.locator("article")).to_have_count(3)
    assert await page.evaluate("made.client.state.state") == "live"
    assert server.sessions.empty()


@pytest.mark.parametrize("gone", ["null", "undefined"])
async def test_a_client_that_is_taken_away_takes_its_items_with_it(
    page: Page, server: ScriptedServer, gone: str
) -> None:
    session = await show(page, server, *ADA)
    inbox = "document.querySelector('clarion-inbox')"
    labels = {"clinic": "From your clinic", "payroll": "From payroll"}
    await page.evaluate(f"labels => {{ {inbox}.words = {{ labels }} }}", labels)
    await page.get_by_role("combobox").select_option("clinic")
    await expect(page.locator("article")).to_have_count(1)
    assert "From payroll" in await page.evaluate(SEEN)
    held = await page.evaluate(f"{inbox}.client = {gone}, ({SEEN})()")
    assert [word for word in ("Ada", "clinic", "payroll") if word in held] == []
    assert await page.locator(".inbox").get_attribute("aria-label") == "Notifications"
    await session.send(notification(item(3, title="Ada's third"), 3))
    await until(page, "clarion.version === 3")
    await expect_nothing_of(page, "Ada")
    await page.evaluate(f"{inbox}.client = clarion")
    await expect(page.locator("article")).to_have_count(3)


async def test_an_element_that_is_out_of_the_page_forgets_too(
    page: Page, server: ScriptedServer
) -> None:
    await show(page, server, *ADA)
    inbox = "document.querySelector('clarion-inbox')"
    await page.evaluate(f"window.taken = {inbox}, taken.remove(), taken.client = null")
    assert await page.evaluate("taken.shadowRoot.textContent.includes('Ada')") is False
    await page.evaluate("document.querySelector('main').append(taken)")
    await expect(page.locator(".inbox")).to_be_visible()
    await expect_nothing_of(page, "Ada")


async def test_menus_toasts_and_what_was_said_go_with_the_person(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, *ADA)
    inbox = "document.querySelector('clarion-inbox')"
    await page.evaluate(f"{inbox}.toggleAttribute('toast', true)")
    await session.send(notification(item(3, title="Ada's third"), 3))
    await expect(page.locator("[aria-live]")).to_have_text("New notification: Ada's third")
    await expect(page.locator(".toast")).to_be_visible()
    await page.locator("article").first.focus()
    await page.keyboard.press("s")
    await expect(page.get_by_role("menu")).to_be_visible()
    await page.evaluate(f"{inbox}.client = null")
    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(page.locator(".toast")).to_have_count(0)
    await expect(page.locator("[aria-live]")).to_have_text("")


async def test_a_page_of_the_list_that_comes_late_is_shown_to_nobody_else(
    page: Page, server: ScriptedServer
) -> None:
    lists = Lists([item(7, title="Ada's old one", archived_at=PUT_AWAY)])
    await show(page, server, *ADA)
    waiting: list[Any] = []
    await page.route("**/v1/inbox?*", lambda route: waiting.append(route))
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.locator(".loading")).to_be_visible()
    while not waiting:
        await page.evaluate("0")
    await page.evaluate("document.querySelector('clarion-inbox').client = null")
    async with page.expect_response("**/v1/inbox?*"):
        await lists._answer(waiting[0])  # pyright: ignore[reportPrivateUsage]  # late
    await until(page, "clarion.item('item-007')")
    await expect_nothing_of(page, "Ada")


async def test_a_command_of_the_first_person_that_fails_late_is_not_told_the_next(
    page: Page, server: ScriptedServer
) -> None:
    session = await show(page, server, *ADA)
    await page.locator("article").first.focus()
    await page.keyboard.press("e")
    command = await receive(session, "archive")
    await page.evaluate("document.querySelector('clarion-inbox').client = null")
    detail = "Ada's salary is locked."
    refusal = {"type": "error", "code": "conflict", "detail": detail, "ref": command["ref"]}
    await session.send(refusal, notification(item(3), 3))
    await until(page, "clarion.version === 3")
    await expect_nothing_of(page, "Ada")


@pytest.mark.parametrize("reason", ["token_revoked", "origin_not_allowed"])
@pytest.mark.parametrize("tag", ["clarion-inbox", "clarion-bell"])
async def test_a_revocation_clears_the_items_and_offers_nothing_to_do(
    page: Page, server: ScriptedServer, tag: str, reason: str
) -> None:
    if tag == "clarion-inbox":
        session = await show(page, server, *ADA)
    else:
        session = await show_bell(page, server, *ADA)
        await page.locator("clarion-bell .bell").click()
    await expect(page.locator("article")).to_have_count(2)
    await session.close(4403, reason)
    await expect(page.locator("article")).to_have_count(0)
    assert await page.evaluate("[clarion.items.length, clarion.unreadCount]") == [0, 0]
    await expect_nothing_of(page, "Ada", "clinic", "payroll")
    await expect(page.locator("[data-act]")).to_have_count(0)
    await expect(page.locator(".all-read")).to_be_disabled()
    offered = page.get_by_role("button", name="Try again")
    await expect(offered).to_have_count(0 if reason == "token_revoked" else 1)
    await expect(page.locator(".panel-text")).to_be_visible()


async def test_a_list_that_is_answered_after_the_revocation_is_refused(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, *ADA)
    waiting: list[Any] = []
    await page.route("**/v1/inbox?*", lambda route: waiting.append(route))
    await page.evaluate("void (window.page = clarion.list().catch((error) => error.code))")
    while not waiting:
        await page.evaluate("0")
    await session.close(4403, "token_revoked")
    await until(page, "clarion.state.state === 'refused'")
    await Lists(ADA)._answer(waiting[0])  # pyright: ignore[reportPrivateUsage]  # late
    assert await page.evaluate("page") == "token_revoked"
    assert await page.evaluate("clarion.item('item-001')") is None


async def test_a_renewal_that_names_another_person_ends_the_feed(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    await page.goto(server.url)
    await page.evaluate("(bob) => { window.bob = bob }", jwt(3_600, "bob"))
    await page.evaluate(OWN, {"tag": "clarion-inbox", "token": ""})
    ada = jwt(40, "ada")  # before the heartbeat is missed
    await page.evaluate("(ada) => { window.now = ada; made.token = async () => window.now }", ada)
    session = await server.session()
    await session.opened()
    await session.send(*replay(*ADA))
    await expect(page.locator("article")).to_have_count(2)
    await page.evaluate("window.now = bob")
    await page.clock.run_for(33_000)
    await session.ended()
    await expect(page.locator("article")).to_have_count(0)
    await expect(page.locator(".panel-text")).to_contain_text("Somebody else has logged in")


async def test_a_page_that_comes_back_from_the_history_asks_who_is_there(
    page: Page, server: ScriptedServer
) -> None:
    await page.goto(server.url)
    await page.evaluate("(bob) => { window.bob = bob }", jwt(3_600, "bob"))
    await page.evaluate(
        """async (ada) => {
          window.now = ada;
          const { Clarion } = await import("/web/client/clarion.js");
          window.clarion = new Clarion({ token: async () => window.now, share: false });
          clarion.connect();
        }""",
        jwt(3_600, "ada"),
    )
    session = await server.session()
    await session.opened()
    await session.send(*replay(*ADA))
    await until(page, "clarion.state.state === 'live'")
    await page.evaluate(SHOW)
    await expect(page.locator("article")).to_have_count(2)
    back = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    await page.evaluate(f"window.now = bob, {back}")
    await session.ended()
    await expect(page.locator("article")).to_have_count(0)
    assert await page.evaluate("clarion.state.code") == "another_subscriber"


async def test_two_elements_of_one_client_do_not_disturb_each_other(
    page: Page, server: ScriptedServer
) -> None:
    session = await show_bell(page, server, *ADA)
    await page.evaluate(SHOW)
    await page.evaluate("document.querySelector('clarion-inbox').client = null")
    await session.send(changed(3, 1, item(1, 3, read_at=PUT_AWAY)))
    await expect(page.locator("clarion-bell .count")).to_have_text("1")
    await page.locator("clarion-bell .bell").click()
    await expect(page.locator("clarion-bell article")).to_have_count(2)
    await expect(page.locator("main > clarion-inbox article")).to_have_count(0)


async def test_a_token_function_that_never_answers_leaves_nothing_of_the_first_person(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    await show_own(page, server, "clarion-inbox")
    await expect(page.locator("article")).to_have_count(2)
    await page.evaluate("void (made.token = () => new Promise(() => {}))")
    await page.clock.run_for(10_000)
    await expect(page.locator("article")).to_have_count(0)
    await expect_nothing_of(page, "Ada")


async def test_a_loop_gets_nothing_of_a_person_who_is_gone(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate(
        """() => {
          window.loop = clarion.notifications();
          window.first = loop.next();
        }"""
    )
    await session.send(*(notification(item(number), number) for number in (2, 3, 4)))
    await until(page, "clarion.version === 4")
    assert await page.evaluate("first.then(({ value }) => value.item.id)") == "item-002"
    await session.close(4401, "token_revoked")
    await until(page, "clarion.state.state === 'refused'")
    assert await page.evaluate("loop.next().catch(({ code }) => code)") == "token_revoked"


ENDS = """() => {
  window.told = [];
  for (const state of ["signed-out", "refused", "closed"]) {
    const note = ({ target, detail }) => told.push([target.localName, detail]);
    addEventListener(`clarion-${state}`, note);
  }
}"""


@pytest.mark.parametrize("tag", ["clarion-inbox", "clarion-bell"])
@pytest.mark.parametrize(
    ("close", "state", "code"),
    [
        ((4401, "token_expired"), "signed-out", "signed_out"),
        ((4401, "token_revoked"), "refused", "token_revoked"),
        ((4403, "origin_not_allowed"), "refused", "origin_not_allowed"),
        (None, "closed", None),
    ],
)
async def test_an_element_tells_the_page_once_that_its_feed_has_ended(
    page: Page,
    server: ScriptedServer,
    tag: str,
    close: tuple[int, str] | None,
    state: str,
    code: str | None,
) -> None:
    session = await start_client(page, server, tokens=["a-token", ""])
    await session.opened()
    await session.send(*replay(*ADA))
    await until(page, "clarion.state.state === 'live'")
    await page.evaluate(SHOW if tag == "clarion-inbox" else SHOW_BELL)
    if tag == "clarion-bell":
        await page.locator("clarion-bell .bell").click()  # with an inbox in it
    await expect(page.locator("article")).to_have_count(2)
    await page.evaluate(ENDS)
    await (session.close(*close) if close else page.evaluate("clarion.disconnect()"))
    await until(page, f"clarion.state.state === '{state}'")
    told: list[Any] = await page.evaluate("told")
    assert [(who, change["state"], change.get("code")) for who, change in told] == [
        (tag, state, code)
    ]
