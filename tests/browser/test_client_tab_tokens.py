"""Tabs that share a connection share no credentials: each stands and falls by its own token."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.scripted import ScriptedServer, Session, item, jwt, notification, replay, until

pytestmark = pytest.mark.both_browsers

START = """async ({ way, tokens, share }) => {
  const { Clarion } = await import("/quick/web/client/clarion.js");
  window.asked = 0;
  const next = () => tokens[window.asked++];
  const ways = {
    fixed: tokens[0],
    served: () => next() ?? tokens.at(-1),
    throws: () => next() ?? Promise.reject(new Error("The shop's server is away.")),
    hangs: () => next() ?? new Promise(() => {}),
    "signed-out": () => next() ?? null,
  };
  const backoff = { baseMs: 1, capMs: 5 };
  window.clarion = new Clarion({ token: ways[way], backoff, share });
  window.states = [];
  window.arrived = [];
  clarion.on("state", ({ state, code }) => states.push([state, code]));
  clarion.on("notification", ({ item }) => arrived.push(item.id));
  clarion.connect();
}"""

MUTE = """() => {
  const { postMessage } = BroadcastChannel.prototype;
  const later = new WeakSet();
  BroadcastChannel.prototype.postMessage = function (message) {
    if (later.has(this)) postMessage.call(this, message);
  };
  window.BroadcastChannel = class extends BroadcastChannel {
    constructor(name) {
      super(name);
      later.add(this);
    }
  };
}"""
"""No other tab hears this leader any more, as when its page is frozen. The channel that it opens
once it was replaced is heard: a tab that nobody can answer would take the lead back."""

ADA = jwt(3_600, "ada")
LATER = jwt(3_600, "ada", issued_at=2_000)
EXPIRED = {
    "state": "refused",
    "code": "token_expired",
    "detail": "The token was refused or has expired.",
}


async def open_tab(
    page: Page,
    server: ScriptedServer,
    *tokens: str,
    way: str = "served",
    share: bool = True,
    script: str = "",
) -> Page:
    """One more tab of this browser whose page gives these tokens."""
    tab = await page.context.new_page()
    await tab.add_init_script(script)
    await tab.goto(server.url)
    await tab.evaluate(START, {"way": way, "tokens": tokens or [ADA], "share": share})
    return tab


async def led(server: ScriptedServer, token: str = ADA, *items: dict[str, Any]) -> Session:
    """The next connection, made with this token, live with these items."""
    session = await server.session()
    assert (await session.opened())[0] == {"type": "auth", "token": token}
    await session.send(*replay(*(items or [item(1)])))
    return session


async def is_live(*tabs: Page) -> None:
    for tab in tabs:
        await until(tab, "clarion.state.state === 'live'")


async def hear(session: Session, *tabs: Page, version: int = 2) -> None:
    """Each of these tabs is live with this feed."""
    await session.send(notification(item(9, version), version))
    for tab in tabs:
        await until(tab, "clarion.state.state === 'live' && clarion.items[0]?.id === 'item-009'")


async def test_a_leader_whose_token_expires_says_so_and_another_goes_on(
    page: Page, server: ScriptedServer
) -> None:
    old = jwt(60, "ada")
    leader = await open_tab(page, server, old, way="fixed")
    session = await led(server, old)
    await is_live(leader)
    other = await open_tab(page, server, ADA, way="fixed")
    await is_live(other)
    await leader.evaluate("void clarion.on('refused', (change) => (window.told = change))")
    await session.close(4401, "token_expired")
    await hear(await led(server, ADA), other)
    assert await leader.evaluate("[clarion.state, told]") == [EXPIRED, EXPIRED]
    assert ["refused", "token_expired"] not in await other.evaluate("states")
    assert server.sessions.empty()


@pytest.mark.parametrize("way", ["throws", "hangs"])
async def test_a_leader_whose_page_gives_no_token_follows_one_that_has_one(
    page: Page, server: ScriptedServer, way: str
) -> None:
    old = jwt(60, "ada")
    leader = await open_tab(page, server, old, way=way)
    session = await led(server, old)
    await is_live(leader)
    other = await open_tab(page, server, ADA)
    await is_live(other)
    await session.close(4401, "token_expired")
    session = await led(server, ADA)
    await hear(session, other, leader)
    assert await leader.evaluate("states.some(([, code]) => code === 'no_token')")
    asked = await leader.evaluate("asked")
    await until(leader, f"asked > {asked}")
    await leader.evaluate("void clarion.read('item-001').then(() => (window.done = true))")
    command = await session.receive()
    await session.send({"type": "ok", "ref": command["ref"]})
    await until(leader, "window.done")
    assert server.sessions.empty()


async def test_a_leader_that_is_signed_out_leaves_the_others_alone(
    page: Page, server: ScriptedServer
) -> None:
    old = jwt(60, "ada")
    leader = await open_tab(page, server, old, way="signed-out")
    session = await led(server, old)
    await is_live(leader)
    other = await open_tab(page, server, ADA)
    await is_live(other)
    await session.close(4401, "token_expired")
    await hear(await led(server, ADA), other)
    await until(leader, "clarion.state.state === 'signed-out'")
    assert await leader.evaluate("clarion.items.some(({ id }) => id === 'item-009')") is False


async def test_of_three_tabs_the_one_with_a_good_token_goes_on(
    page: Page, server: ScriptedServer
) -> None:
    first = await open_tab(page, server, jwt(60, "ada"), way="fixed")
    session = await led(server, jwt(60, "ada"))
    await is_live(first)
    second = await open_tab(page, server, jwt(61, "ada"), way="fixed")
    await is_live(second)
    third = await open_tab(page, server, ADA)
    await is_live(third)
    await session.close(4401, "token_expired")
    session = await server.session()
    assert (await session.opened())[0] == {"type": "auth", "token": jwt(61, "ada")}
    await session.close(4401, "token_invalid")
    await hear(await led(server, ADA), third)
    ends = [await tab.evaluate("clarion.state.code") for tab in (first, second)]
    assert ends == ["token_expired", "token_invalid"]


async def test_a_leader_that_is_logged_in_as_somebody_else_ends_alone(
    page: Page, server: ScriptedServer
) -> None:
    leader = await open_tab(page, server, jwt(60, "ada"), jwt(60, "grace"))
    session = await led(server, jwt(60, "ada"))
    await is_live(leader)
    other = await open_tab(page, server, ADA)
    await is_live(other)
    await session.close(4401, "token_expired")
    await hear(await led(server, ADA), other)
    assert await leader.evaluate("[clarion.state.state, clarion.state.code]") == [
        "refused",
        "another_subscriber",
    ]


async def test_a_renewal_that_is_somebody_elses_ends_the_feed_at_once(
    page: Page, server: ScriptedServer
) -> None:
    tab = await open_tab(page, server, jwt(1, "ada"), jwt(60, "grace"))
    session = await led(server, jwt(1, "ada"))
    await session.ended()
    await until(tab, "clarion.state.code === 'another_subscriber'")
    assert server.sessions.empty()


async def test_a_revocation_ends_tabs_with_tokens_up_to_it_and_others_try_theirs(
    page: Page, server: ScriptedServer
) -> None:
    leader = await open_tab(page, server, ADA)
    session = await led(server, ADA)
    await is_live(leader)
    early = await open_tab(page, server, jwt(7_200, "ada"))
    late = await open_tab(page, server, LATER)
    await is_live(early, late)
    await session.close(4401, "token_revoked")
    await hear(await led(server, LATER), late)
    for tab in (leader, early):
        await until(tab, "clarion.state.code === 'token_revoked'")
    assert await early.evaluate("asked") == 1
    assert server.sessions.empty()


async def test_names_that_could_be_read_as_another_tenants_are_not_shared(
    page: Page, server: ScriptedServer
) -> None:
    one = jwt(3_600, "b c", tenant="a")
    two = jwt(3_600, "c", tenant="a b")
    await open_tab(page, server, one)
    await led(server, one)
    await open_tab(page, server, two)
    await led(server, two)


async def test_a_tab_publishes_by_its_own_token(page: Page, server: ScriptedServer) -> None:
    leader = await open_tab(page, server, ADA)
    session = await led(server, ADA)
    other = await open_tab(page, server, LATER)
    await is_live(leader, other)
    await other.evaluate(
        """() => {
          window.answers = [];
          for (const topic of ["room:42", "room:43"]) {
            const refused = ({ code }) => answers.push([topic, code]);
            clarion.publish(topic, 1).then(() => answers.push([topic]), refused);
          }
        }"""
    )
    own = await server.session()
    assert await own.receive() == {"type": "auth", "token": LATER}
    assert await own.receive() == {"type": "ping"}
    frames = [await own.receive(), await own.receive()]
    assert [frame["topic"] for frame in frames] == ["room:42", "room:43"]
    refusal = {"type": "error", "code": "topic_not_allowed", "detail": "No."}
    await own.send({"type": "ok", "ref": frames[0]["ref"]}, refusal | {"ref": frames[1]["ref"]})
    await until(other, "answers.length === 2")
    assert await other.evaluate("answers") == [["room:42"], ["room:43", "topic_not_allowed"]]
    await own.ended()
    await hear(session, leader, other)


async def test_what_is_published_is_sent_again_and_refused_where_the_token_is(
    page: Page, server: ScriptedServer
) -> None:
    await open_tab(page, server, ADA)
    session = await led(server, ADA)
    other = await open_tab(page, server, ADA, LATER)
    await is_live(other)
    await other.evaluate(
        "void clarion.publish('room:42', 1).catch(({ code }) => (window.code = code))"
    )
    own = await server.session()
    assert await own.opened() == ({"type": "auth", "token": ADA}, {"type": "ping"})
    sent = await own.receive()
    await own.close(1011)
    own = await server.session()
    await own.opened()
    assert await own.receive() == sent
    await own.close(4401, "token_invalid")
    own = await server.session()
    assert (await own.opened())[0] == {"type": "auth", "token": LATER}
    assert await own.receive() == sent
    await own.close(4401, "token_invalid")
    await until(other, "window.code === 'token_invalid'")
    await hear(session, other)


async def test_a_tab_of_its_own_stands_apart(page: Page, server: ScriptedServer) -> None:
    alone = await open_tab(page, server, ADA, share=False)
    own = await led(server, ADA)
    leader = await open_tab(page, server, ADA, way="fixed")
    session = await led(server, ADA)
    follower = await open_tab(page, server, ADA)
    await is_live(alone, leader, follower)
    await session.close(4401, "token_revoked")
    await until(follower, "clarion.state.state === 'refused'")
    await hear(own, alone)


async def test_a_leader_that_falls_silent_is_replaced_by_a_tab_that_is_seen(
    page: Page, server: ScriptedServer
) -> None:
    leader = await open_tab(page, server, ADA)
    await led(server, ADA)
    other = await open_tab(page, server, LATER)
    await is_live(leader, other)
    await leader.evaluate(MUTE)
    session = await led(server, LATER, item(1), item(2))
    await hear(session, other, leader, version=3)


async def test_a_leader_that_has_nothing_to_tell_is_kept(
    page: Page, server: ScriptedServer
) -> None:
    leader = await open_tab(page, server, ADA)
    session = await led(server, ADA)
    await is_live(leader)
    other = await open_tab(page, server, LATER)
    await is_live(other)
    await other.evaluate(
        """() => new Promise((resolve) => {
          let pongs = 0;
          const name = JSON.stringify(["clarion", location.href.replace("http", "ws") + "v1/live",
            "default", "ada"]);
          new BroadcastChannel(name).onmessage = ({ data }) =>
            data.frame.type === "pong" && ++pongs === 3 && resolve();
        })"""
    )
    await hear(session, leader, other)
    assert server.sessions.empty()


async def test_a_clock_that_is_set_back_makes_no_tab_deaf(
    page: Page, server: ScriptedServer
) -> None:
    ahead = "const was = Date.now; Date.now = () => was() + 3_600_000"
    leader = await open_tab(page, server, ADA, script=ahead)
    await led(server, ADA)
    hidden = "Object.defineProperty(document, 'hidden', { value: true })"
    follower = await open_tab(page, server, ADA, script=hidden)
    await is_live(leader, follower)
    await leader.evaluate(MUTE)
    thief = await open_tab(page, server, LATER)
    session = await led(server, LATER, item(1), item(2))
    await is_live(thief)
    await hear(session, thief, follower, version=3)
    assert server.sessions.empty()


async def test_a_follower_that_comes_back_from_the_history_asks_who_is_there(
    page: Page, server: ScriptedServer
) -> None:
    leader = await open_tab(page, server, ADA)
    session = await led(server, ADA)
    await is_live(leader)
    other = await open_tab(page, server, ADA, jwt(3_600, "grace"))
    same = await open_tab(page, server, ADA)
    await is_live(other, same)
    for tab in (other, same):
        await tab.evaluate(
            "void dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
        )
    await until(other, "clarion.state.code === 'another_subscriber'")
    assert await other.evaluate("clarion.items") == []
    await until(same, "asked === 2")
    await hear(session, leader, same)
    assert server.sessions.empty()


@pytest.mark.parametrize(
    ("way", "code"), [("served", "another_subscriber"), ("signed-out", "signed_out")]
)
async def test_a_list_that_finds_somebody_else_or_nobody_signed_in_ends_the_feed(
    page: Page, server: ScriptedServer, way: str, code: str
) -> None:
    leader = await open_tab(page, server, ADA)
    session = await led(server, ADA)
    await is_live(leader)
    tokens = [ADA, jwt(3_600, "grace")] if way == "served" else [ADA]
    other = await open_tab(page, server, *tokens, way=way)
    await is_live(other)
    refusal = {"code": "token_expired", "detail": "It has expired."}
    await other.route("**/v1/inbox?*", lambda route: route.fulfill(status=401, json=refusal))
    assert await other.evaluate("clarion.list().catch(({ code }) => code)") == code
    assert await other.evaluate("[clarion.state.code, clarion.items]") == [code, []]
    await hear(session, leader)
