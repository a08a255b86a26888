"""Claiming a delivery for one attempt, and recording what came of it.

Claim short, call the provider outside any transaction, record in one. The lease is the fence: an
answer that comes after another took the delivery is kept as an attempt and changes no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from clarion.store.database import Database, Driver
from services.notifier import metrics
from services.notifier.channels.provider import Content, Outgoing
from services.notifier.outcome import Outcome, Sent, Settlement, name_of
from services.notifier.plan.drafts import encode, new_uuid
from services.notifier.states import State, move

_content = msgspec.json.Decoder(Content)

CLAIM = """
UPDATE deliveries
SET state = 'sending', attempt_count = attempt_count + 1, leased_until = now() + $2,
    due_at = now() + $2, updated_at = now()
WHERE id = $1 AND (state = 'queued' OR (state = 'sending' AND leased_until < now()))
  AND (expires_at IS NULL OR expires_at > now())
RETURNING tenant, channel, recipient, content::text, attempt_count, leased_until, expires_at,
          created_at
"""

EXPIRE = """
UPDATE deliveries
SET state = 'expired', reason = 'expired', due_at = NULL, leased_until = NULL, updated_at = now()
WHERE id = $1 AND state = 'queued' AND expires_at <= now()
RETURNING channel
"""

ATTEMPT = """
INSERT INTO attempts (id, tenant, delivery, n, provider, started_at, duration_ms, outcome, code,
                      detail, provider_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

SETTLE = """
UPDATE deliveries
SET state = $3, reason = $4, provider = $5, due_at = $6, leased_until = NULL, updated_at = now()
WHERE id = $1 AND state = 'sending' AND leased_until = $2
RETURNING id
"""

GIVE_UP = """
UPDATE deliveries
SET state = $3, reason = 'attempts_used_up', due_at = NULL, leased_until = NULL, updated_at = now()
WHERE id = $1 AND state = 'sending' AND leased_until = $2
"""

CAPTURE = """
INSERT INTO captures (id, tenant, delivery, channel, recipient, message)
VALUES ($1, $2, $3, $4, $5, $6::jsonb) ON CONFLICT (delivery) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A delivery that is ours to send until `until`. `attempt` counts from 1."""

    delivery: Outgoing
    attempt: int
    until: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider."""

    provider: str
    started_at: datetime
    duration_ms: int
    outcome: Outcome


async def claim(database: Database, delivery: UUID, lease: timedelta) -> Lease | None:
    """Take the delivery, None where there is nothing to do: another has it, it has ended, or it
    has expired, which is recorded."""
    async with database.driver() as tx:
        row: Any = await tx.fetchrow(CLAIM, delivery, lease)
        if row is None:
            await _expire(tx, delivery)
            return None
    outgoing = Outgoing(
        delivery,
        row["tenant"],
        row["channel"],
        row["recipient"] or "",
        _content.decode(row["content"] or '{"title": ""}'),
        row["created_at"],
    )
    return Lease(outgoing, row["attempt_count"], row["leased_until"], row["expires_at"])


async def record(
    database: Database, lease: Lease, attempt: Attempt, settlement: Settlement
) -> bool:
    """Keep the attempt, what was captured, and the state that follows, in one transaction.

    False where the lease had been lost: then the state is another's.
    """
    state = move(State.SENDING, settlement.state)
    async with database.driver() as tx:
        await _record_attempt(tx, lease, attempt)
        kept = await tx.fetchrow(
            SETTLE,
            lease.delivery.id,
            lease.until,
            state.value,
            settlement.reason,
            attempt.provider,
            settlement.due_at,
        )
    if kept is None:
        metrics.LEASES_LOST.inc()
    elif settlement.due_at is None:
        metrics.ENDED.labels(lease.delivery.channel, state.value).inc()
    return kept is not None


async def give_up(database: Database, lease: Lease) -> None:
    """End a delivery whose attempts are used up by senders that died before they could record."""
    state = move(State.SENDING, State.DEAD)
    async with database.driver() as tx:
        await tx.execute(GIVE_UP, lease.delivery.id, lease.until, state.value)
    metrics.ENDED.labels(lease.delivery.channel, state.value).inc()


async def _record_attempt(tx: Driver, lease: Lease, attempt: Attempt) -> None:
    delivery, outcome = lease.delivery, attempt.outcome
    await tx.execute(
        ATTEMPT,
        new_uuid(),
        delivery.tenant,
        delivery.id,
        lease.attempt,
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


async def _expire(tx: Driver, delivery: UUID) -> None:
    row: Any = await tx.fetchrow(EXPIRE, delivery)
    if row is not None:
        metrics.ENDED.labels(row["channel"], State.EXPIRED.value).inc()


def _storable(text: str | None) -> str | None:
    """What a provider said, without what PostgreSQL cannot keep."""
    return text and text.replace("\0", "\ufffd").encode(errors="replace").decode()
