"""A notifier is killed at every step; another finishes, and the history is exact.

The one that dies is a real process over RabbitMQ and PostgreSQL, with real SMTP. A mail goes out
twice only where the kill came between the provider's answer and the commit, and then under the
same Message-ID.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from clarion.bus.protocol import Bus, Message
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, encode_envelope
from clarion.contracts.slice import SLICE_SIZE
from clarion.store.database import Database
from clarion.topology import DELIVERIES
from services.notifier.fail_points import POINTS
from services.notifier.settings import NotifierSettings
from testbed.processes import free_port
from testbed.smtp import Mailbox, running_smtp
from testbed.stack import start_service
from tests.support.bus import hearing
from tests.support.notifier import (
    Row,
    entry,
    envelope,
    event,
    publish,
    rows,
    running_notifiers,
    take_frames,
    wait_for_rows,
)

pytestmark = pytest.mark.timeout(400)
"""A process may take a minute to start where everything else runs as well."""

EVENTS = 3
ANN = {"id": "ann", "email": "ann@example.org"}
UNCOMMITTED = ("send.after_call", "send.before_commit")
"""Where the provider has answered and nobody knows."""

OF_EVENTS = (
    "plan.before_commit",
    "plan.after_commit",
    "publish.before_jobs",
    "plan.after_publish",
    "plan.after_ack",
    "send.before_claim",
    "send.before_call",
    "send.after_call",
    "send.before_commit",
    "send.after_commit",
    "send.after_ack",
)
OF_SLICES = {
    "plan.after_commit": 1,
    "publish.before_slices": 1,
    "slice.before_commit": 2,
    "slice.after_commit": 3,
    "plan.after_publish": 3,
    "plan.after_ack": 2,
}
"""Which time it is reached."""
OF_HELD = (
    "dispatch.after_commit",
    "dispatch.after_publish",
    "release.after_commit",
    "release.after_publish",
)
OF_FAILOVER = {"send.before_next": ["sent"], "send.after_next": ["retry", "sent"]}
"""And the attempts that are recorded in the end."""
OF_PARKED = ("plan.after_commit", "plan.after_publish", "parked.after_commit")

TIME_PASSES = """
UPDATE deliveries SET leased_until = CASE state WHEN 'sending' THEN now() END, due_at = now()
WHERE state IN ('sending', 'queued');
UPDATE slices SET due_at = now() WHERE due_at IS NOT NULL
"""
"""A minute later: leases have run out, and what was published and not done is due again."""

DELIVERIES_DUE = "UPDATE deliveries SET due_at = now() WHERE state = 'scheduled'"
NOTIFICATIONS_DUE = "UPDATE notifications SET due_at = now() WHERE due_at IS NOT NULL"
"""The moment for which something was held has come."""

HISTORY = """
SELECT (SELECT count(*) FROM events) AS events,
       (SELECT array_agg(version ORDER BY version) FROM notifications) AS versions,
       (SELECT array_agg(version) FROM inboxes) AS heads,
       (SELECT array_agg(unread) FROM inboxes) AS unread,
       (SELECT count(*) FROM deliveries) AS deliveries,
       (SELECT count(*) FROM attempts) AS attempts,
       (SELECT count(*) FROM parked) AS parked
