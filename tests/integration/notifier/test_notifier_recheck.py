"""What is true when it is sent counts: the directory is asked again before every attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from clarion.bus.protocol import Bus
from clarion.errors import StoreUnavailable
from clarion.rules import retry
from clarion.rules.outcomes import Outcome, Retry, Sent, Unknown
from clarion.store.database import Database, Driver
from services.notifier.deliver.delivery_attempts import DeliveryAttempts
from services.notifier.providers.provider_chain import ProviderSlot
from services.notifier.settings import NotifierSettings
from testbed.smtp import running_smtp
from tests.support.delivery_model import Scripted
from tests.support.gateway import gateway_client
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org", "phone": "+15005550006"}
HELD = {"send_at": "2999-01-01T00:00:00Z"}
DUE = "UPDATE deliveries SET due_at = now() WHERE state = 'scheduled'"
STATES = "SELECT * FROM deliveries WHERE state = $1"

Change = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]


def removed(client: httpx2.AsyncClient) -> Awaitable[httpx2.Response]:
    return client.delete("/v1/subscribers/ann")


def without_addresses(client: httpx2.AsyncClient) -> Awaitable[httpx2.Response]:
    return client.put("/v1/subscribers/ann", json={"locale": "en"})


def moved(client: httpx2.AsyncClient) -> Awaitable[httpx2.Response]:
    return client.put(
        "/v1/subscribers/ann", json={"email": "new@example.org", "phone": "+15005550009"}
    )


async def make_due(database: Database) -> None:
    async with database.driver() as tx:
        await tx.execute(DUE)


@pytest.mark.parametrize(
    ("change", "reason"), [(removed, "subscriber_deleted"), (without_addresses, "no_address")]
)
@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_what_was_held_is_not_sent_where_its_address_is_gone(
    memory_bus: Bus, database: Database, change: Change, reason: str, channel: str
) -> None:
    async with (
        running_notifiers(memory_bus, database),
        gateway_client(memory_bus, database) as client,
    ):
        await publish(memory_bus, envelope(event(to=[ANN], channels=[channel], **HELD)))
        await wait_for_rows(database, STATES, 1, "scheduled")
        assert (await change(client)).status_code in (200, 204)
        await make_due(database)
        (delivery,) = await wait_for_rows(database, STATES, 1, "skipped")
        told = (await client.get(f"/v1/notifications/{delivery['notification']}")).json()
    assert (delivery["reason"], delivery["due_at"], delivery["attempt_count"]) == (reason, None, 0)
    assert await rows(database, "SELECT 1 FROM captures") == []
    (end,) = [one for one in told["timeline"] if one["what"] == "skipped"]
    assert (end["channel"], end["detail"]) == (channel, f"Ended: {reason}")


@pytest.mark.parametrize(
    ("channel", "before", "after"),
    [
        ("email", "ann@example.org", "new@example.org"),
        ("sms", "+15005550006", "+15005550009"),
    ],
)
async def test_what_was_held_goes_to_the_address_of_today_and_the_timeline_tells(
    memory_bus: Bus, database: Database, channel: str, before: str, after: str
) -> None:
    async with (
        running_notifiers(memory_bus, database),
        gateway_client(memory_bus, database) as client,
    ):
        await publish(memory_bus, envelope(event(to=[ANN], channels=[channel], **HELD)))
        await wait_for_rows(database, STATES, 1, "scheduled")
        assert (await moved(client)).status_code == 200
        await make_due(database)
        (delivery,) = await wait_for_rows(database, STATES, 1, "sent")
        told = (await client.get(f"/v1/notifications/{delivery['notification']}")).json()
    assert delivery["recipient"] == after
    captured = await rows(database, "SELECT recipient FROM captures")
    assert captured == [{"recipient": after}]
    (change,) = [one for one in told["timeline"] if one["what"] == "readdressed"]
    assert change["channel"] == channel
    assert (before in change["detail"], after in change["detail"]) == (True, True)


async def test_a_retry_goes_to_the_address_of_today(
    memory_bus: Bus, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "STEPS_S", {"email": (3600,)})
    async with running_smtp(tmp_path) as box:
        box.answers.append("451 4.3.0 Later")
        settings = NotifierSettings(email=[box.url])
        async with (
            running_notifiers(memory_bus, database, settings),
            gateway_client(memory_bus, database) as client,
        ):
            await publish(memory_bus, envelope(event(to=[ANN], channels=["email"])))
            await wait_for_rows(database, STATES + " AND attempt_count = 1", 1, "scheduled")
            await moved(client)
            await make_due(database)
            await wait_for_rows(database, STATES, 1, "sent")
    assert box.recipients == [["new@example.org"]]


async def test_a_redrive_does_not_reach_who_was_deleted(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box:
        box.answers.append("550 5.7.1 No")
        settings = NotifierSettings(email=[box.url])
        async with (
            running_notifiers(memory_bus, database, settings),
            gateway_client(memory_bus, database) as client,
        ):
            await publish(memory_bus, envelope(event(to=[ANN], channels=["email"])))
            (failed,) = await wait_for_rows(database, STATES, 1, "failed")
            await removed(client)
            answer = await client.post(f"/v1/deliveries/{failed['id']}/retry")
            assert answer.status_code == 200
            (ended,) = await wait_for_rows(database, STATES, 1, "skipped")
    assert ended["reason"] == "subscriber_deleted"
    assert box.messages == []


async def claimed(database: Database, bus: Bus) -> UUID:
    """A delivery that nobody works on."""
    async with running_notifiers(bus, database):
        await publish(bus, envelope(event(to=[ANN], channels=["email"], **HELD)))
        (row,) = await wait_for_rows(database, STATES, 1, "scheduled")
    async with database.driver() as tx:
        await tx.execute("UPDATE deliveries SET state = 'queued'")
    return row["id"]


def rounds_of(database: Database, *providers: Scripted) -> DeliveryAttempts:
    return DeliveryAttempts(
        "email",
        database=database,
        chain=tuple(ProviderSlot("email", one) for one in providers),
        timeout_s=30,
        stopping=asyncio.Event(),
    )


class Watched(Scripted):
    """Remembers whom it was to write to."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.recipients: list[str] = []

    async def send(self, delivery: Any) -> Outcome:
        self.recipients.append(delivery.recipient)
        return await super().send(delivery)


