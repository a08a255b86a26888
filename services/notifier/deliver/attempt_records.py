"""Recording attempts, each with the resulting state, in one transaction."""

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
"""Uses the present `expires_at`: a cancellation may have moved it."""

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
"""The states after an attempt in which no provider accepted or refused the delivery."""

COUNT = """
UPDATE deliveries SET attempt_count = attempt_count + 1, asked = coalesce($2, asked) WHERE id = $1
"""

RECORDED = """
SELECT d.state, CASE WHEN d.rounds = $2 THEN d.leased_until END AS leased_until
FROM attempts a JOIN deliveries d ON d.id = a.delivery WHERE a.id = $1
"""
"""Finds an attempt that an earlier call committed although its answer was lost. `rounds` grows with
every claim, so it shows whether the lease is still ours."""


class RoundOver(Enum):
    """Why no other provider is tried in this round."""

    LOST = "the lease was lost or the delivery expired: the attempt has yet to be recorded"
    ENDED = "the attempt is recorded and the delivery has ended"


async def record_end(
    database: Database,
    lease: Lease,
    attempt: ProviderAttempt,
    settlement: Settlement,
    wait: timedelta | None,
) -> State | None:
    """Record the attempt, its capture and the resulting state; returns that state. `wait` is the
    time until the next round, if any.

    A delivery that was cancelled in the meantime is not retried: unless a provider accepted or
    refused it, it ends cancelled. Returns None if the lease was lost, and then leaves the state to
    the new holder. Idempotent.
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
    """Record the attempt and renew the lease by `lease_time`, for the next provider, with the
    present address from the directory. Idempotent.

    If the lease was lost or the delivery has expired, records nothing and returns `LOST`; if the
    delivery is no longer to be sent, records that and returns `ENDED`.
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
