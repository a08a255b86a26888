"""The whole story of an item, told by the gateway from what planner, pusher and schedule kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from clarion.bus.protocol import Bus
from clarion.contracts.envelope import Entry
from clarion.contracts.event import Event
from clarion.contracts.ids import new_id
from clarion.records.item_changes import MAX_KEPT
from clarion.store.database import Database
from clarion.topology import events_queue
from services.notifier.plan.batch import Batch, Planner
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.snooze_returns import unsnooze_due
from services.pusher.inbox.command import InboxCommand, Verb
from services.pusher.inbox.commands import InboxCommands
from tests.support.gateway import gateway_client
from tests.support.notifier import rows
from tests.support.pusher import running_pusher, token

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def plan(database: Database, *identifiers: str, **fields: Any) -> None:
    """Plan events for user 42, in one batch."""
    event = Event("shipped", to="user:42", **fields)
    now = datetime.now(UTC)
    entries = [Entry(one, "shop", "default", now, PARENT, event) for one in identifiers]
    batch = Batch("normal", events_queue("normal"), entries)
    await Planner(database, carried=frozenset()).plan(batch)


async def story(client: httpx2.AsyncClient, event: str = "o-1") -> dict[str, Any]:
    """The one notification of an event."""
    (item,) = (await client.get("/v1/notifications", params={"event": event})).json()["items"]
    return (await client.get(f"/v1/notifications/{item['id']}")).json()


def told(record: dict[str, Any]) -> list[tuple[str, str]]:
    """The timeline's second half: from the inbox on."""
    return [(one["what"], one["detail"]) for one in record["timeline"]][3:]


async def test_who_was_given_it_and_who_did_what_by_what_is_told(
    memory_bus: Bus, database: Database
) -> None:
    await plan(database, "o-1")
    async with (
        gateway_client(memory_bus, database) as gateway,
        running_pusher(memory_bus, database) as pusher,
        httpx2.AsyncClient(headers={"authorization": f"Bearer {token('42')}"}) as rest,
        pusher.feed("42") as client,
        pusher.feed("42") as mute,
    ):
        session, other = client.past[0]["session"], mute.past[0]["session"]
        frame = client.past[1]
        item = frame["item"]["id"]
        await client.send({"type": "ack", "version": 1})
        await client.send({"type": "read", "ids": [item], "ref": 1})
        await client.until("ok")
        answer = await rest.post(f"{pusher.http}/v1/inbox/unread", json={"ids": [item]})
        assert answer.json()["changed"] == 1
        await mute.until("changed")
        await mute.until("changed")
        pusher.engine.receipts.sweep()
        await pusher.engine.receipts.flush()
        record = await story(gateway)
    came = "the item arrived with 1"
    expected = {
        ("in_inbox", "Entered the inbox (version 1)"),
        ("read", f"The subscriber marked it as read, by session {session} (version 2)"),
        ("unread", "The subscriber marked it as unread, by REST (version 3)"),
        (
            "acknowledged",
            f"Session {session} received the inbox up to version 3 and acknowledged up to 1; "
            + came,
        ),
        (
            "written",
            f"Session {other} received the inbox up to version 3 and did not acknowledge it; "
            + came,
        ),
    }
    assert set(told(record)) == expected
    assert all(TIME.fullmatch(one["at"]) for one in record["timeline"])
    assert record["trace_id"] == frame["trace_id"] == TRACE_ID


async def test_a_snooze_and_its_end_are_told(memory_bus: Bus, database: Database) -> None:
    await plan(database, "o-1")
    commands = InboxCommands(database)
    until = datetime.now(UTC) + timedelta(hours=1)

    async def apply(verb: Verb, until: datetime | None = None) -> None:
        await commands.apply(InboxCommand("default", "42", verb, up_to=99, until=until))

    await apply("snooze", until)
    async with database.driver() as tx:
        await tx.execute("UPDATE notifications SET due_at = now()")
    async with database.driver() as tx:
        assert (await unsnooze_due(tx, Portion(10))).taken == 1
    await apply("snooze", until)
    await apply("snooze")
    (item,) = await rows(database, "SELECT id FROM notifications")
    for verb in ("archive", "unarchive"):
        await commands.apply(InboxCommand("default", "42", verb, ids=(item["id"],)))
    async with gateway_client(memory_bus, database) as gateway:
        record = await story(gateway)
    then = until.isoformat().replace("+00:00", "Z")
    assert told(record) == [
        ("in_inbox", "Entered the inbox (version 1)"),
        ("snoozed", f"The subscriber snoozed it until {then}, by REST (version 2)"),
        ("returned", "Returned to the inbox: its snooze ended (version 3)"),
        ("snoozed", f"The subscriber snoozed it until {then}, by REST (version 4)"),
        ("returned", "The subscriber ended its snooze, by REST (version 5)"),
        ("archived", "The subscriber archived it, by REST (version 6)"),
        ("unarchived", "The subscriber restored it from the archive, by REST (version 7)"),
    ]


