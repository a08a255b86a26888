"""What happened, as OpenAPI shows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from clarion.contracts.error_words import TIME_WORDS
from clarion.contracts.event import Channel
from clarion.contracts.moments import read_moment
from services.gateway.admin.schemas import NO_NUL, Identifier, Page, Time

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the time in an id may lie from that of its row, which another clock has set."""


class Decided(BaseModel):
    channel: str
    decision: Literal["send", "hold", "skip"]
    reason: str
    until: Time | None = None


class SentOn(BaseModel):
    """What became of one channel that was to be sent."""

    id: UUID
    channel: str
    state: str
    reason: str | None
    provider: str | None


class ReachedRecipient(BaseModel):
    subscriber: str | None = Field(description="null where the event has no audience")
    notification_id: UUID | None
    decisions: list[Decided]
    deliveries: list[SentOn]


class Moment(BaseModel):
    """One thing that happened."""

    at: Time
    what: str
    channel: str | None = None
    detail: str


class Parking(BaseModel):
    """The parked message that holds the event."""

    id: UUID
    reason: str
    detail: str


class EventRecord(BaseModel):
    """An event as accepted, and what became of it."""

    model_config = ConfigDict(extra="allow")

    id: str
    source: str
    type: str
    accepted_at: Time
    planned_at: Time
    state: Literal["planned", "parked"]
    parked: Parking | None = Field(description="why, as long as the message lies there")
    recipients: list[ReachedRecipient] = Field(description="the first 1,000")
    more_recipients: bool
    more_to_plan: bool = Field(description="the audience is large, and not all of it planned yet")
    conflicts: list[dict[str, Any]] = Field(description="other bodies that came under this id")
    timeline: list[Moment]
    trace_id: str


class EventName(BaseModel):
    source: str
    id: str
    time: Time | None


class NotificationSummary(BaseModel):
    """The item as its subscriber sees it, whose it is, and of which event."""

    id: UUID
    event_id: str
    type: str
    category: str | None
    title: str
    body: str | None
    url: str | None
    data: Any
    lane: str
    version: int | None = Field(description="null where it is not in the inbox")
    created_at: Time
    seen_at: Time | None
    read_at: Time | None
    archived_at: Time | None
    snoozed_until: Time | None
    image: str | None
    actor: str | None
    subscriber: str
    event: EventName


class Attempt(BaseModel):
    n: int
    provider: str
    started_at: Time
    duration_ms: int
    outcome: str
    code: str | None
    detail: str | None
    provider_id: str | None


class Delivery(BaseModel):
    id: UUID
    channel: str
    state: str
    reason: str | None
    provider: str | None
    due_at: Time | None
    attempts: list[Attempt]


class NotificationRecord(NotificationSummary):
    decisions: list[Decided]
    deliveries: list[Delivery]
    timeline: list[Moment]
    trace_id: str = Field(description="from the call that brought the event to the frame")


NotificationState = Literal[
    "seen", "unseen", "read", "unread", "archived", "snoozed",
    "scheduled", "queued", "sending", "sent", "delivered", "failed", "dead", "bounced",
    "skipped", "cancelled", "expired",
]  # fmt: skip


def _read_time(value: object) -> object:
    if isinstance(value, datetime):
        return value
    moment = read_moment(value) if isinstance(value, str) else None
    if moment is None:
        raise ValueError(TIME_WORDS)
    return moment


def _in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("must lie between the years 1970 and 9998")
    return moment


Bound = Annotated[AwareDatetime, BeforeValidator(_read_time), AfterValidator(_in_range)]


class NotificationPage(Page):
    """Filters of the list of notifications; all that are given hold."""

    subscriber: Identifier | None = None
    event: str | None = Field(
        default=None, min_length=1, max_length=256, pattern=NO_NUL, description="the event's id"
    )
    type: str | None = Field(default=None, max_length=128, pattern=NO_NUL)
    category: str | None = Field(default=None, max_length=128, pattern=NO_NUL)
    channel: Channel | None = Field(default=None, description="sent or held on this channel")
    state: NotificationState | None = Field(default=None, description="of item or delivery")
    since: Bound | None = Field(default=None, description="created at or after")
    until: Bound | None = Field(default=None, description="created before")
    q: str | None = Field(default=None, min_length=2, max_length=200, pattern=NO_NUL)


class CapturePage(Page):
    """Filters of the list of captures; all that are given hold."""

    delivery: UUID | None = None
    channel: Channel | None = None
    recipient: str | None = Field(default=None, max_length=320, pattern=NO_NUL)
    subscriber: Identifier | None = None


class Capture(BaseModel):
    """What a `capture://` provider would have sent."""

    id: UUID
    delivery: UUID
    notification: UUID | None
    subscriber: str | None
    channel: str
    recipient: str
    message: dict[str, Any]
    captured_at: Time


class Parked(BaseModel):
    """A message that could not be worked on; `body` holds its first 4,096 bytes as text."""

    id: UUID
    tenant: str | None
    queue: str
    reason: str
    detail: str
    content_type: str
    headers: dict[str, Any]
    size: int
    body: str
    trace_id: str | None
    parked_at: Time


class ParkedWhole(BaseModel):
    """A message that could not be worked on, with up to 256 KiB of its body."""

    id: UUID
    tenant: str | None
    queue: str
    reason: str
    detail: str
    content_type: str
    headers: dict[str, Any]
    size: int
    encoding: Literal["text", "base64"] = Field(description="of `body`; text where it is UTF-8")
    body: str
    truncated: bool
    trace_id: str | None
    parked_at: Time


class ParkedRedriven(BaseModel):
    id: UUID
    redriven: bool = Field(description="false where an earlier call has done it")
