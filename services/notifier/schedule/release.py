"""Scheduled notifications (`send_at`) enter their inboxes when they are due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from clarion.records import inboxes
from clarion.records.cancellations import IS_CANCELLED
from clarion.records.deliveries import statement
from clarion.store.database import Database, Driver
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.publish.outbox import Publisher
from services.notifier.publish.readback import frames_of
from services.notifier.schedule.due_notifications import DueNotifications, Released
from services.notifier.schedule.due_rows import Portion

FIRST_SCHEDULED = """
SELECT id, tenant, subscriber FROM notifications
WHERE due_at <= now() AND snoozed_until IS NULL
  AND id <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at, id LIMIT $1
"""
FIND = statement("SELECT DISTINCT tenant, subscriber FROM ({query}) due", query=FIRST_SCHEDULED)
"""The inboxes of the first due notifications."""

TAKE = statement(
    """
SELECT n.id, n.tenant, n.subscriber, n.version,
       coalesce((CASE WHEN e.document IS NULL THEN e.body->>'expires_at'
                 ELSE e.document->>'expires_at' END)::timestamptz <= now(), false) AS expired,
       {is_cancelled} AS cancelled
FROM notifications n JOIN events e ON e.id = n.event
WHERE n.due_at <= now() AND n.snoozed_until IS NULL AND EXISTS (
  SELECT 1 FROM unnest($4::text[], $5::text[]) AS q (tenant, subscriber)
  WHERE q.tenant = n.tenant AND q.subscriber = n.subscriber)
  AND n.id <> ALL($2::uuid[]) AND n.tenant <> ALL($3::text[])
ORDER BY n.due_at, n.id LIMIT $1 FOR UPDATE OF n SKIP LOCKED
""",
    is_cancelled=IS_CANCELLED,
)

ENTER = """
UPDATE notifications n
SET version = coalesce(e.version, n.version), entered = coalesce(e.version, n.entered),
    due_at = now() + $3
FROM unnest($1::uuid[], $2::bigint[]) AS e (id, version) WHERE n.id = e.id
"""

SKIP = """
UPDATE notifications n SET due_at = NULL, decisions = (
  SELECT jsonb_agg(CASE WHEN d->>'channel' = 'inbox'
    THEN jsonb_build_object('channel', 'inbox', 'decision', 'skip', 'reason', q.reason)
    ELSE d END)
  FROM jsonb_array_elements(n.decisions) d)
FROM unnest($1::uuid[], $2::text[]) AS q (id, reason) WHERE n.id = q.id
"""


def scheduled_notifications(database: Database, publisher: Publisher) -> DueNotifications:
    """The due source `notification`."""
    return DueNotifications(
        "notification",
        database,
        publisher,
        release=release_scheduled,
        find=FIRST_SCHEDULED,
        is_snoozed=False,
    )


async def release_scheduled(tx: Driver, which: Portion) -> Released:
    """Set the versions of due notifications; expired or cancelled ones are skipped for good.

    The inbox is locked first, as by every change; a locked one is left for the next round.
    """
    people: Any = await tx.fetch(FIND, *which)
    locked = await _lock(tx, [(row[0], row[1]) for row in people]) if people else []
    tenants, subscribers = [person[0] for person in locked], [person[1] for person in locked]
    due: Any = await tx.fetch(TAKE, *which, tenants, subscribers)
    skipped = {row["id"]: reason for row in due if (reason := _why_not(row))}
    if skipped:
        await tx.execute(SKIP, list(skipped), list(skipped.values()))
    rows = [row for row in due if row["id"] not in skipped]
    released = Released(len(due), [row["id"] for row in rows])
    if not rows:
        return released
    entering = [row for row in rows if row["version"] is None]
    left = Counter((row["tenant"], row["subscriber"]) for row in entering)
    heads = await inboxes.add_items(tx, left) if left else {}
    versions: dict[UUID, int] = {}
    unread: dict[UUID, int] = {}
    for row in entering:
        person = (row["tenant"], row["subscriber"])
        left[person] -= 1
        versions[row["id"]] = heads[person][0] - left[person]
        unread[row["id"]] = heads[person][1] - left[person]
    stamps = [versions.get(notification) for notification in released.ids]
    await tx.execute(ENTER, released.ids, stamps, PUBLISH_AGAIN_AFTER)
    released.frames = await frames_of(tx, released.ids, unread)
    return released


async def _lock(tx: Driver, people: Sequence[inboxes.Person]) -> list[inboxes.Person]:
    await inboxes.create(tx, people)
    return list(await inboxes.lock_idle(tx, people))


def _why_not(row: Any) -> str | None:
    if row["version"] is not None:
        return None  # in the inbox already, and only to be announced
    return "cancelled" if row["cancelled"] else "expired" if row["expired"] else None
