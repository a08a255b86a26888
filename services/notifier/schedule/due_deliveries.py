"""Deliveries that are due: scheduled ones, and those whose sender died.

Those whose job was lost are found by `lost_jobs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clarion.contracts.job import Job
from clarion.records.cancellations import BY_CALLER
from clarion.records.deliveries import found_in, move, statement
from clarion.rules.delivery_states import ABANDON, DISPATCH, EXPIRE, State
from clarion.store.database import Database, Driver
from services.notifier import metrics
from services.notifier.fail_points import reach
from services.notifier.plan.write import PUBLISH_AGAIN_AFTER
from services.notifier.publish.outbox import Outbox, Publisher
from services.notifier.publish.readback import traceparent_from
from services.notifier.schedule.due_rows import DueRows, Portion, counted
from services.notifier.schedule.due_source import Taken

FIND_DUE = """
SELECT id, tenant FROM deliveries
WHERE lane = $4 AND state IN ({due}) AND due_at <= now()
  AND id <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at LIMIT $1
"""

TAKE = """
WITH due AS ({query} FOR UPDATE SKIP LOCKED)
UPDATE deliveries d
SET state = CASE WHEN d.expires_at <= now() THEN
                   CASE d.reason WHEN '{by_caller}' THEN '{cancelled}' ELSE '{expired}' END
                 ELSE '{queued}' END,
    reason = CASE WHEN d.expires_at <= now() AND d.reason IS DISTINCT FROM '{by_caller}'
                  THEN 'expired' ELSE d.reason END,
    due_at = CASE WHEN d.expires_at <= now() THEN NULL ELSE now() + {again} END,
    leased_until = NULL, updated_at = now()
FROM due WHERE d.id = due.id
RETURNING d.id, d.channel, d.lane, d.state, d.trace_id
"""

EARLIEST_DELIVERY = """
SELECT least((SELECT min(due_at) FROM deliveries WHERE lane = 'urgent' AND state IN ({due})),
             (SELECT min(due_at) FROM deliveries WHERE lane = 'normal' AND state IN ({due})))
"""

LANES_IN_ORDER = ("urgent", "normal")

ALL_DUE = found_in(DISPATCH)
NOT_QUEUED = found_in(DISPATCH, State.SCHEDULED, State.SENDING)


def taking(query: str, *, again: str) -> str:
    """The statement that takes the rows of `query`; `again` is the parameter with the time until
    they are published again."""
    return statement(
        TAKE,
        query=query,
        again=again,
        queued=move(DISPATCH, State.SCHEDULED, State.QUEUED),
        expired=move(EXPIRE, State.SCHEDULED, State.EXPIRED),
        cancelled=move(ABANDON, State.SENDING, State.CANCELLED),
        by_caller=BY_CALLER,
    )


class DueDeliveries:
    """The due source `delivery`. Normal deliveries are taken once no urgent one is due."""

    name = "delivery"

    def __init__(
        self, database: Database, publisher: Publisher, *, leave_queued: bool = False
    ) -> None:
        """`leave_queued`: senders detect lost jobs (`lost_jobs`). Otherwise a queued delivery is
        published again as soon as it is due."""
        due = NOT_QUEUED if leave_queued else ALL_DUE
        self.find = statement(FIND_DUE, due=due)
        self._take = taking(self.find, again="$5")
        self._earliest = statement(EARLIEST_DELIVERY, due=due)
        self._publisher = publisher
        self._due = DueRows(self.name, database)

    async def take(self) -> Taken:
        """See `DueSource.take`."""
        limit = self._due.limit
        rows = await self._due.take(
            lambda tx, portion: _by_lane(tx, portion, self._take, PUBLISH_AGAIN_AFTER),
            lambda tx, portion: _by_lane(tx, portion, self.find),
        )
        return Taken(await publish_marked(self._publisher, rows, self.name), len(rows) >= limit)

    async def next_due_s(self) -> float | None:
        """See `DueSource.next_due_s`."""
        return await self._due.next_due_s(self._earliest)


async def _by_lane(tx: Driver, portion: Portion, query: str, *more: object) -> list[Any]:
    rows: list[Any] = []
    for lane in LANES_IN_ORDER:
        if room := portion.limit - len(rows):
            rows += await tx.fetch(query, *portion._replace(limit=room), lane, *more)
    return rows


async def publish_marked(publisher: Publisher, rows: Sequence[Any], kind: str) -> int:
    """Publish the jobs of taken rows after the commit; returns the number of rows."""
    outbox = Outbox()
    for row in rows:
        if row["state"] == State.QUEUED:
            job = Job(row["id"], traceparent_from(row["trace_id"]))
            outbox.add_job(row["channel"], row["lane"], job)
        else:
            metrics.ENDED.labels(row["channel"], row["state"]).inc()
    if outbox.jobs:
        reach("dispatch.after_commit")
        await publisher.publish(outbox)
        reach("dispatch.after_publish")
    return counted(kind, len(rows))
