"""Commands of the browser client are carried out or answered for, whatever the connection does."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browser.scripted import ScriptedServer, item, replay, start_live, until

pytestmark = pytest.mark.both_browsers

TRY = """(act) => {
  window.answers ??= [];
  const done = act === "archive" ? clarion.archive(["item-001"]) : clarion.read("item-001");
  void done.then(() => answers.push("ok"), (error) => answers.push([error.code, error.message]));
}"""


async def test_a_command_resolves_with_the_servers_answer(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate(TRY, "read")
    first = await session.receive()
    ref = first["ref"]
    assert first == {"type": "read", "ids": ["item-001"], "ref": ref, "key": f"{ref}"}
    await page.evaluate(TRY, "archive")
    second = await session.receive()
    assert second == {"type": "archive", "ids": ["item-001"], "ref": ref + 1, "key": f"{ref + 1}"}
    error = {"type": "error", "code": "unavailable", "detail": "The database is away."}
    await session.send(error | {"ref": second["ref"]}, {"type": "ok", "ref": first["ref"]})
    await until(page, "answers.length === 2")
    assert await page.evaluate("answers") == [["unavailable", "The database is away."], "ok"]


async def test_a_command_without_an_answer_is_sent_again_after_a_loss(
    page: Page, server: ScriptedServer
) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate(TRY, "read")
    sent = await session.receive()
    await session.close(1011)
    session = await server.session()
    await session.opened()
    await page.evaluate(TRY, "archive")
    await session.send(*replay(item(1)))
    assert await session.receive() == sent
    second = await session.receive()
    assert (second["type"], second["ref"]) == ("archive", sent["ref"] + 1)
    await session.send({"type": "ok", "ref": sent["ref"]}, {"type": "ok", "ref": second["ref"]})
    await until(page, "answers.length === 2")
    assert await page.evaluate("answers") == ["ok", "ok"]


async def test_disconnecting_answers_for_what_is_open(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate(TRY, "read")
    await session.receive()
    await page.evaluate("clarion.disconnect()")
    await page.evaluate(TRY, "read")
    await until(page, "answers.length === 2")
    assert await page.evaluate("answers") == [["disconnected", "Not connected."]] * 2


async def test_all_read_goes_up_to_what_is_known(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1), item(5))
    await page.evaluate("void clarion.readAll()")
    command = await session.receive()
    assert (command["type"], command["up_to"], "ids" in command) == ("read", 5, False)


async def test_many_ids_are_sent_in_parts(page: Page, server: ScriptedServer) -> None:
    session = await start_live(page, server, item(1))
    await page.evaluate("void clarion.seen(Array.from({ length: 1_001 }, (_, n) => `id-${n}`))")
    frames = [await session.receive(), await session.receive()]
    assert [len(frame["ids"]) for frame in frames] == [1_000, 1]
