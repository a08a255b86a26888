"""The directory holds what was said last, in whatever order it is planned."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import httpx2
import pytest

from clarion.bus.protocol import Bus, Message
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, Entry, encode_envelope
from clarion.rules.workflow import default_workflow
from clarion.store.database import Database
from services.gateway.admin.directory.subscribers import delete_subscriber
from services.notifier.drafts import EventDraft, data_of
from services.notifier.plan.describe import describe_recipients
from tests.support.gateway import gateway_client
from tests.support.notifier import (
    entry,
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    typed,
    wait_for_rows,
)

NOW = datetime.now(UTC)
PLANNED = "SELECT 1 FROM events WHERE state = 'planned'"
SENT = "SELECT recipient FROM deliveries WHERE state = 'sent'"


def ann(**said: Any) -> dict[str, Any]:
    """An event for Ann that says this of her."""
    return event(to=[{"id": "ann", **said}], channels=["inbox", "email"])


def at(fields: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The event as it was accepted so many seconds from now."""
    return entry(fields) | {"accepted_at": NOW + timedelta(seconds=seconds)}


def together(*entries: dict[str, Any]) -> Message:
    """One envelope."""
    return Message(encode_envelope(entries), ENVELOPE_CONTENT_TYPE)


async def in_directory(client: httpx2.AsyncClient) -> dict[str, Any] | None:
    answer = await client.get("/v1/subscribers/ann")
    return answer.json() if answer.status_code == 200 else None


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("apart", [False, True])
async def test_the_last_word_holds_in_any_order(
    memory_bus: Bus, database: Database, order: tuple[int, ...], apart: bool
) -> None:
    entries = [
        at(ann(email="first@example.org", phone="+15005550001", locale="de"), -30),
        at(ann(email="second@example.org", phone="+15005550002"), -20),
        at(ann(email="third@example.org"), -10),
    ]
    given = [entries[number] for number in order]
    messages = [together(one) for one in given] if apart else [together(*given)]
    async with (
        gateway_client(memory_bus, database) as client,
        running_notifiers(memory_bus, database),
    ):
        for number, message in enumerate(messages, 1):
            await publish(memory_bus, message)
            await wait_for_rows(database, PLANNED, number if apart else 3)
        found = await in_directory(client)
    assert found is not None
    said = (found["email"], found["phone"], found["locale"])
    assert said == ("third@example.org", "+15005550002", "de")


async def test_what_was_accepted_before_a_put_does_not_overwrite_it(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database) as client:
        await publish(memory_bus, envelope(ann(email="old@example.org", phone="+15005550001")))
        await client.put("/v1/subscribers/ann", json={"email": "new@example.org"})
        async with running_notifiers(memory_bus, database):
            sent = await wait_for_rows(database, SENT, 1)
            assert sent == [{"recipient": "new@example.org"}]
            found = await in_directory(client)
            assert found is not None
            assert (found["email"], found["phone"]) == ("new@example.org", None)
            await publish(memory_bus, envelope(ann(email="newest@example.org")))
            await wait_for_rows(database, SENT, 2)
            found = await in_directory(client)
    assert found is not None
    assert found["email"] == "newest@example.org"


async def test_a_patch_keeps_what_an_earlier_event_says_of_the_rest(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database) as client:
        await client.put("/v1/subscribers/ann", json={"email": "old@example.org"})
        await publish(memory_bus, envelope(ann(email="new@example.org", phone="+15005550001")))
        await client.patch("/v1/subscribers/ann", json={"phone": "+15005550002"})
        async with running_notifiers(memory_bus, database):
            await wait_for_rows(database, SENT, 1)
        found = await in_directory(client)
    assert found is not None
    assert (found["email"], found["phone"]) == ("new@example.org", "+15005550002")


async def test_an_event_that_tells_an_older_time_is_older(
    memory_bus: Bus, database: Database
) -> None:
    late = ann(email="old@example.org") | {"time": (NOW - timedelta(days=1)).isoformat()}
    async with (
        gateway_client(memory_bus, database) as client,
        running_notifiers(memory_bus, database),
    ):
        await client.put("/v1/subscribers/ann", json={"email": "new@example.org"})
        await publish(memory_bus, envelope(late))
        await wait_for_rows(database, PLANNED, 1)
        found = await in_directory(client)
    assert found is not None
    assert found["email"] == "new@example.org"


async def test_saying_the_same_again_is_saying_it_later(
    memory_bus: Bus, database: Database
) -> None:
    messages = [
        together(at(ann(email="same@example.org"), -30)),
        together(at(ann(email="same@example.org"), -10)),
        together(at(ann(email="other@example.org"), -20)),
    ]
    async with (
        gateway_client(memory_bus, database) as client,
        running_notifiers(memory_bus, database),
    ):
        for number, message in enumerate(messages, 1):
            await publish(memory_bus, message)
            await wait_for_rows(database, PLANNED, number)
        found = await in_directory(client)
    assert found is not None
    assert found["email"] == "same@example.org"


@pytest.mark.parametrize("known", [True, False])
async def test_an_older_event_does_not_bring_back_who_was_deleted_and_a_newer_does(
    memory_bus: Bus, database: Database, known: bool
) -> None:
    async with gateway_client(memory_bus, database) as client:
        if known:
            await client.put("/v1/subscribers/ann", json={"email": "ann@example.org"})
        older = ann(email="ann@example.org", phone="+15005550001")
        await publish(memory_bus, envelope(older))
        deleted = await client.delete("/v1/subscribers/ann")
        assert deleted.status_code == (204 if known else 404)
        async with running_notifiers(memory_bus, database):
            await wait_for_rows(database, PLANNED, 1)
            assert await in_directory(client) is None
            assert await rows(database, "SELECT 1 FROM deliveries") == []
            await publish(memory_bus, envelope(ann(email="again@example.org")))
            await wait_for_rows(database, SENT, 1)
            found = await in_directory(client)
    assert found is not None
    assert (found["email"], found["phone"]) == ("again@example.org", None)


def draft(fields: dict[str, Any]) -> EventDraft:
    """As it is planned."""
    one = typed(fields)
    made = Entry(fields["id"], "api", "default", NOW - timedelta(seconds=5), "", one)
    workflow = default_workflow(one, "normal")
    return EventDraft(UUID(int=1), made, workflow, data_of(one), "")


async def test_a_deletion_and_a_plan_at_once_leave_nobody(database: Database) -> None:
    plan = [draft(ann(email="ann@example.org"))]

    async def delete() -> None:
        async with database.transaction() as connection:
            await delete_subscriber(connection, "default", "ann")

    async def describe() -> None:
        async with database.driver() as tx:
            await describe_recipients(tx, plan)

    async with database.driver() as tx:
        await describe_recipients(tx, plan)
        deleting = asyncio.create_task(delete())
        await _until_one_waits(database)
    await deleting
    assert await rows(database, "SELECT 1 FROM subscribers") == []
    async with database.driver() as tx:
        await tx.execute("DELETE FROM deleted_subscribers")
    async with database.transaction() as connection:
        await delete_subscriber(connection, "default", "ann")
        describing = asyncio.create_task(describe())
        await _until_one_waits(database)
    await describing
    assert await rows(database, "SELECT 1 FROM subscribers") == []


async def _until_one_waits(database: Database) -> None:
    query = "SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1"
    await wait_for_rows(database, query, 1)