async def test_failover_within_a_claim_asks_the_directory_too(
    memory_bus: Bus, database: Database
) -> None:
    delivery = await claimed(database, memory_bus)
    async with gateway_client(memory_bus, database) as client:

        async def move() -> None:
            await moved(client)

        async def remove() -> None:
            await removed(client)

        first = Watched("one", Retry("deferred", None, "451"), move)
        second = Watched("two", Retry("deferred", None, "451"), remove)
        third = Watched("three", Sent(), move)
        rounds = rounds_of(database, first, second, third)
        (lease,) = await rounds.claim([delivery])
        await rounds.deliver(lease)
    assert (first.recipients, second.recipients) == (["ann@example.org"], ["new@example.org"])
    assert third.recipients == []
    (row,) = await rows(database, "SELECT state, reason, attempt_count FROM deliveries")
    assert row == {"state": "skipped", "reason": "subscriber_deleted", "attempt_count": 2}


async def nothing() -> None:
    """Nothing happens meanwhile."""


@pytest.mark.parametrize("resting", [True, False])
async def test_a_provider_that_may_have_it_is_asked_until_it_tells(
    memory_bus: Bus, database: Database, resting: bool
) -> None:
    delivery = await claimed(database, memory_bus)
    first, second = Watched("one", Unknown("timeout"), nothing), Watched("two", Sent(), nothing)
    rounds = rounds_of(database, first, second)

    async def a_round() -> None:
        (lease,) = await rounds.claim([delivery])
        await rounds.deliver(lease)
        async with database.driver() as tx:
            await tx.execute("UPDATE deliveries SET state = 'queued' WHERE state = 'scheduled'")

    await a_round()
    breaker = rounds._chain[0].breaker  # pyright: ignore[reportPrivateUsage]
    for _ in range(20 if resting else 0):
        breaker.failed(asyncio.get_running_loop().time() + 1e6)
    first.answer = Retry("provider_unreachable")
    await a_round()
    (row,) = await rows(database, "SELECT asked, rounds, reason FROM deliveries")
    assert (row["asked"], second.calls) == ("one", 0)
    assert (row["rounds"], first.calls) == ((1, 1) if resting else (2, 2))
    breaker.succeeded()
    first.answer = Retry("deferred", None, "451")
    await a_round()
    assert second.calls == 1
    (row,) = await rows(database, "SELECT state, provider, asked FROM deliveries")
    assert row == {"state": "sent", "provider": "two", "asked": None}


