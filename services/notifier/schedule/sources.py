"""Every source of due work, in the order in which the dispatcher asks them."""

from __future__ import annotations

from clarion.store.database import Database
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule.due_deliveries import DueDeliveries
from services.notifier.schedule.due_slices import DueSlices
from services.notifier.schedule.due_source import DueSource
from services.notifier.schedule.release import scheduled_notifications
from services.notifier.schedule.snooze_returns import snoozed_notifications


def due_sources(
    database: Database, publisher: Publisher, *, leave_queued: bool = False
) -> list[DueSource]:
    """All sources. `leave_queued` as for `DueDeliveries`."""
    return [
        DueDeliveries(database, publisher, leave_queued=leave_queued),
        scheduled_notifications(database, publisher),
        snoozed_notifications(database, publisher),
        DueSlices(database, publisher),
    ]
