"""Pages from before the feed, what becomes of their items, and publishing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from testbed.browser import open_page
from tests.browser.scripted import ScriptedServer, item, replay, start_live, until
from tests.browser.test_client_optimistic import AT, state

pytestmark = pytest.mark.both_browsers


async def serve_list(page: Page, *answers: dict[str, Any], status: int = 200) -> list[Any]:
    """Answer `GET /v1/inbox` with these in turn; the requests, as they come."""
    asked: list[Any] = []
    waiting = list(answers)

    async def answer(route: Route) -> None:
        url = route.request.url.partition("/v1/")[2]
        asked.append((url, route.request.headers["authorization"]))
        await route.fulfill(json=waiting.pop(0), status=status)

    await page.route("**/v1/inbox?*", answer)
    return asked


async def test_a_page_is_asked_for_with_filter_cursor_and_token(
    page: Page, server: ScriptedServer
) -> None:
    await start_live(page, server)
    answer = {"items": [item(1)], "next_cursor": "further", "version": 1, "unread": 1}
    asked = await serve_list(page, answer, answer)
    listed = await page.evaluate("clarion.list()")
    assert listed == {"items": [item(1)], "next_cursor": "further"}
    await page.evaluate(
        "clarion.list({ state: 'unread', category: 'orders', cursor: 'a/b', limit: 7 })"
    )
    assert asked == [
        ("inbox?state=inbox&limit=50", "Bearer a-token"),
        ("inbox?state=unread&limit=7&category=orders&cursor=a%2Fb", "Bearer a-token"),
    ]


async def test_a_list_goes_on_past_empty_pages_a_bounded_number_of_times(
    page: Page, server: ScriptedServer
) -> None:
    await start_live(page, server)
    rest: dict[str, Any] = {"version": 1, "unread": 1}
    empty = [{"items": list[Any](), "next_cursor": f"c{n}"} | rest for n in range(20)]
    found = {"items": [item(1)], "next_cursor": None} | rest
    asked = await serve_list(page, *empty[:2], found, *empty)
    assert await page.evaluate("clarion.list()") == {"items": [item(1)], "next_cursor": None}
    assert [url.partition("&cursor=")[2] for url, _ in asked] == ["", "c0", "c1"]
    assert await page.evaluate("clarion.list()") == {"items": [], "next_cursor": "c19"}
    assert len(asked) == 3 + 20


async def test_what_becomes_of_a_listed_item_is_known(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(9))
    await serve_list(page, {"items": [item(1)], "next_cursor": None})
    await page.evaluate("clarion.list()")
    await page.evaluate("void clarion.archive('item-001')")
    assert await page.evaluate("!!clarion.item('item-001').archived_at && clarion.unreadCount") == 0
    ref = (await session.receive())["ref"]
    states = [state(1, 10, archived_at=AT)]
    await session.send({"type": "changed", "version": 10, "unread": 1, "items": states})
    await session.send({"type": "ok", "ref": ref})
    await until(page, "clarion.unreadCount === 1")
    assert await page.evaluate("clarion.item('item-001')") == item(1, 10, archived_at=AT)
    assert await page.evaluate("clarion.items.map((one) => one.id)") == ["item-009"]


async def test_an_older_page_does_not_undo_what_the_feed_has_said(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    states = [state(1, 2, read_at=AT)]
    await session.send({"type": "changed", "version": 2, "unread": 0, "items": states})
    await until(page, "clarion.version === 2")
    await serve_list(page, {"items": [item(1)], "next_cursor": None})
    await page.evaluate("clarion.list()")
    assert await page.evaluate("clarion.item('item-001').read_at") == AT


async def test_a_refused_list_says_why(browser: Browser, server: ScriptedServer) -> None:
    async with open_page(browser, allowed_errors=("status of 400",)) as page:
        await start_live(page, server)
        problem = {"code": "bad_cursor", "detail": "That is no cursor."}
        await serve_list(page, problem, status=400)
        caught = "clarion.list().catch((error) => [error.name, error.code, error.message])"
        assert await page.evaluate(caught) == ["ClarionError", "bad_cursor", "That is no cursor."]


async def test_publishing_resolves_when_it_is_done_and_bears_one_id_however_often_it_is_sent(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server)
    await page.evaluate(
        "void clarion.publish('room:42', { text: 'hi' }).then(() => (window.published = true))"
    )
    sent = await session.receive()
    assert str(uuid.UUID(sent["id"])) == sent["id"]
    told = {"type": "publish", "topic": "room:42", "data": {"text": "hi"}}
    assert sent == {**told, "id": sent["id"], "ref": sent["ref"]}
    await session.close(1011)
    session = await server.session()
    await session.opened()
    await session.send(*replay())
    assert await session.receive() == sent
    await session.send({"type": "ok", "ref": sent["ref"]})
    await until(page, "window.published")


LOOP = """(options) => {
  window.got = [];
  window.over = "";
  const loop = async () => {
    for await (const { item } of options ? clarion.notifications(options) : clarion) {
      got.push(item.id);
      if (window.hold) await window.hold;
    }
    return "done";
  };
  void loop().then((end) => (over = end), (error) => (over = error.code));
}"""


async def test_a_loop_gets_each_new_item_and_ends_with_the_feed(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate(LOOP)
    for number in (2, 3):
        await session.send(notification_of(number))
    await until(page, "got.length === 2")
    await page.evaluate("clarion.disconnect()")
    await until(page, "over === 'done'")
    assert await page.evaluate("got") == ["item-002", "item-003"]


async def test_a_loop_over_a_refused_feed_throws(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server)
    await page.evaluate(LOOP)
    await session.close(4403, "origin_not_allowed")
    await until(page, "over === 'origin_not_allowed'")


@pytest.mark.parametrize(
    ("when_full", "got", "over"),
    [
        ("drop-oldest", [1, 4, 5], "done"),
        ("drop-newest", [1, 2, 3], "done"),
        ("throw", [1, 2, 3], "too_slow"),
    ],
)
async def test_a_slow_loop_loses_what_its_policy_says(
    page: Page, server: ScriptedServer, when_full: str, got: list[int], over: str
) -> None:
    session = await start_live(page, server)
    await page.evaluate("void (window.hold = new Promise((resolve) => (window.letGo = resolve)))")
    await page.evaluate(LOOP, {"limit": 2, "whenFull": when_full})
    await session.send(notification_of(1))
    await until(page, "got.length === 1")
    await session.send(*[notification_of(number) for number in range(2, 6)])
    await until(page, "clarion.version === 5")
    await page.evaluate("letGo()")
    await until(page, "got.length === 3")
    await page.evaluate("clarion.disconnect()")
    await until(page, f"over === '{over}'")
    assert await page.evaluate("got") == [f"item-{number:03}" for number in got]


def notification_of(number: int) -> dict[str, Any]:
    return {"type": "notification", "version": number, "unread": number, "item": item(number)}
