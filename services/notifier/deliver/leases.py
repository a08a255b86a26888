"""Leases of deliveries for one round of attempts: claim, postpone, give up.

Claiming is one short transaction and recording another; the provider is called outside of both. The
lease is the fence: an answer that arrives after another sender has claimed the delivery is recorded
as an attempt and changes no state.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from clarion.records.deliveries import found_in, move, statement
from clarion.render.content import RenderedContent
from clarion.rules.delivery_states import CLAIM, EXPIRE, SETTLE, State
from clarion.store.database import Database
from services.notifier import metrics
from services.notifier.deliver.cancelled import count_cancelled, end_if_cancelled
from services.notifier.deliver.final_failures import final_failure_of, log_final_failure
from services.notifier.deliver.recheck import (
    FACT_COLUMNS,
    Verdict,
    count_skipped,
    facts_of,
    keep_verdicts,
    recheck,
)
from services.notifier.providers.provider import Outgoing

_content = msgspec.json.Decoder(RenderedContent)

TAKE = statement(
    """
WITH wanted AS (
  SELECT id, notification, CASE WHEN state = '{queued}' THEN due_at END AS queued_until
  FROM deliveries
  WHERE id = ANY($1::uuid[])
    AND state IN ({claimable}) AND (leased_until IS NULL OR leased_until < now())
    AND (expires_at IS NULL OR expires_at > now())
  ORDER BY id FOR UPDATE SKIP LOCKED)
UPDATE deliveries d
SET state = '{sending}', rounds = d.rounds + 1, leased_until = now() + $2, due_at = now() + $2,
    updated_at = now()
FROM wanted {facts}
WHERE d.id = wanted.id
RETURNING d.id, d.tenant, d.channel, d.recipient, d.content::text AS content, d.rounds,
  d.leased_until, d.expires_at, d.created_at,
  CASE WHEN d.asked IS NULL AND d.attempt_count > 0 THEN (
    SELECT CASE WHEN a.outcome = 'unknown' THEN a.provider END
    FROM attempts a WHERE a.delivery = d.id ORDER BY a.n DESC LIMIT 1)
  ELSE d.asked END AS asked,
  wanted.queued_until, {fact_columns}
""",
    queued=State.QUEUED.value,
    facts=facts_of("wanted"),
    fact_columns=FACT_COLUMNS,
    claimable=found_in(CLAIM),
    sending=move(CLAIM, State.QUEUED, State.SENDING),
)
"""Locked rows are skipped: the holder publishes a job or is sending the delivery. A version of
Clarion without the column `asked` records attempts only, and may run beside this one during an
upgrade: then the last attempt decides."""

END_IN_QUEUE = statement(
    """
UPDATE deliveries
SET state = '{expired}', reason = 'expired', due_at = NULL, leased_until = NULL, updated_at = now()
WHERE id IN (
  SELECT id FROM deliveries
  WHERE id = ANY($1::uuid[]) AND state IN ({waiting}) AND expires_at <= now()
  ORDER BY id FOR UPDATE SKIP LOCKED)
RETURNING channel
""",
    waiting=found_in(EXPIRE, State.QUEUED),
    expired=move(EXPIRE, State.QUEUED, State.EXPIRED),
)

POSTPONE = statement(
    """
UPDATE deliveries
SET state = $3, reason = $4, due_at = least($5, now() + $6::interval, expires_at),
    leased_until = NULL, rounds = rounds - 1, updated_at = now()
WHERE id = $1 AND state IN ({ours}) AND leased_until = $2
""",
    ours=found_in(SETTLE),
)

GIVE_UP = statement(
    """
UPDATE deliveries
SET state = $3, reason = 'attempts_used_up', due_at = NULL, leased_until = NULL, rounds = 0,
    updated_at = now()
WHERE id = $1 AND state IN ({ours}) AND leased_until = $2
RETURNING id
""",
    ours=found_in(SETTLE),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """A delivery that this sender leases until `until`.

    `round` counts claims from 1; failover within one claim is part of the round.
    `last_unknown_provider` may have accepted the delivery. `begun` is the time of the monotonic
    clock before the claim.
    """

    delivery: Outgoing
    round: int
    until: datetime
    expires_at: datetime | None
    last_unknown_provider: str | None
    begun: float
    queued_until: datetime | None = None
    """`due_at` while it was queued, from which follows when its job was published."""


async def claim(database: Database, deliveries: Sequence[UUID], lease: timedelta) -> list[Lease]:
    """Lease those of `deliveries` that are to be sent, with the present addresses of the directory.
    Leaves out deliveries that another sender holds or that have ended. Deliveries that have expired
    or are no longer to be sent are left out too, and end."""
    begun = time.monotonic()
    async with database.driver() as tx:
        rows: Any = await tx.fetch(TAKE, deliveries, lease)
        expired: Any = ()
        if len(rows) < len(deliveries):
            expired = await tx.fetch(END_IN_QUEUE, deliveries)
        verdicts = [recheck(row) for row in rows]
        await keep_verdicts(tx, verdicts)
    for row in expired:
        metrics.ENDED.labels(row["channel"], State.EXPIRED.value).inc()
    count_skipped(verdicts)
    return [
        _lease(row, verdict, begun)
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict.skip is None
    ]


async def postpone(
    database: Database, lease: Lease, reason: str, until: datetime | timedelta
) -> None:
    """Release the lease without an attempt until `until`, a time of the database's clock or from
    now. This uses up no round. A cancelled delivery ends instead."""
    state = move(SETTLE, State.SENDING, State.SCHEDULED)
    moment = (None, until) if isinstance(until, timedelta) else (until, None)
    delivery = lease.delivery
    async with database.driver() as tx:
        if not (cancelled := await end_if_cancelled(tx, delivery.id, lease.until)):
            await tx.execute(POSTPONE, delivery.id, lease.until, state.value, reason, *moment)
    if cancelled:
        count_cancelled(delivery.channel)
        return
    metrics.POSTPONED.labels(delivery.channel, reason).inc()


async def give_up(database: Database, lease: Lease) -> None:
    """End a delivery whose rounds were used up by senders that died before they recorded."""
    state = move(SETTLE, State.SENDING, State.DEAD)
    delivery = lease.delivery
    async with database.driver() as tx:
        cancelled = await end_if_cancelled(tx, delivery.id, lease.until)
        ended = await tx.fetchval(GIVE_UP, delivery.id, lease.until, state.value)
        failure = await final_failure_of(tx, delivery.id, state) if ended is not None else None
    if cancelled:
        count_cancelled(delivery.channel)
    log_final_failure(
        failure, delivery.id, delivery.channel, state, reason="attempts_used_up", code=None
    )
    if ended is not None:
        metrics.ENDED.labels(delivery.channel, state.value).inc()


def _lease(row: Any, verdict: Verdict, begun: float) -> Lease:
    outgoing = Outgoing(
        row["id"],
        row["tenant"],
        row["channel"],
        verdict.address or "",
        _content.decode(row["content"] or '{"title": ""}'),
        row["created_at"],
    )
    return Lease(
        outgoing,
        row["rounds"],
        row["leased_until"],
        row["expires_at"],
        row["asked"],
        begun,
        row["queued_until"],
    )
