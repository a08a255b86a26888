"""One attempt at one provider, and its row."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from clarion.rules.outcomes import Outcome, Sent, name_of
from clarion.store.database import Driver
from services.notifier.drafts import encode, new_uuid
from services.notifier.providers.provider import Outgoing

ATTEMPT = """
INSERT INTO attempts (id, tenant, delivery, n, provider, started_at, duration_ms, outcome, code,
                      detail, provider_id)
SELECT $1, $2, $3, coalesce(max(n), 0) + 1, $4, now() - $5::interval, $6, $7, $8, $9, $10
FROM attempts WHERE delivery = $3
"""
"""Numbered over the lifetime of the delivery; the caller holds the row lock."""

CAPTURE = """
INSERT INTO captures (id, tenant, delivery, channel, recipient, message)
VALUES ($1, $2, $3, $4, $5, $6::jsonb)
ON CONFLICT (delivery) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class ProviderAttempt:
    """One call of one provider. `id` is created once, so that recording is idempotent: the answer
    to a COMMIT may be lost."""

    provider: str
    begun: float
    """Time of the monotonic clock."""
    duration_ms: int
    outcome: Outcome
    id: UUID = field(default_factory=new_uuid)


async def write_attempt(tx: Driver, delivery: Outgoing, attempt: ProviderAttempt) -> None:
    """Insert the attempt, and the message if it was captured; the caller holds the row lock."""
    outcome = attempt.outcome
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
    """A provider's text without characters that PostgreSQL cannot store."""
    return text and text.replace("\0", "\ufffd").encode(errors="replace").decode()
