"""Deliveries that are due: found, marked as published next, and their jobs published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clarion.contracts.job import Job
from clarion.records.cancellations import BY_CALLER
from clarion.records.deliveries import move, statement
from clarion.rules.delivery_states import ABANDON, DISPATCH, EXPIRE, State
from services.notifier import metrics
from services.notifier.fail_points import reach
from services.notifier.publish.outbox import Outbox, Publisher
from services.notifier.publish.readback import traceparent_from

FIND_DUE = """
SELECT id, tenant FROM deliveries
WHERE lane = $4 AND state IN ({due}) AND due_at <= now()
  AND id <> ALL($2::uuid[]) AND tenant <> ALL($3::text[])
ORDER BY due_at LIMIT $1
"""

TAKE = """
WITH due AS ({found} FOR UPDATE SKIP LOCKED)
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


def taking(found: str, *, again: str) -> str:
    """The statement that takes what the query `found` finds; `again` is the parameter that says
    how long after now each is published again."""
    return statement(
        TAKE,
        found=found,
        again=again,
        queued=move(DISPATCH, State.SCHEDULED, State.QUEUED),
        expired=move(EXPIRE, State.SCHEDULED, State.EXPIRED),
        cancelled=move(ABANDON, State.SENDING, State.CANCELLED),
        by_caller=BY_CALLER,
    )


async def publish_marked(publisher: Publisher, rows: Sequence[Any], kind: str) -> int:
    """Publish the jobs of what was taken, which is committed; how many rows."""
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


def counted(kind: str, rows: int) -> int:
    """`rows`, counted as dispatched."""
    if rows:
        metrics.DISPATCHED.labels(kind).inc(rows)
    return rows
