"""Recording attempts, each with the state that follows from it, in one transaction."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Any

from clarion.records.cancellations import BY_CALLER
from clarion.records.deliveries import found_in, move, statement
from clarion.rules.delivery_states import SETTLE, State
from clarion.rules.outcomes import (
    Settlement,
    Unknown,
    unknown_provider_after,
)
from clarion.store.database import Database
from services.notifier import metrics
from services.notifier.deliver.attempts import ProviderAttempt, write_attempt
from services.notifier.deliver.cancelled import count_cancelled, end_cancelled, is_cancelled
from services.notifier.deliver.final_failures import final_failure_of, log_final_failure
from services.notifier.deliver.leases import Lease
from services.notifier.deliver.recheck import (
    CANCELLED,
    FACT_COLUMNS,
    count_skipped,
    facts_of,
    keep_verdicts,
    recheck,
)
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

RENEW = statement(
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


class RoundOver(Enum):
    """Why no other provider is asked."""

    LOST = "another has it, or its time is over: the attempt is still to be kept"
    ENDED = "the attempt is kept, and nothing is left to do"


async def record_end(
    database: Database,
    lease: Lease,
    attempt: ProviderAttempt,
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
            unknown_provider_after(lease.last_unknown_provider, attempt.provider, attempt.outcome),
        )
        if ended is None:
            row: Any = await tx.fetchrow(RECORDED, attempt.id, lease.round)
            if row is not None:
                return State(row["state"])
            unknown = attempt.provider if isinstance(attempt.outcome, Unknown) else None
            await tx.execute(COUNT, lease.delivery.id, unknown)
        failure = await final_failure_of(tx, lease.delivery.id, State(ended)) if ended else None
        await write_attempt(tx, lease.delivery, attempt)
        reach("send.before_commit")
    reach("send.after_commit")
    log_final_failure(
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


async def record_and_renew(
    database: Database, lease: Lease, attempt: ProviderAttempt, lease_time: timedelta
) -> Lease | RoundOver:
    """Keep the attempt and the delivery, for another `lease_time`: the next provider is asked, with
    the address that the directory has now. Safe to repeat.

    Where the lease had been lost or the delivery has expired meanwhile nothing is kept and `LOST`
    returned; where it is not to be sent any more, that is recorded and `ENDED` returned.
    """
    begun = time.monotonic()
    last_unknown_provider = unknown_provider_after(
        lease.last_unknown_provider, attempt.provider, attempt.outcome
    )
    async with database.driver() as tx:
        row: Any = await tx.fetchrow(
            RENEW,
            lease.delivery.id,
            lease.until,
            attempt.provider,
            lease_time,
            last_unknown_provider,
        )
        if row is None:
            row = await tx.fetchrow(RECORDED, attempt.id, lease.round)
            if row is None:
                return RoundOver.LOST
            if row["state"] != State.SENDING or row["leased_until"] is None:
                return RoundOver.ENDED
            return replace(
                lease,
                until=row["leased_until"],
                begun=begun,
                last_unknown_provider=last_unknown_provider,
            )
        verdict = recheck(row)
        if cancelled := verdict.skip == CANCELLED:
            await end_cancelled(tx, lease.delivery.id)
        else:
            await keep_verdicts(tx, [verdict])
        await write_attempt(tx, lease.delivery, attempt)
        reach("send.before_next")
    reach("send.after_next")
    if cancelled:
        count_cancelled(lease.delivery.channel)
        return RoundOver.ENDED
    count_skipped([verdict])
    if verdict.skip is not None:
        return RoundOver.ENDED
    delivery = replace(lease.delivery, recipient=verdict.address or "")
    return replace(
        lease,
        delivery=delivery,
        until=row["leased_until"],
        begun=begun,
        last_unknown_provider=last_unknown_provider,
    )
