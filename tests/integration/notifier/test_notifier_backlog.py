"""A backlog drains in short transactions, urgent first; what is cancelled is never sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from clarion.bus.protocol import Bus
from clarion.rules.outcomes import Outcome, Retry
from clarion.store.database import Database
from services.notifier.deliver.delivery_attempts import DeliveryAttempts
from services.notifier.providers.capture import CaptureProvider
from services.notifier.providers.provider import Outgoing
from services.notifier.providers.provider_chain import ProviderSlot
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule import due_rows
from services.notifier.schedule.dispatcher import Dispatcher
from services.notifier.schedule.due_rows import LIMIT
from services.notifier.schedule.sources import due_sources
from services.notifier.settings import NotifierSettings
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}

FILL = """
INSERT INTO deliveries (id, tenant, notification, channel, lane, state, recipient, content, due_at,
                        trace_id)
SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7000'
        || '8' || lpad(to_hex(n), 15, '0'))::uuid,
       'default', gen_random_uuid(), 'email',
       CASE WHEN n % 10 = 0 THEN 'urgent' ELSE 'normal' END, 'scheduled', 'ann@example.org',
       '{"title": "t"}'::jsonb, now() - n * interval '1 ms', repeat('0', 32)
FROM generate_series(1, $1::int) n
"""

CANCEL = """
UPDATE deliveries SET state = 'cancelled', due_at = NULL
WHERE id IN (SELECT id FROM deliveries WHERE state IN ('scheduled', 'queued')
             ORDER BY random() LIMIT 7)
  AND state IN ('scheduled', 'queued')
"""

CANCEL_HELD = """
UPDATE notifications SET due_at = NULL
WHERE id IN (SELECT id FROM notifications WHERE version IS NULL AND due_at IS NOT NULL LIMIT 3)
  AND version IS NULL AND due_at IS NOT NULL
