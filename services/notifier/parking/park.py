"""Stores dead letters in `parked`, with their reason and body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, Entry
from clarion.contracts.parking import CUT
from clarion.store.database import Driver
from clarion.telemetry.trace import trace_id_of
from services.notifier import metrics
from services.notifier.drafts import data_of, encode, new_uuid, stored
from services.notifier.failures import detail_of, reason_of
from services.notifier.messages.parser import Malformed, single
from services.notifier.parking.parked_headers import kept_headers

MAX_DETAIL = 1_000
MAX_NAME = 256
"""Characters of a queue, a reason, a tenant or a source."""

NAMED_WITHIN = "SET LOCAL statement_timeout = 1000; SET LOCAL lock_timeout = 1000"
"""Limits for writing the row of the event, so that the dead letter itself does not fail with it."""

UNSTORABLE = "What it says of itself cannot be stored: only its bytes are kept."

PARK = """
INSERT INTO parked (id, tenant, queue, reason, detail, content_type, headers, body, trace_id,
                    source)
SELECT id, tenant, $9, reason, detail, content_type, headers::jsonb, body, trace_id, source
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
            $8::text[], $10::boolean[], $11::text[])
     AS p (id, tenant, reason, detail, content_type, headers, body, trace_id, again, source)
WHERE NOT p.again OR NOT EXISTS (
  SELECT 1 FROM parked o WHERE o.queue = $9 AND o.reason = p.reason AND o.body = p.body
    AND o.headers = p.headers::jsonb)
"""
"""A redelivered message may be stored already: its reader may have died before the
acknowledgement."""

KNOWN = """
SELECT EXISTS (
  SELECT 1 FROM events e JOIN parked p ON p.tenant = e.tenant AND p.trace_id = e.trace_id
  WHERE e.tenant = $1 AND e.source = $2 AND e.event_id = $3 AND e.state = 'parked'
    AND p.reason = $4 AND (e.body = $5::jsonb AND e.body <> '{}' OR p.body = $6))
"""
"""Whether the same event is parked already. Its idempotency key stays free, so it cannot tell."""

PARKED_EVENT = """
INSERT INTO events (id, tenant, source, event_id, type, category, lane, time, accepted_at,
                    planned_at, state, body, document, trace_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'parked', $11::jsonb, $12::json, $13)
"""


async def park(tx: Driver, queue: str, malformed: Sequence[Malformed]) -> None:
    """Store `malformed` from `queue`. Texts that PostgreSQL cannot store are cleaned."""
    if not malformed:
        return
    await tx.execute(
        PARK,
        [new_uuid() for _ in malformed],
        [_name(part.tenant) for part in malformed],
        [_clipped(part.reason, MAX_NAME) for part in malformed],
        [_clipped(part.detail) for part in malformed],
        [_clipped(part.content_type) for part in malformed],
        [encode(kept_headers(part.headers)).decode() for part in malformed],
        [part.body for part in malformed],
        [trace_id_of(part.traceparent) if part.traceparent else None for part in malformed],
        _clipped(queue, MAX_NAME),
        [part.again for part in malformed],
        [_name(part.source) for part in malformed],
    )
    for part in malformed:
        metrics.PARKED.labels(part.reason).inc()


def body_only(malformed: Malformed) -> Malformed:
    """The parts that can always be stored: the body, which is bytes, and the reason."""
    return replace(
        malformed, detail=UNSTORABLE, content_type="application/octet-stream", traceparent=None,
        headers={CUT: UNSTORABLE}, again=False,
    )  # fmt: skip


async def park_event(
    tx: Driver, queue: str, entry: Entry, lane: str, error: Exception, now: datetime
) -> None:
    """Park an event whose planning failed, and write its row as far as it can be stored. Idempotent
    under redelivery.

    Its idempotency key stays free, so that a redrive plans it.
    """
    body = single(entry)
    malformed = Malformed(
        reason_of(error),
        detail_of(error, "Planning"),
        body,
        ENVELOPE_CONTENT_TYPE,
        entry.tenant,
        entry.traceparent,
    )
    for text, document in (stored(entry.event, data_of(entry.event)), ("{}", None)):
        try:
            async with tx.transaction():
                # an event that is too slow to plan may be too slow for this row as well
                await tx.execute(NAMED_WITHIN)
                key = (entry.tenant, entry.source, entry.id)
                if not await tx.fetchval(KNOWN, *key, malformed.reason, text, body):
                    await park(tx, queue, [malformed])
                    await tx.execute(PARKED_EVENT, *_event_row(entry, lane, now, text, document))
            return
        except (asyncpg.DataError, asyncpg.ProgramLimitExceededError):
            continue
        except (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
            break
    await park(tx, queue, [replace(malformed, again=True)])


def _event_row(
    entry: Entry, lane: str, now: datetime, body: str, document: str | None
) -> tuple[Any, ...]:
    event = entry.event
    return (
        new_uuid(),
        entry.tenant,
        entry.source,
        entry.id,
        event.type,
        event.category,
        event.lane or lane,
        event.time,
        entry.accepted_at,
        now,
        body,
        document,
        trace_id_of(entry.traceparent),
    )


def _name(text: str | None) -> str | None:
    """A valid tenant or source, else None; a truncated name would belong to another."""
    return text if text is None or _clipped(text, MAX_NAME) == text else None


def _clipped(text: str, most: int = MAX_DETAIL) -> str:
    return text[:most].replace("\0", "\ufffd").encode(errors="replace").decode()
