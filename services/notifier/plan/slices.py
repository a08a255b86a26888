"""Audiences too large for one transaction: the members of topics, `SLICE_SIZE` at a time.

The slices of one event are a chain: each opens the next in its own transaction. So no two run at
once, a crash resumes at a slice, and members of two topics are notified once. A slice continues
into the next topics until it has enough people or has read `MAX_MEMBERS` rows. The row in `slices`
shows whether a slice is still to be planned. A message for a planned slice is acknowledged without
effect, unless it was redelivered: then its first reader may have died between commit and publish.
Members who get nothing have a notification without version and deliveries, because
`events.unreached` would grow without bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from clarion.contracts.envelope import Entry
from clarion.contracts.event import Event
from clarion.contracts.slice import SLICE_CONTENT_TYPE, Slice
from clarion.records import workflows
from clarion.records.addresses import look_up
from clarion.records.cancellations import IS_CANCELLED
from clarion.records.deliveries import statement
from clarion.rules.recipient_addresses import NO_ADDRESSES, needs_address
from clarion.store.database import Driver
from clarion.telemetry.trace import continue_trace
from services.notifier.drafts import Draft, EventDraft, data_of, draft_for, encode
from services.notifier.failures import detail_of, reason_of
from services.notifier.messages.parser import Malformed
from services.notifier.parking.park import park
from services.notifier.plan.audience import audience_named
from services.notifier.plan.members import SliceStart, members_between, next_members
from services.notifier.plan.write import (
    PUBLISH_AGAIN_AFTER,
    stamp_versions,
    write_deliveries,
    write_notifications,
)
from services.notifier.publish.outbox import Outbox
from services.notifier.publish.readback import outbox_of, traceparent_from

_event = msgspec.json.Decoder(Event)

OPEN = """
INSERT INTO slices (event, topic, after, tenant, lane, due_at, trace_id)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""

TAKE = """
SELECT event, tenant, lane, next_topic, next_after, due_at, trace_id
FROM slices WHERE event = $1 AND topic = $2 AND after = $3 FOR UPDATE
"""

FINISH = """
UPDATE slices SET due_at = NULL, next_topic = $4, next_after = $5
WHERE event = $1 AND topic = $2 AND after = $3
"""

EVENT = statement(
    """
SELECT tenant, source, event_id, lane, accepted_at, trace_id,
       coalesce(document::text, body::text) AS body, {is_cancelled} AS cancelled
FROM events e WHERE id = $1
""",
    is_cancelled=IS_CANCELLED,
)

KNOWN = """
SELECT n.subscriber FROM unnest($2::text[]) AS m (subscriber)
JOIN notifications n ON n.event = $1 AND n.subscriber = m.subscriber
"""

WRITTEN = """
SELECT n.id FROM unnest($2::text[]) AS m (subscriber)
JOIN notifications n ON n.event = $1 AND n.subscriber = m.subscriber
"""

PENDING = """
SELECT EXISTS (
  SELECT 1 FROM slices WHERE event = $1 AND topic = $2 AND after = $3 AND due_at IS NOT NULL)
"""


async def open_slices(
    tx: Driver, events: Sequence[EventDraft], now: datetime
) -> list[tuple[str, Slice]]:
    """Write the first slice of every event whose audience exceeds one transaction."""
    opened: list[tuple[str, Slice]] = []
    for event in events:
        if event.first_slice is not None:
            opened.append(await _open(tx, event, SliceStart(event.first_slice, ""), now))
    return opened


