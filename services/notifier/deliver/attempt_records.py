"""Recording attempts, each with the state that follows from it, in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from clarion.records.cancellations import BY_CALLER
from clarion.records.deliveries import found_in, move, statement
from clarion.rules.delivery_states import SETTLE, State
from clarion.rules.outcomes import Outcome, Sent, Settlement, Unknown, asked_after, name_of
from clarion.store.database import Database, Driver
from services.notifier import metrics
from services.notifier.deliver.cancelled import count_cancelled, end_cancelled, is_cancelled
from services.notifier.deliver.final_failures import tell, whose
from services.notifier.deliver.leases import Lease
from services.notifier.deliver.recheck import (
    CANCELLED,
    FACT_COLUMNS,
    count_skipped,
    facts_of,
    keep_verdicts,
    recheck,
)
from services.notifier.drafts import encode, new_uuid
from services.notifier.fail_points import reach

END = statement(
    """
UPDATE deliveries
SET state = CASE WHEN next.at >= expires_at THEN '{expired}' ELSE $3 END,
    due_at = CASE WHEN next.at >= expires_at THEN NULL ELSE next.at END,
    rounds = CASE WHEN next.at < coalesce(expires_at, 'infinity') THEN rounds ELSE 0 END,
    reason = $4, provider = $5, asked = $7, leased_until = NULL,
    attempt_count = attempt_count + 1, updated_at = now()
FROM (SELECT now() + $6::interval AS at) next
WHERE id = $1 AND state IN ({ours}) AND leased_until = $2
RETURNING state
""",
    ours=found_in(SETTLE),
    expired=move(SETTLE, State.SENDING, State.EXPIRED),
)
"""By `expires_at` as it is now: it may have come nearer meanwhile."""

GO_ON = statement(
    """
WITH ours AS (
  SELECT id, notification FROM deliveries
  WHERE id = $1 AND state IN ({ours}) AND leased_until = $2
    AND (expires_at IS NULL OR expires_at > now())
  FOR UPDATE)
UPDATE deliveries d
SET provider = $3, asked = $5, leased_until = now() + $4, due_at = now() + $4,
    attempt_count = attempt_count + 1, updated_at = now()
FROM ours {facts}
WHERE d.id = ours.id
RETURNING d.id, d.channel, d.recipient, d.leased_until, {fact_columns}
""",
    facts=facts_of("ours"),
    fact_columns=FACT_COLUMNS,
    ours=found_in(SETTLE),
)

NOT_TAKEN = frozenset({State.SCHEDULED, State.DEAD})
"""What an attempt comes to that settled nothing."""

COUNT = """
UPDATE deliveries SET attempt_count = attempt_count + 1, asked = coalesce($2, asked) WHERE id = $1
"""

RECORDED = """
SELECT d.state, CASE WHEN d.rounds = $2 THEN d.leased_until END AS leased_until
FROM attempts a JOIN deliveries d ON d.id = a.delivery WHERE a.id = $1
"""
"""Whether an earlier call committed this attempt and only its answer was lost; `rounds` grows with
every claim, so it tells whether the delivery is still ours."""

ATTEMPT = """
INSERT INTO attempts (id, tenant, delivery, n, provider, started_at, duration_ms, outcome, code,
                      detail, provider_id)
SELECT $1, $2, $3, coalesce(max(n), 0) + 1, $4, now() - $5::interval, $6, $7, $8, $9, $10
FROM attempts WHERE delivery = $3
"""
"""Numbered over the delivery's whole life; whoever records holds its row."""

CAPTURE = """
INSERT INTO captures (id, tenant, delivery, channel, recipient, message)
VALUES ($1, $2, $3, $4, $5, $6::jsonb)
ON CONFLICT (delivery) DO NOTHING
"""


