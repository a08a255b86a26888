"""The browser client comes back when it should, as the server says, and only then."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browser.scripted import (
    ScriptedServer,
    hold_time,
    item,
    jwt,
    replay,
    start_client,
    start_live,
    until,
    welcome,
)

pytestmark = pytest.mark.both_browsers


async def test_the_servers_time_to_return_is_kept(page: Page, server: ScriptedServer) -> None:
    await hold_time(page)
    session = await start_live(page, server, item(1))
    await session.send({"type": "reconnect", "after_ms": 3_600_000})
    await session.close(1012)
    await until(page, "clarion.state.state === 'waiting'")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.clock.run_for(3_500_000)
    assert await page.evaluate("clarion.state.state") == "waiting"
    await page.clock.run_for(101_000)
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}


async def test_a_draining_server_is_left_when_its_time_is_over(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.send({"type": "reconnect", "after_ms": 10})
    await session.ended()
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}


async def test_the_wait_doubles_up_to_a_bound(page: Page, server: ScriptedServer) -> None:
    await hold_time(page)
    await page.add_init_script("Math.random = () => 1")
    session = await start_client(page, server, backoff={"baseMs": 500, "capMs": 3_000})
    for _ in range(4):
        await session.close(1013)
        await until(page, "clarion.state.state === 'waiting'")
        await page.clock.run_for(3_000)
        session = await server.session()
    waits = await page.evaluate("states.filter((one) => one.retryInMs).map((one) => one.retryInMs)")
    assert waits == [1_000, 2_000, 3_000, 3_000]


async def test_a_refused_token_is_replaced_once_then_told(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_client(page, server, tokens=["old", "new"])
    await session.opened()
    await session.close(4401, "token_invalid")
    session = await server.session()
    assert (await session.opened())[0] == {"type": "auth", "token": "new"}
    await session.close(4401, "token_invalid")
    await until(page, "clarion.state.state === 'refused'")
    assert await page.evaluate("[clarion.state, asked]") == [
        {
            "state": "refused",
            "code": "token_invalid",
            "detail": "The token was refused or has expired.",
        },
        2,
    ]


async def test_a_token_that_expires_later_is_replaced_again(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_client(page, server, tokens=["one", "two", "three"])
    for token in ("one", "two"):
        assert (await session.opened())[0] == {"type": "auth", "token": token}
        await session.send(*replay())
        await until(page, "clarion.state.state === 'live'")
        await session.close(4401)
        session = await server.session()
    assert (await session.opened())[0] == {"type": "auth", "token": "three"}


@pytest.mark.parametrize("code", [1002, 4403, 4413])
async def test_a_server_that_wants_no_return_gets_none(
    page: Page, server: ScriptedServer, code: int
) -> None:
    await hold_time(page)
    session = await start_client(page, server)
    await session.close(code)
    await until(page, "clarion.state.state === 'refused'")
    await page.clock.run_for(3_600_000)
    assert server.sessions.empty()
    assert await page.evaluate("clarion.state.state") == "refused"


async def test_a_subscriber_with_too_many_sessions_is_retried_slowly(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    await page.add_init_script("Math.random = () => 0")
    session = await start_client(page, server)
    await session.close(4409, "too_many_sessions")
    await until(page, "clarion.state.state === 'waiting'")
    assert await page.evaluate("clarion.state.code") == "too_many_sessions"
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.clock.run_for(29_000)
    assert await page.evaluate("clarion.state.state") == "waiting"
    assert server.sessions.empty()
    await page.clock.run_for(1_500)
    session = await server.session()
    await session.opened()
    await session.send(*replay(item(1)))
    await until(page, "clarion.state.state === 'live'")


async def test_a_silent_connection_is_asked_and_then_left(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    session = await start_live(page, server, item(1))
    await page.clock.run_for(38_000)
    assert await session.receive() == {"type": "ping"}
    await session.send({"type": "pong"})
    await until(page, "clarion.state.state === 'live'")
    await page.clock.run_for(38_000)
    assert await session.receive() == {"type": "ping"}
    await page.clock.run_for(10_000)
    await session.ended()
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}


async def test_the_token_is_renewed_in_place_before_it_expires(
    page: Page, server: ScriptedServer
) -> None:
    await hold_time(page)
    first, second = jwt(10), jwt(60)
    session = await start_client(page, server, tokens=[first, second])
    assert (await session.opened())[0] == {"type": "auth", "token": first}
    await session.send(*replay(item(1)))
    await page.clock.run_for(9_000)
    assert await session.receive() == {"type": "auth", "token": second}
    assert await page.evaluate("[clarion.state.state, asked]") == ["live", 2]


async def test_no_token_is_a_reason_to_try_again(page: Page, server: ScriptedServer) -> None:
    await page.goto(server.url)
    await page.evaluate(
        """async () => {
          const { Clarion } = await import("/web/client/clarion.js");
          let asked = 0;
          const token = async () => {
            if (++asked === 1) throw new Error("The shop's server is away.");
            return "second";
          };
          window.clarion = new Clarion({ token, backoff: { baseMs: 1, capMs: 5 } });
          window.details = [];
          window.clarion.on("state", ({ detail }) => window.details.push(detail));
          window.clarion.connect();
        }"""
    )
    session = await server.session()
    assert (await session.opened())[0] == {"type": "auth", "token": "second"}
    assert "The shop's server is away." in await page.evaluate("details")


async def test_disconnect_is_final_until_connect(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate("clarion.disconnect()")
    await session.ended()
    assert await page.evaluate("[clarion.state.state, clarion.items.length]") == ["closed", 1]
    await page.evaluate("clarion.connect()")
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}


async def test_a_sleep_is_noticed_and_the_connection_asked(
    page: Page, server: ScriptedServer
) -> None:
    await page.clock.install()
    session = await start_live(page, server, item(1))
    await page.clock.fast_forward(30_000)
    assert await session.receive() == {"type": "ping"}
    await page.clock.run_for(5_000)
    await session.ended()
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 1}


async def test_a_revoked_token_ends_the_feed_with_a_sentence(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await session.close(4401, "token_revoked")
    await until(page, "clarion.state.state === 'refused'")
    assert await page.evaluate("[clarion.state.code, clarion.state.detail, asked]") == [
        "token_revoked",
        "Your access was revoked.",
        1,
    ]


async def test_a_clock_that_is_set_back_hides_no_dead_connection(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_client(page, server)
    await session.opened()
    await session.send(welcome(0, 0, heartbeat_s=1), {"type": "caught_up", "version": 0})
    await until(page, "clarion.state.state === 'live'")
    await page.evaluate("(was) => void (Date.now = () => was)", 0)
    assert await session.receive() == {"type": "ping"}