async def test_a_command_on_all_items_is_told_of_those_that_it_changed(
    memory_bus: Bus, database: Database
) -> None:
    await plan(database, "o-1", "o-2", category="a")
    await plan(database, "o-3", category="b")
    commands = InboxCommands(database)

    async def apply(verb: Verb, up_to: int, category: str | None = None) -> None:
        one = InboxCommand("default", "42", verb, up_to=up_to, category=category, by="session 7")
        await commands.apply(one)

    await apply("seen", 1)
    await apply("read", 99, "a")
    await apply("archive", 99)
    async with gateway_client(memory_bus, database) as gateway:
        told_of = {name: told(await story(gateway, name))[1:] for name in ("o-1", "o-2", "o-3")}
    seen = ("seen", "The subscriber saw it with all up to version 1, by session 7 (version 4)")
    read = (
        "read",
        "The subscriber marked it as read with all of category a up to version 4, "
        "by session 7 (version 5)",
    )
    archived = (
        "archived",
        "The subscriber archived it with all up to version 5, by session 7 (version 6)",
    )
    assert told_of == {
        "o-1": [seen, read, archived],
        "o-2": [read, archived],
        "o-3": [archived],
    }


async def test_what_is_kept_of_an_item_is_bounded_and_its_first_version_known(
    memory_bus: Bus, database: Database
) -> None:
    await plan(database, "o-1", "o-2")
    commands = InboxCommands(database)
    (first, second) = await rows(database, "SELECT id FROM notifications ORDER BY version")
    for _ in range(MAX_KEPT):
        for verb in ("read", "unread"):
            await commands.apply(InboxCommand("default", "42", verb, ids=(second["id"],)))
    async with gateway_client(memory_bus, database) as gateway:
        record = await story(gateway, "o-2")
    changed = [one for one in told(record) if one[0] in ("read", "unread")]
    assert len(changed) == MAX_KEPT
    assert told(record)[0] == ("in_inbox", "Entered the inbox (version 2)")
    assert [one[1].split("(")[1] for one in (changed[0], changed[-1])] == [
        "version 3)",
        f"version {2 + 2 * MAX_KEPT})",
    ]
    untouched = await rows(
        database, f"SELECT changes FROM notifications WHERE id = '{first['id']}'"
    )
    assert untouched == [{"changes": []}]


async def test_receipts_of_others_and_of_before_are_not_told(
    memory_bus: Bus, database: Database
) -> None:
    async with database.driver() as tx:
        for tenant, subscriber, written, at in (
            ("default", "42", 0, "now()"),
            ("default", "42", 9, "now() - interval '1 hour'"),
            ("default", "43", 9, "now() + interval '1 hour'"),
            ("acme", "42", 9, "now() + interval '1 hour'"),
        ):
            await tx.execute(
                "INSERT INTO receipts (session, tenant, subscriber, written, acknowledged, at)"
                f" VALUES ($1, $2, $3, $4, $4, {at})",
                new_id(),
                tenant,
                subscriber,
                written,
            )
    await plan(database, "o-1")
    async with gateway_client(memory_bus, database) as gateway:
        record = await story(gateway)
    assert told(record) == [("in_inbox", "Entered the inbox (version 1)")]


async def test_an_event_that_came_again_says_so(memory_bus: Bus, database: Database) -> None:
    await plan(database, "o-1", "o-1")
    async with gateway_client(memory_bus, database) as gateway:
        once = [one["detail"] for one in (await story(gateway))["timeline"]]
        await plan(database, "o-1", "o-2", "o-1")
        event = (await gateway.get("/v1/events/o-1")).json()["timeline"]
        item = (await story(gateway))["timeline"]
    assert "The event was received once more: a duplicate, not sent again" in once
    again = "The event was received 3 more times, the last one now: a duplicate, not sent again"
    assert [one["detail"] for one in event if one["what"] == "duplicate"] == [again]
    assert [one["detail"] for one in item if one["what"] == "duplicate"] == [again]
    assert len(await rows(database, "SELECT 1 FROM notifications")) == 2
