"""What is cancelled while it is being sent, and was not taken, ends cancelled at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from clarion.bus.protocol import Bus
from clarion.rules.outcomes import Failed, Outcome, Retry, Sent, Unknown
from clarion.rules.retry import STEPS_S
from clarion.store.database import Database
from services.notifier.deliver.delivery_attempts import DeliveryAttempts
from services.notifier.providers.provider_chain import ProviderSlot
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule.dispatcher import Dispatcher
from services.notifier.schedule.sources import due_sources
from services.notifier.settings import NotifierSettings
from testbed.smtp import Mailbox, running_smtp
from tests.support.delivery_model import Scripted
from tests.support.gateway import gateway_client
from tests.support.notifier import (
    Row,
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    wait_for_rows,
)

ANN = {"id": "ann", "email": "ann@example.org"}
HELD = {"send_at": "2999-01-01T00:00:00Z"}
QUEUE = "UPDATE deliveries SET state = 'queued', rounds = $1"
CANCELLED = {
    "state": "cancelled",
    "reason": "cancelled_by_caller",
    "due_at": None,
    "leased_until": None,
    "rounds": 0,
}
DEFERRALS = [Retry("deferred", None, "451"), Retry("deferred", 0.0), Unknown("timeout")]
BY_RECORD = """
INSERT INTO cancellations (tenant, event_id, source, accepted_before, actor)
VALUES ('default', 'o-1', '', now(), 'key')
"""
"""As where the event was not planned yet, or its deliveries are not come to yet."""

Cancel = Callable[[httpx2.AsyncClient, Database], Awaitable[None]]


async def by_event(client: httpx2.AsyncClient, database: Database) -> None:
    """All of the event."""
    answer = await client.post("/v1/events/o-1/cancel")
    assert [one["state"] for one in answer.json()["not_stopped"]] == ["sending"]


async def by_notification(client: httpx2.AsyncClient, database: Database) -> None:
    """For one person."""
    (row,) = await rows(database, "SELECT notification FROM deliveries")
    answer = await client.post(f"/v1/notifications/{row['notification']}/cancel")
    assert [one["state"] for one in answer.json()["not_stopped"]] == ["sending"]


async def by_record(client: httpx2.AsyncClient, database: Database) -> None:
    """The fact alone."""
    async with database.driver() as tx:
        await tx.execute(BY_RECORD)


async def queued(bus: Bus, database: Database, *, rounds: int = 0) -> UUID:
    """A delivery that nobody works on, after so many rounds."""
    async with running_notifiers(bus, database):
        given = event(id="o-1", to=[ANN], channels=["email"], **HELD)
        await publish(bus, envelope(given))
        query = "SELECT id FROM deliveries WHERE state = 'scheduled'"
        (row,) = await wait_for_rows(database, query, 1)
    async with database.driver() as tx:
        await tx.execute(QUEUE, rounds)
    return row["id"]


def rounds_of(database: Database, *providers: Scripted) -> DeliveryAttempts:
    """A sender with these."""
    return DeliveryAttempts(
        "email",
        database=database,
        chain=tuple(ProviderSlot("email", one) for one in providers),
        timeout_s=30,
        stopping=asyncio.Event(),
    )


async def delivery_of(database: Database) -> Row:
    """What became of the one there is."""
    (row,) = await rows(
        database, "SELECT state, reason, due_at, leased_until, rounds FROM deliveries"
    )
    return row


async def nothing() -> None:
    """Nothing happens meanwhile."""


@pytest.mark.parametrize("cancel", [by_event, by_notification, by_record])
@pytest.mark.parametrize("answer", DEFERRALS)
@pytest.mark.parametrize("before", [0, len(STEPS_S["email"])])
async def test_a_deferral_of_what_was_cancelled_meanwhile_ends_it(
    memory_bus: Bus, database: Database, cancel: Cancel, answer: Outcome, before: int
) -> None:
    """Also in the last round, after which nobody would try again anyway."""
    delivery = await queued(memory_bus, database, rounds=before)
    async with gateway_client(memory_bus, database) as client:
        provider = Scripted("one", answer, lambda: cancel(client, database))
        rounds = rounds_of(database, provider)
        (lease,) = await rounds.claim([delivery])
        await rounds.deliver(lease)
        assert await delivery_of(database) == CANCELLED
        retried = await client.post(f"/v1/deliveries/{delivery}/retry")
    assert retried.status_code == 409
    (attempt,) = await rows(database, "SELECT outcome FROM attempts")
    assert attempt["outcome"] in ("retry", "unknown")


@pytest.mark.parametrize("cancel", [by_event, by_notification, by_record])
async def test_no_other_provider_is_asked_once_it_is_cancelled(
    memory_bus: Bus, database: Database, cancel: Cancel
) -> None:
    delivery = await queued(memory_bus, database)
    async with gateway_client(memory_bus, database) as client:
        first = Scripted("one", Retry("deferred"), lambda: cancel(client, database))
        second = Scripted("two", Sent(), nothing)
        rounds = rounds_of(database, first, second)
        (lease,) = await rounds.claim([delivery])
        await rounds.deliver(lease)
    assert (first.calls, second.calls) == (1, 0)
    assert await delivery_of(database) == CANCELLED
    assert len(await rows(database, "SELECT 1 FROM attempts")) == 1


@pytest.mark.parametrize(
    ("answer", "state"), [(Sent(), "sent"), (Failed("rejected", "550"), "failed")]
)
async def test_what_the_provider_has_answered_for_good_stays_true(
    memory_bus: Bus, database: Database, answer: Outcome, state: str
) -> None:
    delivery = await queued(memory_bus, database)
    async with gateway_client(memory_bus, database) as client:
        rounds = rounds_of(database, Scripted("one", answer, lambda: by_event(client, database)))
        (lease,) = await rounds.claim([delivery])
        await rounds.deliver(lease)
    assert (await delivery_of(database))["state"] == state


async def test_what_is_given_back_untried_ends_where_it_was_cancelled(
    memory_bus: Bus, database: Database
) -> None:
    """Its provider rests, so that it would wait for it."""
    delivery = await queued(memory_bus, database)
    rounds = rounds_of(database, one := Scripted("one", Sent(), nothing))
    (lease,) = await rounds.claim([delivery])
    breaker = rounds._chain[0].breaker  # pyright: ignore[reportPrivateUsage]
    for _ in range(20):
        breaker.failed(asyncio.get_running_loop().time() + 1e6)
    async with gateway_client(memory_bus, database) as client:
        await by_event(client, database)
    await rounds.deliver(lease)
    assert (one.calls, await delivery_of(database)) == (0, CANCELLED)


async def test_what_a_dead_sender_left_ends_where_it_was_cancelled(
    memory_bus: Bus, database: Database
) -> None:
    delivery = await queued(memory_bus, database)
    rounds = rounds_of(database, Scripted("one", Sent(), nothing))
    (_,) = await rounds.claim([delivery])
    async with gateway_client(memory_bus, database) as client:
        await by_event(client, database)
    async with database.driver() as tx:
        await tx.execute("UPDATE deliveries SET leased_until = now(), due_at = now()")
    await Dispatcher(due_sources(database, Publisher(memory_bus, shards=1))).dispatch_due()
    row = await delivery_of(database)
    assert (row["state"], row["reason"], row["due_at"]) == ("cancelled", CANCELLED["reason"], None)


class Held(Mailbox):
    """Answers to the content once it may; it runs in a thread of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.may_answer = threading.Event(), threading.Event()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Late."""
        self.reached.set()
        await asyncio.to_thread(self.may_answer.wait, 20)
        return await super().handle_DATA(server, session, envelope)


async def test_a_temporary_refusal_by_smtp_after_a_cancellation_is_not_tried_again(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    """The whole way: the mail server answers once the caller has cancelled."""
    box = Held()
    async with running_smtp(tmp_path, box=box):
        box.answers.append("451 4.3.0 Later")
        settings = NotifierSettings(email=[box.url])
        async with (
            gateway_client(memory_bus, database) as client,
            running_notifiers(memory_bus, database, settings),
        ):
            await publish(memory_bus, envelope(event(id="o-1", to=[ANN], channels=["email"])))
            assert await asyncio.to_thread(box.reached.wait, 20)
            await by_event(client, database)
            box.may_answer.set()
            query = "SELECT * FROM deliveries WHERE state NOT IN ('queued', 'sending')"
            (delivery,) = await wait_for_rows(database, query, 1)
            told: Any = (await client.get(f"/v1/notifications/{delivery['notification']}")).json()
    assert (delivery["state"], delivery["reason"]) == ("cancelled", "cancelled_by_caller")
    assert [one["what"] for one in told["timeline"]][-1] == "cancelled"
    assert box.messages == []
