"""Recording attempts, each with the state that follows from it, in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clarion.store.database import Database, Driver
from clarion.store.delivery_states import SETTLE, State, found_in, move, statement
from services.notifier import metrics
from services.notifier.fail_points import reach
from services.notifier.leases import Lease
from services.notifier.outcome import Outcome, Sent, Settlement, name_of
from services.notifier.plan.drafts import encode, new_uuid

END = statement(
    """
UPDATE deliveries
SET state = CASE WHEN $6 >= expires_at THEN '{expired}' ELSE $3 END,
    due_at = CASE WHEN $6 >= expires_at THEN NULL ELSE $6 END,
    rounds = CASE WHEN $6 < coalesce(expires_at, 'infinity') THEN rounds ELSE 0 END,
    reason = $4, provider = $5, leased_until = NULL, attempt_count = attempt_count + 1,
    updated_at = now()
WHERE id = $1 AND state IN ({ours}) AND leased_until = $2
RETURNING state
""",
    ours=found_in(SETTLE),
    expired=move(SETTLE, State.SENDING, State.EXPIRED),
)
"""By `expires_at` as it is now: who cancels while it is being sent makes it expire."""

GO_ON = statement(
    """
UPDATE deliveries
SET provider = $3, leased_until = now() + $4, due_at = now() + $4,
    attempt_count = attempt_count + 1, updated_at = now()
WHERE id = $1 AND state IN ({ours}) AND leased_until = $2
  AND (expires_at IS NULL OR expires_at > now())
RETURNING leased_until
""",
    ours=found_in(SETTLE),
)

COUNT = "UPDATE deliveries SET attempt_count = attempt_count + 1 WHERE id = $1"

ATTEMPT = """
INSERT INTO attempts (id, tenant, delivery, n, provider, started_at, duration_ms, outcome, code,
                      detail, provider_id)
SELECT $1, $2, $3, coalesce(max(n), 0) + 1, $4, $5, $6, $7, $8, $9, $10
FROM attempts WHERE delivery = $3
"""
"""Numbered over the delivery's whole life; whoever records holds its row."""

CAPTURE = """
INSERT INTO captures (id, tenant, delivery, channel, recipient, message)
VALUES ($1, $2, $3, $4, $5, $6::jsonb)
ON CONFLICT (delivery) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider."""

    provider: str
    started_at: datetime
    duration_ms: int
    outcome: Outcome


async def record_end(
    database: Database, lease: Lease, attempt: Attempt, settlement: Settlement
) -> State | None:
    """Keep the attempt, what was captured, and the state that follows, which is returned.

    None where the lease had been lost: then the state is another's.
    """
    state = move(SETTLE, State.SENDING, settlement.state)
    async with database.driver() as tx:
        ended: str | None = await tx.fetchval(
            END,
            lease.delivery.id,
            lease.until,
            state.value,
            settlement.reason,
            attempt.provider,
            settlement.due_at,
        )
        if ended is None:
            await tx.execute(COUNT, lease.delivery.id)
        await _record(tx, lease, attempt)
        reach("send.before_commit")
    reach("send.after_commit")
    if ended is None:
        metrics.LEASES_LOST.inc()
        return None
    if ended != State.SCHEDULED:
        metrics.ENDED.labels(lease.delivery.channel, ended).inc()
    return State(ended)


async def record_and_go_on(
    database: Database, lease: Lease, attempt: Attempt, lease_time: timedelta
) -> Lease | None:
    """Keep the attempt and the delivery, for another `lease_time`: the next provider is asked.

    None, and nothing is kept, where the lease had been lost or the delivery has expired meanwhile.
    """
    begun = time.monotonic()
    async with database.driver() as tx:
        until: datetime | None = await tx.fetchval(
            GO_ON, lease.delivery.id, lease.until, attempt.provider, lease_time
        )
        if until is None:
            return None
        await _record(tx, lease, attempt)
        reach("send.before_next")
    reach("send.after_next")
    return replace(lease, until=until, begun=begun)


async def _record(tx: Driver, lease: Lease, attempt: Attempt) -> None:
    delivery, outcome = lease.delivery, attempt.outcome
    await tx.execute(
        ATTEMPT,
        new_uuid(),
        delivery.tenant,
        delivery.id,
        attempt.provider,
        attempt.started_at,
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
