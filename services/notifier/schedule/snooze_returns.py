"""Snoozed items return to their inboxes when they are due, as new and unread.

The inbox is locked first, as by every change; a locked one is left for the next round. As with
`release`, only the confirmed announcement clears the due time.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from clarion.records import inboxes
from clarion.records.deliveries import statement
from clarion.records.item_changes import append_change
from clarion.store.database import Database, Driver
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.publish.outbox import Publisher
from services.notifier.publish.readback import frames_of
from services.notifier.schedule.due_notifications import DueNotifications, Released
from services.notifier.schedule.due_rows import Portion

FIRST_SNOOZED = """
SELECT id, tenant, subscriber FROM notifications
WHERE due_at <= now() AND snoozed_until IS NOT NULL
  AND id <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at LIMIT $1
"""
FIND = statement("SELECT DISTINCT tenant, subscriber FROM ({query}) due", query=FIRST_SNOOZED)

RETURN_ITEMS = """
WITH due AS (
  SELECT n.id, n.tenant, n.subscriber, n.due_at, q.version AS head
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS q (tenant, subscriber, version)
  JOIN notifications n ON n.tenant = q.tenant AND n.subscriber = q.subscriber
  WHERE n.due_at <= now() AND n.snoozed_until IS NOT NULL AND n.id <> ALL($7::uuid[])
  ORDER BY n.due_at LIMIT $4),
numbered AS (
  SELECT id, head + row_number() OVER (
    PARTITION BY tenant, subscriber ORDER BY due_at, id) AS version
  FROM due)
UPDATE notifications n
SET version = m.version, entered = m.version, snoozed_until = NULL, seen_at = NULL, read_at = NULL,
    due_at = now() + $5, changes = {changes}
FROM numbered m WHERE n.id = m.id
RETURNING n.id, n.tenant, n.subscriber, n.version
"""
RETURN_AND_RECORD = RETURN_ITEMS.format(changes=append_change(version="m.version", note="$6"))

RETURNED = '{"what": "return", "by": "schedule"}'


def snoozed_notifications(database: Database, publisher: Publisher) -> DueNotifications:
    """The due source `snoozed`."""
    return DueNotifications(
        "snoozed",
        database,
        publisher,
        release=unsnooze_due,
        find=FIRST_SNOOZED,
        is_snoozed=True,
    )


async def unsnooze_due(tx: Driver, which: Portion) -> Released:
    """Return due items: each takes one version, like a new item."""
    people: Any = await tx.fetch(FIND, *which)
    if not people:
        return Released()
    heads = await inboxes.lock_idle(tx, [(row["tenant"], row["subscriber"]) for row in people])
    tenants, subscribers = [tenant for tenant, _ in heads], [subscriber for _, subscriber in heads]
    versions = [head.version for head in heads.values()]
    rows: Any = await tx.fetch(
        RETURN_AND_RECORD,
        tenants,
        subscribers,
        versions,
        which.limit,
        PUBLISH_AGAIN_AFTER,
        RETURNED,
        which.without,
    )
    unread: dict[UUID, int] = {}
    for row in rows:
        before = heads[row["tenant"], row["subscriber"]]
        unread[row["id"]] = before.unread + row["version"] - before.version
    await inboxes.add_items(tx, Counter((row["tenant"], row["subscriber"]) for row in rows))
    return Released(len(rows), list(unread), await frames_of(tx, list(unread), unread))