class Gone(Enum):
    """Why no other provider is asked."""

    LOST = "another has it, or its time is over: the attempt is still to be kept"
    ENDED = "the attempt is kept, and nothing is left to do"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider. `id` is made once, so that it is kept once, however often it is
    recorded: the answer to a COMMIT may be lost."""

    provider: str
    begun: float
    """By our monotonic clock."""
    duration_ms: int
    outcome: Outcome
    id: UUID = field(default_factory=new_uuid)


async def record_end(
    database: Database,
    lease: Lease,
    attempt: Attempt,
    settlement: Settlement,
    wait: timedelta | None,
) -> State | None:
    """Keep the attempt, what was captured, and the state that follows, which is returned; `wait`
    is until the next round, where there is one.

    A delivery that was cancelled meanwhile is not tried again: where the attempt settled nothing,
    it ends cancelled. None where the lease had been lost: then the state is another's. Safe to
    repeat.
    """
    async with database.driver() as tx:
        if settlement.state in NOT_TAKEN and await is_cancelled(tx, lease.delivery.id, lease.until):
            settlement, wait = Settlement(State.CANCELLED, BY_CALLER, None), None
        state = move(SETTLE, State.SENDING, settlement.state)
        ended: str | None = await tx.fetchval(
            END,
            lease.delivery.id,
            lease.until,
            state.value,
            settlement.reason,
            attempt.provider,
            wait,
            asked_after(lease.asked, attempt.provider, attempt.outcome),
        )
        if ended is None:
            row: Any = await tx.fetchrow(RECORDED, attempt.id, lease.round)
            if row is not None:
                return State(row["state"])
            unknown = attempt.provider if isinstance(attempt.outcome, Unknown) else None
            await tx.execute(COUNT, lease.delivery.id, unknown)
        failure = await whose(tx, lease.delivery.id, State(ended)) if ended else None
        await _record(tx, lease, attempt)
        reach("send.before_commit")
    reach("send.after_commit")
    tell(
        failure,
        lease.delivery.id,
        lease.delivery.channel,
        State(ended or settlement.state),
        reason=settlement.reason,
        code=getattr(attempt.outcome, "code", None),
        provider=attempt.provider,
    )
    if ended is None:
        metrics.LEASES_LOST.inc()
        return None
    if ended != State.SCHEDULED:
        metrics.ENDED.labels(lease.delivery.channel, ended).inc()
    return State(ended)


async def record_and_go_on(
    database: Database, lease: Lease, attempt: Attempt, lease_time: timedelta
) -> Lease | Gone:
    """Keep the attempt and the delivery, for another `lease_time`: the next provider is asked, with
    the address that the directory has now. Safe to repeat.

    Where the lease had been lost or the delivery has expired meanwhile nothing is kept and `LOST`
    returned; where it is not to be sent any more, that is recorded and `ENDED` returned.
    """
    begun = time.monotonic()
    asked = asked_after(lease.asked, attempt.provider, attempt.outcome)
    async with database.driver() as tx:
        row: Any = await tx.fetchrow(
            GO_ON, lease.delivery.id, lease.until, attempt.provider, lease_time, asked
        )
        if row is None:
            row = await tx.fetchrow(RECORDED, attempt.id, lease.round)
            if row is None:
                return Gone.LOST
            if row["state"] != State.SENDING or row["leased_until"] is None:
                return Gone.ENDED
            return replace(lease, until=row["leased_until"], begun=begun, asked=asked)
        verdict = recheck(row)
        if cancelled := verdict.skip == CANCELLED:
            await end_cancelled(tx, lease.delivery.id)
        else:
            await keep_verdicts(tx, [verdict])
        await _record(tx, lease, attempt)
        reach("send.before_next")
    reach("send.after_next")
    if cancelled:
        count_cancelled(lease.delivery.channel)
        return Gone.ENDED
    count_skipped([verdict])
    if verdict.skip is not None:
        return Gone.ENDED
    delivery = replace(lease.delivery, recipient=verdict.address or "")
    return replace(lease, delivery=delivery, until=row["leased_until"], begun=begun, asked=asked)


async def _record(tx: Driver, lease: Lease, attempt: Attempt) -> None:
    delivery, outcome = lease.delivery, attempt.outcome
    await tx.execute(
        ATTEMPT,
        attempt.id,
        delivery.tenant,
        delivery.id,
        attempt.provider,
        timedelta(seconds=time.monotonic() - attempt.begun),
        attempt.duration_ms,
        name_of(outcome),
        _storable(getattr(outcome, "code", None)),
        _storable(outcome.detail),
        _storable(outcome.provider_id) if isinstance(outcome, Sent) else None,
    )
    if isinstance(outcome, Sent) and outcome.capture is not None:
        await tx.execute(
            CAPTURE,
            new_uuid(),
            delivery.tenant,
            delivery.id,
            delivery.channel,
            delivery.recipient,
            encode(outcome.capture).decode(),
        )


def _storable(text: str | None) -> str | None:
    """What a provider said, without what PostgreSQL cannot keep."""
    return text and text.replace("\0", "\ufffd").encode(errors="replace").decode()