"""


async def fill(database: Database, count: int) -> None:
    """So many deliveries that are due, a tenth of them urgent."""
    async with database.driver() as tx:
        await tx.execute(FILL, count)


async def test_a_backlog_is_taken_in_short_transactions_and_urgent_first(
    memory_bus: Bus, database: Database
) -> None:
    await fill(database, 100_000)
    dispatcher = Dispatcher(due_sources(database, Publisher(memory_bus, shards=1)))
    assert await dispatcher.dispatch_due() == 100_000
    sizes = await rows(
        database, "SELECT count(*) AS n FROM deliveries WHERE state = 'queued' GROUP BY updated_at"
    )
    assert sum(one["n"] for one in sizes) == 100_000
    assert max(one["n"] for one in sizes) <= LIMIT
    (order,) = await rows(
        database,
        "SELECT max(updated_at) FILTER (WHERE lane = 'urgent')"
        " <= min(updated_at) FILTER (WHERE lane = 'normal') AS urgent_first FROM deliveries",
    )
    assert order == {"urgent_first": True}


async def test_several_dispatchers_take_each_row_once(memory_bus: Bus, database: Database) -> None:
    await fill(database, 2_000)
    dispatchers = [
        Dispatcher(due_sources(database, Publisher(memory_bus, shards=1))) for _ in range(4)
    ]
    taken = await asyncio.gather(*(one.dispatch_due() for one in dispatchers))
    assert sum(taken) == 2_000


async def test_finding_what_is_due_reads_the_index_only(database: Database) -> None:
    await fill(database, 5_000)
    async with database.driver() as tx:
        await tx.execute("ANALYZE deliveries")
        plan = await tx.fetch(
            "EXPLAIN SELECT id FROM deliveries WHERE lane = 'urgent' AND due_at <= now()"
            " AND state IN ('scheduled', 'queued', 'sending') ORDER BY due_at LIMIT 10"
            " FOR UPDATE SKIP LOCKED"
        )
    text = "\n".join(row[0] for row in plan)
    assert "lane_due_at_idx" in text
    assert "->  Sort" not in text
    assert "Seq Scan" not in text


async def test_what_is_cancelled_while_it_is_dispatched_is_never_sent(
    memory_bus: Bus, database: Database
) -> None:
    await fill(database, 600)
    settings = NotifierSettings(send_concurrency=4)
    async with running_notifiers(memory_bus, database, settings, count=2):
        while await rows(
            database, "SELECT 1 FROM deliveries WHERE state IN ('scheduled', 'queued') LIMIT 1"
        ):
            async with database.driver() as tx:
                await tx.execute(CANCEL)
        await wait_for_rows(
            database, "SELECT 1 FROM deliveries WHERE state IN ('sent', 'cancelled')", 600
        )
    states = await rows(
        database,
        "SELECT d.state, count(*) AS rows, count(a.id) AS attempts FROM deliveries d"
        " LEFT JOIN attempts a ON a.delivery = d.id GROUP BY d.state ORDER BY d.state",
    )
    cancelled, sent = states
    assert (cancelled["state"], cancelled["attempts"]) == ("cancelled", 0)
    assert (sent["state"], sent["attempts"]) == ("sent", sent["rows"])
    assert cancelled["rows"] + sent["rows"] == 600


async def test_a_held_notification_that_is_cancelled_never_enters_its_inbox(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_rows, "LIMIT", 10)
    held = [event(send_at="2999-01-01T00:00:00Z") for _ in range(100)]
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(*held))
        await wait_for_rows(database, "SELECT 1 FROM notifications", 100)
    async with database.driver() as tx:
        await tx.execute("UPDATE notifications SET due_at = now()")
    dispatcher = Dispatcher(due_sources(database, Publisher(memory_bus, shards=1)))
    await asyncio.gather(dispatcher.dispatch_due(), *(_cancel_held(database) for _ in range(15)))
    await dispatcher.dispatch_due()
    (found,) = await rows(
        database,
        "SELECT version, (SELECT count(version) FROM notifications) AS entered,"
        " (SELECT max(version) FROM notifications) AS last,"
        " (SELECT count(*) FROM notifications WHERE due_at IS NOT NULL) AS left FROM inboxes",
    )
    assert 0 < found["version"] < 100
    assert found["version"] == found["entered"] == found["last"]
    assert found["left"] == 0


async def _cancel_held(database: Database) -> None:
    async with database.driver() as tx:
        await tx.execute(CANCEL_HELD)


class Silent(CaptureProvider):
    """Its first call never ends."""

    def __init__(self) -> None:
        self.calls = 0

    async def send(self, delivery: Outgoing) -> Outcome:
        """As `CaptureProvider`, but once."""
        self.calls += 1
        if self.calls == 1:
            await asyncio.Event().wait()
        return await super().send(delivery)


async def test_what_a_sender_died_with_is_taken_again_once_its_lease_is_over(
    memory_bus: Bus, database: Database
) -> None:
    await fill(database, 1)
    rounds = DeliveryAttempts(
        "email",
        database=database,
        chain=(ProviderSlot("email", CaptureProvider()),),
        timeout_s=60,
        stopping=asyncio.Event(),
    )
    dispatcher = Dispatcher(due_sources(database, Publisher(memory_bus, shards=1)))
    assert await dispatcher.dispatch_due() == 1
    (one,) = await rows(database, "SELECT id FROM deliveries")
    assert len(await rounds.claim([one["id"]])) == 1
    assert await rounds.claim([one["id"]]) == []
    assert await dispatcher.dispatch_due() == 0
    async with database.driver() as tx:
        await tx.execute("UPDATE deliveries SET leased_until = now(), due_at = now()")
    assert await dispatcher.dispatch_due() == 1
    (again,) = await rounds.claim([one["id"]])
    assert again.round == 2
    await rounds.deliver(again)
    (ended,) = await rows(database, "SELECT state, attempt_count, rounds FROM deliveries")
    assert ended == {"state": "sent", "attempt_count": 1, "rounds": 0}


class Refusing(CaptureProvider):
    """Never now; `during` is awaited before each answer."""

    def __init__(self, during: Callable[[], Awaitable[None]]) -> None:
        self.calls = 0
        self._during = during

    async def send(self, delivery: Outgoing) -> Outcome:
        """As said."""
        self.calls += 1
        await self._during()
        return Retry("deferred")


async def test_what_is_made_to_expire_while_it_is_sent_is_not_tried_again(
    database: Database,
) -> None:
    async def expire() -> None:
        async with database.driver() as tx:
            await tx.execute("UPDATE deliveries SET expires_at = now()")

    await fill(database, 1)
    async with database.driver() as tx:
        identifier = await tx.fetchval("UPDATE deliveries SET state = 'queued' RETURNING id")
    first, second = Refusing(expire), Refusing(expire)
    rounds = DeliveryAttempts(
        "email",
        database=database,
        chain=(ProviderSlot("email", first), ProviderSlot("email", second)),
        timeout_s=60,
        stopping=asyncio.Event(),
    )
    (lease,) = await rounds.claim([identifier])
    await rounds.deliver(lease)
    assert (first.calls, second.calls) == (1, 0)
    (ended,) = await rows(database, "SELECT state, due_at, attempt_count FROM deliveries")
    assert ended == {"state": "expired", "due_at": None, "attempt_count": 1}


async def test_an_answer_after_the_lease_was_lost_is_kept_and_changes_no_state(
    database: Database,
) -> None:
    async def lose() -> None:
        async with database.driver() as tx:
            await tx.execute(
                "UPDATE deliveries SET state = 'sent', leased_until = NULL, due_at = NULL"
            )

    await fill(database, 1)
    async with database.driver() as tx:
        identifier = await tx.fetchval("UPDATE deliveries SET state = 'queued' RETURNING id")
    rounds = DeliveryAttempts(
        "email",
        database=database,
        chain=(ProviderSlot("email", Refusing(lose)), ProviderSlot("email", Refusing(lose))),
        timeout_s=60,
        stopping=asyncio.Event(),
    )
    for n in (1, 2):
        async with database.driver() as tx:
            # driven again: counted from the start, numbered on
            await tx.execute("UPDATE deliveries SET state = 'queued', attempt_count = 0")
        (lease,) = await rounds.claim([identifier])
        await rounds.deliver(lease)
        (ended,) = await rows(database, "SELECT state, reason, attempt_count FROM deliveries")
        assert ended == {"state": "sent", "reason": None, "attempt_count": 1}
        attempts = await rows(database, "SELECT n, outcome FROM attempts ORDER BY n")
        assert attempts == [{"n": one, "outcome": "retry"} for one in range(1, n + 1)]


async def test_a_lease_that_has_grown_old_before_the_call_is_not_used(database: Database) -> None:
    await fill(database, 1)
    async with database.driver() as tx:
        identifier = await tx.fetchval("UPDATE deliveries SET state = 'queued' RETURNING id")
    provider = Silent()
    rounds = DeliveryAttempts(
        "email",
        database=database,
        chain=(ProviderSlot("email", provider),),
        timeout_s=60,
        stopping=asyncio.Event(),
    )
    (lease,) = await rounds.claim([identifier])
    await rounds.deliver(replace(lease, begun=lease.begun - 66))
    assert provider.calls == 0
    assert await rows(database, "SELECT state FROM deliveries") == [{"state": "sending"}]