"""


def settings_of(*boxes: Mailbox) -> dict[str, str]:
    """One delivery at a time, so that a step is reached in a known order."""
    providers = {"CLARION_EMAIL": ",".join(box.url for box in boxes)} if boxes else {}
    return providers | {"CLARION_SEND_CONCURRENCY": "1"}


async def kill_one(
    point: str, amqp_url: str, database: Database, settings: dict[str, str], *, nth: int = 1
) -> None:
    """Start a notifier on what lies in the queues; it ends at `point`."""
    own = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": database.url,
        "CLARION_FAIL_POINT": f"{point}:kill:{nth}",
    }
    async with await start_service("notifier", free_port(), settings | own) as process:
        assert await process.wait(240) == -signal.SIGKILL, process
        assert "fail_point_armed" in process.output()


async def pass_time(database: Database) -> None:
    async with database.driver() as tx:
        await tx.execute(DELIVERIES_DUE)
        await tx.execute(NOTIFICATIONS_DUE)
        await tx.execute(TIME_PASSES)


def mails_of(boxes: Iterable[Mailbox]) -> Counter[str]:
    return Counter(str(one["Message-ID"]) for box in boxes for one in box.messages)


async def all_sent(database: Database, count: int) -> list[Row]:
    query = "SELECT id, attempt_count FROM deliveries WHERE state = 'sent'"
    return await wait_for_rows(database, query, count, timeout_s=40)


def test_every_point_is_tried() -> None:
    assert {*OF_EVENTS, *OF_SLICES, *OF_HELD, *OF_FAILOVER, *OF_PARKED} == set(POINTS)


@pytest.mark.parametrize("point", OF_EVENTS)
async def test_a_kill_there_leaves_an_exact_history(
    point: str, rabbitmq_bus: Bus, amqp_url: str, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box:
        events = [event(to=ANN, channels=["inbox", "email"]) for _ in range(EVENTS)]
        await publish(rabbitmq_bus, envelope(*events))
        await kill_one(point, amqp_url, database, settings_of(box))
        await pass_time(database)
        async with running_notifiers(rabbitmq_bus, database, NotifierSettings(email=[box.url])):
            sent = await all_sent(database, EVENTS)
        mails = mails_of([box])
    assert await rows(database, HISTORY) == [
        {
            "events": EVENTS,
            "versions": list(range(1, EVENTS + 1)),
            "heads": [EVENTS],
            "unread": [EVENTS],
            "deliveries": EVENTS,
            "attempts": EVENTS,
            "parked": 0,
        }
    ]
    assert {one["attempt_count"] for one in sent} == {1}
    assert set(mails) == {f"<{one['id']}@shop.example>" for one in sent}
    twice = 1 if point in UNCOMMITTED else 0
    assert mails.total() - len(mails) == twice


@pytest.mark.parametrize("point", OF_SLICES)
async def test_a_kill_between_slices_leaves_nobody_out_and_tells_nobody_twice(
    point: str, rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    many, few = [f"a{n:05}" for n in range(SLICE_SIZE + 100)], [f"b{n:05}" for n in range(200)]
    async with database.driver() as tx:
        for topic, members in (("many", many), ("others", few + many[:50])):
            await tx.execute(
                "INSERT INTO topic_members (tenant, topic, subscriber)"
                " SELECT 'default', $1, unnest($2::text[])",
                topic,
                members,
            )
    live = await hearing(rabbitmq_bus, "0")
    sent = event(to=["user:direct", "topic:many", "topic:others"])
    await publish(rabbitmq_bus, envelope(sent))
    await kill_one(point, amqp_url, database, {}, nth=OF_SLICES[point])
    everybody = {f"default/{one}" for one in ["direct", *many, *few]}
    heard: set[str] = set()
    async with running_notifiers(rabbitmq_bus, database), asyncio.timeout(30):
        while heard != everybody:
            heard |= {feed for feed, version, _ in await take_frames(live, 1) if version == 1}
        query = "SELECT 1 FROM slices WHERE due_at IS NULL"
        await wait_for_rows(database, query, 3)
    told = await rows(
        database,
        "SELECT count(*) AS rows, count(DISTINCT subscriber) AS people, max(version) AS version"
        " FROM notifications",
    )
    people = len(everybody)
    assert told == [{"rows": people, "people": people, "version": 1}]
    assert await rows(
        database, "SELECT count(*) AS n, sum(version) AS v, sum(unread) AS u FROM inboxes"
    ) == [{"n": people, "v": people, "u": people}]


@pytest.mark.parametrize("point", OF_HELD)
async def test_a_kill_while_what_was_held_is_released_loses_and_doubles_nothing(
    point: str, rabbitmq_bus: Bus, amqp_url: str, database: Database, tmp_path: Path
) -> None:
    live = await hearing(rabbitmq_bus, "0")
    async with running_smtp(tmp_path) as box:
        held = {"to": ANN, "channels": ["inbox", "email"], "send_at": "2999-01-01T00:00:00Z"}
        await publish(rabbitmq_bus, envelope(*(event(**held) for _ in range(EVENTS))))
        killing = asyncio.create_task(kill_one(point, amqp_url, database, settings_of(box)))
        await wait_for_rows(database, "SELECT 1 FROM notifications", EVENTS, timeout_s=60)
        is_dispatch = point.startswith("dispatch.")  # else nothing is being sent at the kill
        async with database.driver() as tx:
            await tx.execute(DELIVERIES_DUE if is_dispatch else NOTIFICATIONS_DUE)
        await killing
        await pass_time(database)
        heard: set[int] = set()
        async with running_notifiers(rabbitmq_bus, database, NotifierSettings(email=[box.url])):
            await all_sent(database, EVENTS)
            await wait_for_rows(
                database, "SELECT 1 FROM notifications WHERE due_at IS NULL", EVENTS
            )
            async with asyncio.timeout(30):
                while len(heard) < EVENTS:
                    heard |= {version for _, version, _ in await take_frames(live, 1)}
        mails = mails_of([box])
    assert await rows(database, HISTORY) == [
        {
            "events": EVENTS,
            "versions": list(range(1, EVENTS + 1)),
            "heads": [EVENTS],
            "unread": [EVENTS],
            "deliveries": EVENTS,
            "attempts": EVENTS,
            "parked": 0,
        }
    ]
    assert len(mails) == EVENTS
    may_be_under_way = point == "dispatch.after_publish"  # the one that was being sent
    assert EVENTS <= sum(mails.values()) <= EVENTS + may_be_under_way


@pytest.mark.parametrize("point", OF_FAILOVER)
async def test_a_kill_between_two_providers_sends_once(
    point: str, rabbitmq_bus: Bus, amqp_url: str, database: Database, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with (
        running_smtp(tmp_path / "first") as first,
        running_smtp(tmp_path / "second") as second,
    ):
        first.answers.append("451 4.3.0 Later")
        await publish(rabbitmq_bus, envelope(event(to=ANN, channels=["email"])))
        await kill_one(point, amqp_url, database, settings_of(first, second))
        await pass_time(database)
        settings = NotifierSettings(email=[first.url, second.url])
        async with running_notifiers(rabbitmq_bus, database, settings):
            (sent,) = await all_sent(database, 1)
        mails = mails_of([first, second])
    assert mails == {f"<{sent['id']}@shop.example>": 1}
    attempts = await rows(database, "SELECT n, outcome FROM attempts ORDER BY n")
    outcomes = OF_FAILOVER[point]
    assert attempts == [{"n": n + 1, "outcome": one} for n, one in enumerate(outcomes)]
    assert sent["attempt_count"] == len(outcomes)


@pytest.mark.parametrize("point", OF_PARKED)
async def test_a_kill_after_something_was_parked_parks_it_once(
    point: str, rabbitmq_bus: Bus, amqp_url: str, database: Database
) -> None:
    bad: list[dict[str, Any]] = [entry(event(id="bad") | {"type": 7}), entry(event(id="good"))]
    await publish(
        rabbitmq_bus,
        envelope(event(id="poison", data={"n": "nul \0 inside"}), event(id="other")),
        Message(encode_envelope(bad), ENVELOPE_CONTENT_TYPE),
        Message(b"{", "text/plain"),
    )
    await rabbitmq_bus.publish(DELIVERIES, "email.normal", Message(b"no jobs", "text/plain"))
    await kill_one(point, amqp_url, database, {})
    async with running_notifiers(rabbitmq_bus, database):
        await publish(rabbitmq_bus, envelope(event(id="last")))
        await wait_for_rows(database, "SELECT 1 FROM events WHERE event_id = 'last'", 1)
        await wait_for_rows(database, "SELECT 1 FROM parked WHERE reason = 'rejected'", 1)
    reasons = await rows(database, "SELECT reason FROM parked ORDER BY reason")
    assert [one["reason"] for one in reasons] == [
        "malformed_event",
        "planning_failed",
        "rejected",
        "unsupported_media_type",
    ]
    stored = await rows(database, "SELECT event_id, state FROM events ORDER BY event_id")
    assert [(one["event_id"], one["state"]) for one in stored] == [
        ("good", "planned"),
        ("last", "planned"),
        ("other", "planned"),
        ("poison", "parked"),
    ]
