"""Snoozed items come back to their inboxes when they are due: new to the person, and unread.

The inbox is taken first, as by every change; one that is busy is left for the next round. As with
`release`, only the confirmed announcement clears the due time.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from clarion.records.deliveries import statement
from clarion.records.item_changes import noted
from clarion.store.database import Driver
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.publish.readback import frames_of
from services.notifier.schedule.due_rows import Portion
from services.notifier.schedule.release import Released

FIRST_SNOOZED = """
SELECT id, tenant, subscriber FROM notifications
WHERE due_at <= now() AND snoozed_until IS NOT NULL
  AND id <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at LIMIT $1
"""
FIND = statement("SELECT DISTINCT tenant, subscriber FROM ({found}) due", found=FIRST_SNOOZED)

TAKE_INBOXES = """
SELECT i.tenant, i.subscriber, i.version, i.unread
FROM inboxes i JOIN unnest($1::text[], $2::text[]) AS q (tenant, subscriber)
  ON i.tenant = q.tenant AND i.subscriber = q.subscriber
ORDER BY i.tenant, i.subscriber FOR UPDATE OF i SKIP LOCKED
"""

BACK = """
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
SET version = m.version, snoozed_until = NULL, seen_at = NULL, read_at = NULL, due_at = now() + $5,
    changes = {changes}
FROM numbered m WHERE n.id = m.id
RETURNING n.id, n.tenant, n.subscriber, n.version
"""
WAKE = BACK.format(changes=noted(version="m.version", note="$6"))

RETURNED = '{"what": "return", "by": "schedule"}'

MOVE = """
UPDATE inboxes i SET version = i.version + q.added, unread = i.unread + q.added
FROM unnest($1::text[], $2::text[], $3::int[]) AS q (tenant, subscriber, added)
WHERE i.tenant = q.tenant AND i.subscriber = q.subscriber
"""


async def wake_due(tx: Driver, which: Portion) -> Released:
    """Bring back what is due: each item takes one version, as a new one does."""
    people: Any = await tx.fetch(FIND, *which)
    if not people:
        return Released()
    inboxes: Any = await tx.fetch(TAKE_INBOXES, *columns(people, "tenant", "subscriber"))
    heads = {(row["tenant"], row["subscriber"]): row for row in inboxes}
    taken = columns(inboxes, "tenant", "subscriber", "version")
    rows: Any = await tx.fetch(
        WAKE, *taken, which.limit, PUBLISH_AGAIN_AFTER, RETURNED, which.without
    )
    unread: dict[UUID, int] = {}
    added = dict.fromkeys(heads, 0)
    for row in rows:
        person = (row["tenant"], row["subscriber"])
        head = heads[person]
        unread[row["id"]] = head["unread"] + row["version"] - head["version"]
        added[person] += 1
    await tx.execute(MOVE, *columns(inboxes, "tenant", "subscriber"), list(added.values()))
    return Released(len(rows), list(unread), await frames_of(tx, list(unread), unread))


def columns(rows: Any, *names: str) -> list[list[Any]]:
    """Rows as columns."""
    return [[row[name] for row in rows] for name in names]
