"""The data of a plan between an event and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from asyncpg.pgproto.pgproto import UUID as DriverUUID

from clarion.contracts.announcement import feed_key
from clarion.contracts.decision import Decision
from clarion.contracts.envelope import Entry
from clarion.contracts.event import Event, Recipient, audience_of
from clarion.contracts.frames import NotificationFrame
from clarion.contracts.ids import next_id
from clarion.contracts.item import Item
from clarion.contracts.values import compact, jsonb_rewrites
from clarion.rules.decide import PlannedItem, Verdicts, decide
from clarion.rules.recipient_addresses import Addresses
from clarion.rules.workflow import Workflow

NULL = msgspec.Raw(b"null")

encode = msgspec.json.Encoder().encode


def data_of(event: Event) -> msgspec.Raw:
    """The event's data as published and stored: unchanged but for white space."""
    return NULL if event.data is msgspec.UNSET else msgspec.Raw(compact(event.data))


class Stored(NamedTuple):
    """A stored event: `body`, or `document` if JSONB would change the notation of its numbers."""

    body: str
    document: str | None


def stored(event: Event, data: msgspec.Raw) -> Stored:
    """The stored form of an event with this compact `data`."""
    described = () if isinstance(event.to, str) else _attributes(event)
    if jsonb_rewrites(data) or any(map(jsonb_rewrites, described)):
        return Stored("{}", compact(encode(event)).decode())
    return Stored(encode(event).decode(), None)


def _attributes(event: Event) -> Iterator[bytes]:
    for recipient in audience_of(event):
        if isinstance(recipient, Recipient) and recipient.attributes:
            yield compact(encode(recipient.attributes))


def new_uuid() -> UUID:
    """A UUIDv7; those of one process grow as its clock does.

    The driver's UUID class is three times faster to create and write than the library's.
    """
    return DriverUUID(next_id())


@dataclass(slots=True, eq=False)
class EventDraft:
    """An event whose idempotency key we claimed. `uid` is `events.id`; `data` is encoded JSON."""

    uid: UUID
    entry: Entry
    workflow: Workflow
    data: msgspec.Raw
    trace_id: str
    cancelled: bool = False
    """Cancelled before it was planned: no recipient gets it."""
    unreached: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    first_slice: str | None = None
    """The topic of the first slice if the audience is too large for one transaction."""


@dataclass(slots=True, eq=False)
class DeliveryDraft:
    """One notification on one channel other than the inbox."""

    id: UUID
    channel: str
    address: str
    until: datetime | None


@dataclass(slots=True, eq=False)
class Draft:
    """One event for one subscriber. `version` and `unread` are set after the inbox is locked."""

    id: UUID
    event: EventDraft
    subscriber: str
    decisions: list[Decision]
    deliveries: list[DeliveryDraft]
    item: PlannedItem | None
    version: int | None = None
    unread: int = 0

    @property
    def enters_inbox(self) -> bool:
        """Whether it enters the inbox now and so takes a version."""
        return self.item is not None and self.item.until is None

    @property
    def feed(self) -> str:
        """The feed of the subscriber."""
        return feed_key(self.event.entry.tenant, self.subscriber)


def draft_for(
    event: EventDraft,
    subscriber: str,
    addresses: Addresses,
    *,
    carried: frozenset[str],
    now: datetime,
) -> Draft:
    """Decide what `subscriber` gets of `event`."""
    verdicts = decide(event.workflow, addresses, carried=carried, now=now)
    return drafted(event, subscriber, verdicts)


def drafted(event: EventDraft, subscriber: str, verdicts: Verdicts) -> Draft:
    """The draft with these verdicts."""
    return Draft(
        new_uuid(),
        event,
        subscriber,
        verdicts.decisions,
        [DeliveryDraft(new_uuid(), *send) for send in verdicts.sends],
        verdicts.item,
    )


def frame_of(draft: Draft, created_at: datetime) -> bytes:
    """The WebSocket text of a draft that has a version."""
    event, workflow = draft.event, draft.event.workflow
    version = draft.version or 0
    item = Item(
        draft.id,
        event.entry.id,
        event.entry.event.type,
        workflow.category,
        workflow.title,
        workflow.body,
        workflow.url,
        event.data,
        workflow.lane,
        version,
        version,
        created_at,
        image=workflow.image,
        actor=workflow.actor,
    )
    frame = NotificationFrame(
        version=version, unread=draft.unread, item=item, trace_id=event.trace_id
    )
    return encode(frame)
