"""Publishes slices whose message was lost again."""

from __future__ import annotations

from typing import Any

from clarion.records.deliveries import statement
from clarion.store.database import Database
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.publish.outbox import Outbox, Publisher
from services.notifier.publish.readback import slice_from
from services.notifier.schedule.due_rows import DueRows, counted
from services.notifier.schedule.due_source import Taken

FIND_SLICES = """
SELECT event, tenant, topic, after FROM slices
WHERE due_at <= now() AND event <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at LIMIT $1
"""
TAKE_SLICES = statement(
    """
WITH due AS ({query} FOR UPDATE SKIP LOCKED)
UPDATE slices s SET due_at = now() + $4
FROM due WHERE (s.event, s.topic, s.after) = (due.event, due.topic, due.after)
RETURNING s.event, s.topic, s.after, s.lane, s.trace_id
""",
    query=FIND_SLICES,
)
EARLIEST_SLICE = "SELECT min(due_at) FROM slices WHERE due_at IS NOT NULL"


class DueSlices:
    """The due source `slice`."""

    name = "slice"

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._publisher = publisher
        self._due = DueRows(self.name, database)

    async def take(self) -> Taken:
        """See `DueSource.take`."""
        limit = self._due.limit
        rows: Any = await self._due.take(
            lambda tx, portion: tx.fetch(TAKE_SLICES, *portion, PUBLISH_AGAIN_AFTER),
            lambda tx, portion: tx.fetch(FIND_SLICES, *portion),
        )
        await self._publisher.publish(Outbox(slices=[slice_from(row) for row in rows]))
        return Taken(counted(self.name, len(rows)), len(rows) >= limit)

    async def next_due_s(self) -> float | None:
        """See `DueSource.next_due_s`."""
        return await self._due.next_due_s(EARLIEST_SLICE)
