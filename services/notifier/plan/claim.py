"""Deduplication by idempotency key: finds the new events of a batch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from clarion.contracts.envelope import Entry
from clarion.contracts.event import Event, Recipient, audience_of
from clarion.contracts.values import may_hold_nul, nul_paths
from clarion.store.database import Driver
from services.notifier.drafts import data_of, encode, new_uuid, stored

MAX_CONFLICTS = 10
"""Stored conflicting bodies per id."""

_encode_stably = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode

CLAIM = """
INSERT INTO event_keys (tenant, source, event_id, event, digest)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bytea[])
         AS k (tenant, source, event_id, event, digest)
ORDER BY tenant, source, event_id
ON CONFLICT DO NOTHING
RETURNING event, (
  SELECT max(coalesce(c.accepted_before, '9999-01-01Z')) FROM cancellations c
  WHERE c.tenant = event_keys.tenant AND c.event_id = event_keys.event_id
    AND c.source IN (event_keys.source, '')), now()
"""
"""Returns also the time before which accepted events with this key are cancelled, if any, and the
time of the transaction by the database's clock."""

TAKEN = """
SELECT k.tenant, k.source, k.event_id, k.event, k.digest
FROM event_keys k
JOIN unnest($1::text[], $2::text[], $3::text[]) AS d (tenant, source, event_id)
USING (tenant, source, event_id)
"""

COUNT_DUPLICATES = """
WITH again AS (
  SELECT e.id, d.times, e.duplicates AS earlier FROM events e
  JOIN unnest($1::uuid[], $2::int[]) AS d (id, times) ON e.id = d.id
  ORDER BY e.id FOR UPDATE OF e)
UPDATE events e SET duplicates = e.duplicates + again.times, duplicate_at = $3
FROM again WHERE e.id = again.id
RETURNING e.id, again.earlier
"""
"""Counts repeats by callers and redeliveries by the broker alike: they cannot be told apart."""

RECORD_CONFLICT = """
UPDATE events SET conflicts = conflicts || $2::jsonb
WHERE id = $1 AND jsonb_array_length(conflicts) < $3
  AND NOT conflicts @> jsonb_build_array(jsonb_build_object('digest', $4::text))
"""


EventKey = tuple[str, str, str]
"""(tenant, source, id): the idempotency key."""


@dataclass(frozen=True, slots=True, eq=False)
class Duplicate:
    """A repeated event. `uid` is the `events.id` of the first; `conflict` is the digest of this
    body if its content differs."""

    entry: Entry
    uid: UUID
    conflict: bytes | None


class ClaimedEvent(NamedTuple):
    """An event whose key we claimed. `uid` is its `events.id`; `cancelled` if it was cancelled
    before it was planned."""

    uid: UUID
    entry: Entry
    cancelled: bool


@dataclass(frozen=True, slots=True)
class BatchClaims:
    """The new events and the duplicates of a batch."""

    fresh: list[ClaimedEvent]
    duplicates: list[Duplicate]
    now: datetime | None
    """The time of the transaction; None without new events."""


class Unstorable(ValueError):
    """An event with content that PostgreSQL cannot store."""


def key_of(entry: Entry) -> EventKey:
    """The idempotency key of an event."""
    return entry.tenant, entry.source, entry.id


def digest_of(entry: Entry) -> bytes:
    """A hash of the content of an event, independent of notation, without id, source and time.
    Raises `Unstorable`."""
    event = entry.event
    content = (
        event.type,
        [_described(recipient) for recipient in audience_of(event)],
        None if event.data is msgspec.UNSET else _value_of(event.data),
        event.content,
        event.channels,
        event.category,
        event.lane or "normal",
        event.send_at,
        event.expires_at,
    )
    return hashlib.blake2b(_encode_stably(content), digest_size=16).digest()


def _described(recipient: str | Recipient) -> object:
    """A recipient with attributes in canonical notation."""
    if isinstance(recipient, str) or not recipient.attributes:
        return recipient
    values = {
        name: msgspec.Raw(_encode_stably(_value_of(value)))
        for name, value in recipient.attributes.items()
    }
    return msgspec.structs.replace(recipient, attributes=values)


def _value_of(raw: msgspec.Raw) -> object:
    written = bytes(raw)
    value = _decode(written)
    if may_hold_nul(written) and any(nul_paths(value, "")):
        raise Unstorable("it holds the character U+0000")
    return value


async def claim_keys(tx: Driver, entries: Sequence[Entry]) -> BatchClaims:
    """Insert the keys of all events: inserted ones are fresh, the others duplicates.

    Waits for transactions that hold one of the keys; afterwards their rows are visible.
    """
    digests = [digest_of(entry) for entry in entries]
    uids = [new_uuid() for _ in entries]
    rows: Any = await tx.fetch(CLAIM, *_keys(entries), uids, digests)
    now: datetime | None = rows[0][2] if rows else None
    ours: dict[UUID, datetime | None] = {row[0]: row[1] for row in rows}
    fresh = [
        ClaimedEvent(uid, entry, _is_before(entry, ours[uid]))
        for entry, uid in zip(entries, uids, strict=True)
        if uid in ours
    ]
    if len(fresh) == len(entries):
        return BatchClaims(fresh, [], now)
    again = [
        (entry, digest)
        for entry, uid, digest in zip(entries, uids, digests, strict=True)
        if uid not in ours
    ]
    return BatchClaims(fresh, await _duplicates(tx, again), now)


async def record_duplicates(
    tx: Driver, duplicates: Sequence[Duplicate], now: datetime
) -> set[UUID]:
    """Count repeats on their events, and store conflicting bodies: each once, at most
    `MAX_CONFLICTS`. Returns the events with their first repeat."""
    if not duplicates:
        return set()
    again = Counter(duplicate.uid for duplicate in duplicates)
    counted: Any = await tx.fetch(COUNT_DUPLICATES, list(again), list(again.values()), now)
    conflicts = [duplicate for duplicate in duplicates if duplicate.conflict is not None]
    for duplicate in sorted(conflicts, key=lambda duplicate: duplicate.uid):
        digest = (duplicate.conflict or b"").hex()
        record = {"at": now, "digest": digest} | _kept(duplicate.entry.event)
        await tx.execute(
            RECORD_CONFLICT, duplicate.uid, encode([record]).decode(), MAX_CONFLICTS, digest
        )
    return {row[0] for row in counted if row[1] == 0}


def _kept(event: Event) -> dict[str, Any]:
    body, text = stored(event, data_of(event))
    return {"body": msgspec.Raw(body.encode())} if text is None else {"text": text}


async def _duplicates(tx: Driver, again: list[tuple[Entry, bytes]]) -> list[Duplicate]:
    rows: Any = await tx.fetch(TAKEN, *_keys([entry for entry, _ in again]))
    taken: dict[EventKey, tuple[UUID, bytes]] = {
        (row[0], row[1], row[2]): (row[3], row[4]) for row in rows
    }
    duplicates: list[Duplicate] = []
    for entry, digest in again:
        uid, stored = taken[key_of(entry)]
        duplicates.append(Duplicate(entry, uid, None if digest == stored else digest))
    return duplicates


def _keys(entries: Sequence[Entry]) -> tuple[list[str], list[str], list[str]]:
    return (
        [entry.tenant for entry in entries],
        [entry.source for entry in entries],
        [entry.id for entry in entries],
    )


def _is_before(entry: Entry, moment: datetime | None) -> bool:
    return moment is not None and entry.accepted_at <= moment