async def test_what_an_older_release_left_unknown_is_asked_of_the_same_provider(
    memory_bus: Bus, database: Database
) -> None:
    """It kept attempts only, and may still run beside this one."""
    delivery = await claimed(database, memory_bus)
    first, second = Watched("one", Sent(), nothing), Watched("two", Unknown("timeout"), nothing)
    for rounds in (rounds_of(database, second), rounds_of(database, first, second)):
        async with database.driver() as tx:
            await tx.execute("UPDATE deliveries SET state = 'queued', asked = NULL")
        second.answer = Unknown("timeout") if not second.calls else Sent()
        (lease,) = await rounds.claim([delivery])
        await rounds.deliver(lease)
    assert (first.calls, second.calls) == (0, 2)
    (row,) = await rows(database, "SELECT state, provider, asked FROM deliveries")
    assert row == {"state": "sent", "provider": "two", "asked": None}


async def test_a_provider_that_is_gone_from_the_settings_is_not_waited_for(
    memory_bus: Bus, database: Database
) -> None:
    delivery = await claimed(database, memory_bus)
    first, second = Watched("one", Unknown("timeout"), nothing), Watched("two", Sent(), nothing)
    for rounds in (rounds_of(database, first), rounds_of(database, second)):
        async with database.driver() as tx:
            await tx.execute("UPDATE deliveries SET state = 'queued'")
        (lease,) = await rounds.claim([delivery])
        await rounds.deliver(lease)
    assert (first.calls, second.calls) == (1, 1)
    assert [one["state"] for one in await rows(database, "SELECT state FROM deliveries")] == [
        "sent"
    ]


class LosesAnswers:
    """A database whose next answers to COMMIT are lost: what it says then is that it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.to_lose = 0

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[Driver]:
        async with self._database.driver() as tx:
            yield tx
        if self.to_lose:
            self.to_lose -= 1
            raise StoreUnavailable("The answer was lost.")


@pytest.mark.parametrize(("answer", "state"), [(Sent(), "sent"), (Unknown("timeout"), "scheduled")])
async def test_an_attempt_is_kept_once_where_the_answer_to_its_commit_is_lost(
    memory_bus: Bus, database: Database, answer: Outcome, state: str
) -> None:
    delivery = await claimed(database, memory_bus)
    losing: Any = LosesAnswers(database)
    first = Watched("one", Retry("deferred", None, "451"), nothing)
    second = Watched("two", answer, nothing)
    rounds = rounds_of(losing, first, second)
    (lease,) = await rounds.claim([delivery])
    losing.to_lose = 1
    second.during = lambda: _lose(losing, 2)
    await rounds.deliver(lease)
    kept = await rows(database, "SELECT n, provider FROM attempts ORDER BY n")
    assert kept == [{"n": 1, "provider": "one"}, {"n": 2, "provider": "two"}]
    (row,) = await rows(database, "SELECT state, attempt_count, rounds FROM deliveries")
    assert (row["state"], row["attempt_count"]) == (state, 2)


async def _lose(losing: LosesAnswers, count: int) -> None:
    losing.to_lose = count
