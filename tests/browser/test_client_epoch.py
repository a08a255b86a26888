"""A page that stays open while the database is restored: nothing is hidden, nothing there twice."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.browser.scripted import (
    ScriptedServer,
    Session,
    item,
    notification,
    replay,
    start_client,
    start_tab,
    until,
    welcome,
)
from tests.browser.test_client_feed import held
from tests.browser.test_client_stream import say, streaming

__all__ = ["streaming"]

REJECTED = """window.rejected = [];
clarion.readAll().catch(({ code }) => rejected.push(code));
clarion.read("item-001").catch(({ code }) => rejected.push(code));
void 0;"""


async def live(page: Page, server: ScriptedServer, *items: dict[str, Any]) -> Session:
    """A client that is live with these items, in the epoch `a`."""
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(*items, epoch="a"))
    await until(page, "clarion.state.state === 'live'")
    return session


async def again(session: Session, server: ScriptedServer) -> tuple[Session, dict[str, Any]]:
    """The next socket after this one, and its hello."""
    await session.close(1011)
    session = await server.session()
    return session, (await session.opened())[1]


async def test_the_epoch_is_given_back_with_the_version(page: Page, server: ScriptedServer) -> None:
    session = await live(page, server, item(1))
    session, hello = await again(session, server)
    assert hello == {"type": "hello", "since": 1, "epoch": "a"}
    await session.send(*replay(item(2)))  # by a server that is older than epochs
    await until(page, "clarion.version === 2")
    assert (await again(session, server))[1] == {"type": "hello", "since": 2, "epoch": "a"}


async def test_another_epoch_takes_the_place_of_all_that_was(
    page: Page, server: ScriptedServer
) -> None:
    session = await live(page, server, item(1), item(2), item(3))
    session, _ = await again(session, server)
    frames = replay(item(1), item(9, 2), epoch="b", reset=True)
    await session.send(*frames[:-1])
    assert await page.evaluate("clarion.items.length") == 3  # nothing is hidden meanwhile
    session, hello = await again(session, server)
    assert hello == {"type": "hello", "epoch": "b"}  # half a snapshot is none
    await session.send(*replay(item(1), item(9, 2), epoch="b"))
    await until(page, "clarion.version === 2")
    await session.send(notification(item(10, 3), 3))
    await until(page, "clarion.version === 3")
    assert await held(page) == [["item-010", "item-009", "item-001"], 3, 3]
    assert await page.evaluate("arrived") == ["item-010"]


async def test_a_reset_that_the_server_begins_by_itself_is_taken(
    page: Page, server: ScriptedServer
) -> None:
    session = await live(page, server, item(1), item(2))
    await session.send(*replay(item(1), item(9, 2), epoch="b", reset=True))
    await session.send(notification(item(10, 3), 3))
    await until(page, "clarion.version === 3")
    assert await held(page) == [["item-010", "item-009", "item-001"], 3, 3]


async def test_a_command_up_to_a_version_of_another_epoch_is_not_sent_again(
    page: Page, server: ScriptedServer
) -> None:
    session = await live(page, server, item(1), item(2))
    await page.evaluate(REJECTED)
    assert (await session.receive())["up_to"] == 2
    one = await session.receive()
    session, _ = await again(session, server)
    await session.send(*replay(item(1), item(9, 2), epoch="b", reset=True))
    await until(page, "rejected.length === 1")
    assert await session.receive() == one
    assert await page.evaluate("[rejected, clarion.items.map((one) => !!one.read_at)]") == [
        ["reset"],
        [False, True],
    ]


async def test_all_tabs_go_over_to_another_epoch(page: Page, server: ScriptedServer) -> None:
    await start_tab(page, server)
    session = await server.session()
    await session.opened()
    await session.send(*replay(item(1), item(2), item(3), epoch="a"))
    await until(page, "clarion.state.state === 'live'")
    follower = await page.context.new_page()
    await start_tab(follower, server)
    await until(follower, "clarion.state.state === 'live'")
    await follower.evaluate(REJECTED)
    for _ in range(2):
        await session.receive()
    session, hello = await again(session, server)
    assert hello == {"type": "hello", "since": 3, "epoch": "a"}
    await session.send(*replay(item(1), item(9, 2), epoch="b", reset=True))
    for tab in (page, follower):
        await until(tab, "clarion.version === 2")
        assert await held(tab) == [["item-009", "item-001"], 2, 2 if tab is page else 1]
    assert await follower.evaluate("rejected") == ["reset"]
    assert (await session.receive())["ids"] == ["item-001"]
    await page.close()  # the next leader goes on in the same history
    session = await server.session()
    assert (await session.opened())[1] == {"type": "hello", "since": 2, "epoch": "b"}


async def test_a_server_that_does_not_know_epochs_is_asked_without(
    page: Page, server: ScriptedServer
) -> None:
    session = await live(page, server, item(1))
    session, _ = await again(session, server)
    await session.send({"type": "error", "code": "invalid", "detail": "epoch?", "ref": None})
    assert await session.receive() == {"type": "hello", "since": 1}
    await session.send(*replay(item(2)))
    await until(page, "clarion.version === 2")


async def test_a_list_of_another_epoch_is_asked_for_again(
    page: Page, server: ScriptedServer
) -> None:
    await live(page, server, item(1))
    pages = [("z", [item(8)]), ("a", [item(1), item(2)])]
    asked: list[str] = []

    async def answer(route: Any) -> None:
        asked.append(route.request.url)
        epoch, items = pages[len(asked) - 1]
        await route.fulfill(json={"items": items, "next_cursor": None, "epoch": epoch})

    await page.route("**/v1/inbox?*", answer)
    assert await page.evaluate("clarion.list().then(({ items }) => items.length)") == 2
    assert await page.evaluate("[!clarion.item('item-008'), !!clarion.item('item-002')]") == [
        True,
        True,
    ]


async def test_a_stream_says_the_epoch_too(streaming: Page) -> None:
    await say(streaming, welcome(1, 1, epoch="a"), {"type": "caught_up", "version": 1})
    await streaming.evaluate("streams.at(-1).onerror()")
    await streaming.clock.run_for(60_000)
    await until(streaming, "streams.length > 1")
    address = await streaming.evaluate("streams.at(-1).url.split('?')[1]")
    assert address == "ticket=once&since=1&epoch=a"
