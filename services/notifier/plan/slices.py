"""Audiences too large for one transaction: the members of topics, `SLICE_SIZE` at a time.

The slices of one event are a chain: each opens the next in its own transaction, so no two run at
once, a crash resumes at a slice, and whoever is in two topics is found to have the notification
already. The row in `slices` says whether a slice is still to be planned. Members who get nothing
have a notification without version and deliveries, for `events.unreached` would grow without bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from clarion.contracts.envelope import Entry
from clarion.contracts.event import Event
from clarion.contracts.slice import SLICE_CONTENT_TYPE, SLICE_SIZE, Slice
from clarion.store.cancellations import IS_CANCELLED
from clarion.store.database import Driver
from clarion.store.delivery_states import statement
from clarion.telemetry.trace import continue_trace
from services.notifier.decide import Subscriber, default_workflow, needs_address
from services.notifier.intake import Malformed
from services.notifier.outbox import Outbox
from services.notifier.plan.audience import audience_named, look_up
from services.notifier.plan.drafts import Draft, EventDraft, data_of, draft_for, encode
from services.notifier.plan.park import park
from services.notifier.plan.readback import outbox_of, traceparent_from
from services.notifier.plan.write import (
    PUBLISH_AGAIN_AFTER,
    stamp_versions,
    write_deliveries,
    write_notifications,
)

_event = msgspec.json.Decoder(Event)

OPEN = """
INSERT INTO slices (event, topic, after, tenant, lane, due_at, trace_id)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""

TAKE = "SELECT * FROM slices WHERE event = $1 AND topic = $2 AND after = $3 FOR UPDATE"

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

MEMBERS = """
SELECT subscriber FROM topic_members
WHERE tenant = $1 AND topic = $2 AND subscriber > $3 ORDER BY subscriber LIMIT $4
"""

KNOWN = "SELECT subscriber FROM notifications WHERE event = $1 AND subscriber = ANY($2::text[])"

WRITTEN = "SELECT id FROM notifications WHERE event = $1 AND subscriber = ANY($2::text[])"


@dataclass(frozen=True, slots=True)
class Next:
    """Where the chain goes on."""

    topic: str
    after: str


async def open_slices(
    tx: Driver, events: Sequence[EventDraft], now: datetime
) -> list[tuple[str, Slice]]:
    """Write the first slice of every event that has more people than one transaction takes."""
    opened: list[tuple[str, Slice]] = []
    for event in events:
        if event.first_slice is not None:
            opened.append(await _open(tx, event, Next(event.first_slice, ""), now))
    return opened


async def plan_slice(
    tx: Driver, piece: Slice, *, carried: frozenset[str], now: datetime
) -> tuple[list[Draft], Outbox]:
    """Plan one slice; read back what it wrote where it was planned before."""
    row: Any = await tx.fetchrow(TAKE, piece.event, piece.topic, piece.after)
    if row is None:
        return [], Outbox()
    if row["due_at"] is None:
        return [], await _planned_before(tx, piece, row)
    event = await _event_of(tx, piece)
    if event.cancelled:
        await tx.execute(FINISH, piece.event, piece.topic, piece.after, None, None)
        return [], Outbox()
    members = await _members(tx, event.entry.tenant, piece)
    drafts = await _drafts(tx, event, members, carried, now)
    await stamp_versions(tx, drafts)
    await write_notifications(tx, drafts, now)
    await write_deliveries(tx, drafts, now)
    following = _next_of(event, piece, members)
    outbox = Outbox()
    if following is not None:
        outbox.slices.append(await _open(tx, event, following, now))
    next_topic, next_after = (following.topic, following.after) if following else (None, None)
    await tx.execute(FINISH, piece.event, piece.topic, piece.after, next_topic, next_after)
    return drafts, outbox


async def park_slice(tx: Driver, piece: Slice, queue: str, error: Exception) -> None:
    """Keep the slice in `parked`; dispatch does not publish it again."""
    detail = f"Planning of a slice failed: {type(error).__name__}: {error}"
    body = encode(piece)
    found = Malformed(
        "planning_failed", detail, body, SLICE_CONTENT_TYPE, traceparent=piece.traceparent
    )
    await park(tx, queue, [found])
    await tx.execute(FINISH, piece.event, piece.topic, piece.after, None, None)


async def _open(tx: Driver, event: EventDraft, following: Next, now: datetime) -> tuple[str, Slice]:
    lane, entry = event.workflow.lane, event.entry
    again_at = now + PUBLISH_AGAIN_AFTER
    place = (event.uid, following.topic, following.after)
    await tx.execute(OPEN, *place, entry.tenant, lane, again_at, event.trace_id)
    return lane, Slice(1, *place, continue_trace(entry.traceparent))


async def _planned_before(tx: Driver, piece: Slice, row: Any) -> Outbox:
    members = await _members(tx, row["tenant"], piece)
    written: Any = await tx.fetch(WRITTEN, piece.event, members)
    outbox = await outbox_of(tx, [one[0] for one in written])
    if row["next_topic"] is not None:
        place = (row["event"], row["next_topic"], row["next_after"])
        piece = Slice(1, *place, traceparent_from(row["trace_id"]))
        outbox.slices.append((row["lane"], piece))
    return outbox


async def _event_of(tx: Driver, piece: Slice) -> EventDraft:
    row: Any = await tx.fetchrow(EVENT, piece.event)
    event = _event.decode(row["body"])
    entry = Entry(
        row["event_id"],
        row["source"],
        row["tenant"],
        row["accepted_at"],
        piece.traceparent,
        event,
    )
    workflow = default_workflow(event, row["lane"])
    data, trace_id = data_of(event), row["trace_id"]
    return EventDraft(piece.event, entry, workflow, data, trace_id, row["cancelled"])


async def _members(tx: Driver, tenant: str, piece: Slice) -> list[str]:
    rows: Any = await tx.fetch(MEMBERS, tenant, piece.topic, piece.after, SLICE_SIZE)
    return [row[0] for row in rows]


async def _drafts(
    tx: Driver,
    event: EventDraft,
    members: Sequence[str],
    carried: frozenset[str],
    now: datetime,
) -> list[Draft]:
    tenant = event.entry.tenant
    rows: Any = await tx.fetch(KNOWN, event.uid, list(members))
    known = {row[0] for row in rows} | audience_named(event).people.keys()
    new = [name for name in members if name not in known]
    wanted = [(tenant, name) for name in new] if needs_address(event.workflow) else []
    people = await look_up(tx, wanted)
    return [
        draft_for(event, people.get((tenant, name)) or Subscriber(name), carried=carried, now=now)
        for name in new
    ]


def _next_of(event: EventDraft, piece: Slice, members: Sequence[str]) -> Next | None:
    if len(members) == SLICE_SIZE:
        return Next(piece.topic, members[-1])
    later = [topic for topic in audience_named(event).topics if topic > piece.topic]
    return Next(later[0], "") if later else None
