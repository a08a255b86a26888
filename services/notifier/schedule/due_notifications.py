"""Notifications that enter their inbox when they are due: taken, announced, confirmed.

A transaction stamps the version and moves the due time on; only the confirmed announcement clears
it. A process that dies in between leaves a row that is announced again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from clarion.contracts.announcement import FeedFrame
from clarion.records import inboxes
from clarion.records.deliveries import statement
from clarion.store.database import Database, Driver
from services.notifier.fail_points import reach
from services.notifier.publish.outbox import Outbox, Publisher
from services.notifier.schedule.due_rows import DueRows, Portion, counted
from services.notifier.schedule.due_source import TICK_S, Taken

EARLIEST_NOTIFICATION = """
SELECT min(due_at) FROM notifications
WHERE due_at <= now() + interval '{tick_s} s' AND snoozed_until IS {snoozed}
"""
"""Within the longest wait of the dispatcher: one index has both kinds, and later rows are not
read."""

CONFIRM = """
UPDATE notifications SET due_at = NULL WHERE id = ANY($1::uuid[]) AND snoozed_until IS NULL
"""
"""An item that was snoozed in the meantime keeps its due time."""


@dataclass(slots=True)
class Released:
    """Notifications that entered inboxes, to announce and then confirm. `taken` includes skipped
    ones."""

    taken: int = 0
    ids: list[UUID] = field(default_factory=list[UUID])
    frames: list[FeedFrame] = field(default_factory=list[FeedFrame])


Release = Callable[[Driver, Portion], Awaitable[Released]]


class DueNotifications:
    """A due source of notifications: scheduled ones, or those whose snooze ends."""

    def __init__(
        self,
        name: str,
        database: Database,
        publisher: Publisher,
        *,
        release: Release,
        find: str,
        is_snoozed: bool,
    ) -> None:
        self.name = name
        self._database = database
        self._publisher = publisher
        self._release = release
        self._find = find
        self._earliest = statement(
            EARLIEST_NOTIFICATION, tick_s=f"{TICK_S}", snoozed="NOT NULL" if is_snoozed else "NULL"
        )
        self._due = DueRows(name, database)

    async def take(self) -> Taken:
        """See `DueSource.take`."""
        limit = self._due.limit
        released = await self._due.take(
            self._release, lambda tx, portion: tx.fetch(self._find, *portion)
        )
        if released.ids:
            reach("release.after_commit")
            await self._publisher.publish(Outbox(frames=released.frames))
            reach("release.after_publish")
            await self._database.run(lambda tx: confirm_release(tx, released.ids))
        return Taken(counted(self.name, released.taken), released.taken >= limit)

    async def next_due_s(self) -> float | None:
        """See `DueSource.next_due_s`."""
        return await self._due.next_due_s(self._earliest)


async def confirm_release(tx: Driver, notifications: Sequence[UUID]) -> None:
    """Clear the due times of notifications whose announcements the broker has confirmed."""
    await inboxes.lock_of_items(tx, notifications)
    await tx.execute(CONFIRM, list(notifications))