async def plan_slice(
    tx: Driver, slice_: Slice, *, size: int, again: bool, carried: frozenset[str], now: datetime
) -> tuple[list[Draft], Outbox]:
    """Plan at most `size` people of one slice. If it was planned before, the outbox is empty, or
    with `again` has the messages that its first reader may not have published."""
    row: Any = await tx.fetchrow(TAKE, slice_.event, slice_.topic, slice_.after)
    if row is None or (row["due_at"] is None and not again):
        return [], Outbox()
    event = await _event_of(tx, slice_)
    place = SliceStart(slice_.topic, slice_.after)
    if row["due_at"] is None:
        return [], await _planned_before(tx, event, place, row)
    if event.cancelled:
        await tx.execute(FINISH, slice_.event, slice_.topic, slice_.after, None, None)
        return [], Outbox()
    named = audience_named(event)

    async def known(people: Sequence[str]) -> set[str]:
        rows: Any = await tx.fetch(KNOWN, event.uid, list(people))
        return {row[0] for row in rows} | named.people.keys()

    new, following = await next_members(tx, row["tenant"], named.topics, place, size, known)
    drafts = await _drafts(tx, event, new, carried, now)
    await stamp_versions(tx, drafts)
    await write_notifications(tx, drafts, now)
    await write_deliveries(tx, drafts, now)
    outbox = Outbox()
    if following is not None:
        outbox.slices.append(await _open(tx, event, following, now))
    next_topic, next_after = (following.topic, following.after) if following else (None, None)
    await tx.execute(FINISH, slice_.event, slice_.topic, slice_.after, next_topic, next_after)
    return drafts, outbox


async def park_slice(tx: Driver, slice_: Slice, queue: str, error: Exception) -> None:
    """Dead-letter the slice; dispatch does not publish it again."""
    malformed = Malformed(
        reason_of(error),
        detail_of(error, "Planning of a slice"),
        encode(slice_),
        SLICE_CONTENT_TYPE,
        traceparent=slice_.traceparent,
    )
    await park(tx, queue, [malformed])
    await tx.execute(FINISH, slice_.event, slice_.topic, slice_.after, None, None)


async def _open(
    tx: Driver, event: EventDraft, following: SliceStart, now: datetime
) -> tuple[str, Slice]:
    lane, entry = event.workflow.lane, event.entry
    again_at = now + PUBLISH_AGAIN_AFTER
    place = (event.uid, following.topic, following.after)
    await tx.execute(OPEN, *place, entry.tenant, lane, again_at, event.trace_id)
    return lane, Slice(1, *place, continue_trace(entry.traceparent))


async def _planned_before(tx: Driver, event: EventDraft, place: SliceStart, row: Any) -> Outbox:
    """The outbox of its present rows, with the next slice if that is still to be planned."""
    topics = audience_named(event).topics
    following = SliceStart(row["next_topic"], row["next_after"]) if row["next_topic"] else None
    members = await members_between(tx, row["tenant"], topics, place, following)
    written: Any = await tx.fetch(WRITTEN, event.uid, members)
    outbox = await outbox_of(tx, [row[0] for row in written])
    if following is not None:
        key = (row["event"], following.topic, following.after)
        if await tx.fetchval(PENDING, *key):
            outbox.slices.append((row["lane"], Slice(1, *key, traceparent_from(row["trace_id"]))))
    return outbox


async def _event_of(tx: Driver, slice_: Slice) -> EventDraft:
    row: Any = await tx.fetchrow(EVENT, slice_.event)
    event = _event.decode(row["body"])
    entry = Entry(
        row["event_id"],
        row["source"],
        row["tenant"],
        row["accepted_at"],
        slice_.traceparent,
        event,
    )
    workflow = workflows.resolve(entry.tenant, event, lane=row["lane"])
    data, trace_id = data_of(event), row["trace_id"]
    return EventDraft(slice_.event, entry, workflow, data, trace_id, row["cancelled"])


async def _drafts(
    tx: Driver,
    event: EventDraft,
    new: Sequence[str],
    carried: frozenset[str],
    now: datetime,
) -> list[Draft]:
    tenant = event.entry.tenant
    wanted = [(tenant, name) for name in new] if needs_address(event.workflow.channels) else []
    directory = await look_up(tx, wanted)
    return [
        draft_for(
            event, name, directory.get((tenant, name), NO_ADDRESSES), carried=carried, now=now
        )
        for name in new
    ]
