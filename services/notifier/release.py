"""Notifications that were held (`send_at`) enter their inboxes when they are due.

The version is stamped in one transaction and the due time moved on; only the confirmed
announcement clears it. Whoever dies in between leaves a row that is announced again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from clarion.contracts.announcement import FeedFrame
from clarion.store.database import Driver
from services.notifier.plan.readback import frames_of
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER, take_inboxes

TAKE = """
SELECT n.id, n.tenant, n.subscriber, n.version,
       coalesce((CASE WHEN e.document IS NULL THEN e.body->>'expires_at'
                 ELSE e.document->>'expires_at' END)::timestamptz <= now(), false) AS expired
FROM notifications n JOIN events e ON e.id = n.event
WHERE n.due_at <= now() AND n.snoozed_until IS NULL
ORDER BY n.due_at, n.id LIMIT $1 FOR UPDATE OF n SKIP LOCKED
"""

ENTER = """
UPDATE notifications n SET version = coalesce(e.version, n.version), due_at = now() + $3
FROM unnest($1::uuid[], $2::bigint[]) AS e (id, version) WHERE n.id = e.id
"""

EXPIRE = """
UPDATE notifications SET due_at = NULL, decisions = (
  SELECT jsonb_agg(CASE WHEN d->>'channel' = 'inbox'
    THEN '{"channel": "inbox", "decision": "skip", "reason": "expired"}'::jsonb ELSE d END)
  FROM jsonb_array_elements(decisions) d)
WHERE id = ANY($1::uuid[])
"""

CONFIRM = """
UPDATE notifications SET due_at = NULL WHERE id = ANY($1::uuid[]) AND snoozed_until IS NULL
"""
"""An item that was snoozed meanwhile is due again when that ends."""


@dataclass(slots=True)
class Released:
    """What entered inboxes: to be announced, then confirmed. `taken` counts expired ones too."""

    taken: int = 0
    ids: list[UUID] = field(default_factory=list[UUID])
    frames: list[FeedFrame] = field(default_factory=list[FeedFrame])


async def release_due(tx: Driver, limit: int) -> Released:
    """Stamp what is due with its version; what has expired meanwhile never enters."""
    rows: Any = await tx.fetch(TAKE, limit)
    expired: list[UUID] = [row["id"] for row in rows if row["expired"] and row["version"] is None]
    if expired:
        await tx.execute(EXPIRE, expired)
    rows = [row for row in rows if not row["expired"] or row["version"] is not None]
    released = Released(len(rows) + len(expired), [row["id"] for row in rows])
    if not rows:
        return released
    entering = [row for row in rows if row["version"] is None]
    left = Counter((row["tenant"], row["subscriber"]) for row in entering)
    heads = await take_inboxes(tx, left) if left else {}
    versions: dict[UUID, int] = {}
    unread: dict[UUID, int] = {}
    for row in entering:
        person = (row["tenant"], row["subscriber"])
        left[person] -= 1
        versions[row["id"]] = heads[person][0] - left[person]
        unread[row["id"]] = heads[person][1] - left[person]
    stamps = [versions.get(one) for one in released.ids]
    await tx.execute(ENTER, released.ids, stamps, PUBLISH_AGAIN_AFTER)
    released.frames = await frames_of(tx, released.ids, unread)
    return released


async def confirm_release(tx: Driver, notifications: Sequence[UUID]) -> None:
    """They are announced: nothing is left to do."""
    await tx.execute(CONFIRM, list(notifications))
