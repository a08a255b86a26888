"""Answers of the history."""

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
"""Maximum difference between the time in an id and that of its row, set by another clock."""


class Decided(BaseModel):
    channel: str
    decision: Literal["send", "hold", "skip"]
    reason: str
    until: Time | None = None


class SentOn(BaseModel):
    """The outcome of one channel."""

    id: UUID
    channel: str
    state: str
    reason: str | None
    provider: str | None


class ReachedRecipient(BaseModel):
    subscriber: str | None = Field(description="null if the event has no audience")
    notification_id: UUID | None
    decisions: list[Decided]
    deliveries: list[SentOn]


class Moment(BaseModel):
    """One entry of a timeline."""

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
    """An accepted event and its outcome."""

    model_config = ConfigDict(extra="allow")

    id: str
    source: str
    type: str
    accepted_at: Time
    planned_at: Time
    state: Literal["planned", "parked"]
    parked: Parking | None = Field(description="the reason, while the parked message exists")
    recipients: list[ReachedRecipient] = Field(description="the first 1,000")
    more_recipients: bool
    more_to_plan: bool = Field(description="part of the large audience is not planned yet")
    conflicts: list[dict[str, Any]] = Field(description="other bodies received under this id")
    timeline: list[Moment]
    trace_id: str


class EventName(BaseModel):
    source: str
    id: str
    time: Time | None


class NotificationSummary(BaseModel):
    """The item as shown to its subscriber, with its owner and event."""

    id: UUID
    event_id: str
    type: str
    category: str | None
    title: str
    body: str | None
    url: str | None
    data: Any
    lane: str
    version: int | None = Field(description="null if it is not in the inbox")
    entered: int | None = Field(
        description="the version at which it entered the inbox or its snooze ended"
    )
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
    trace_id: str = Field(description="from the call that sent the event to the live frame")


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
    """Filters of the list of notifications; combined with AND."""

    subscriber: Identifier | None = None
    event: str | None = Field(
        default=None, min_length=1, max_length=256, pattern=NO_NUL, description="the event's id"
    )
    type: str | None = Field(default=None, max_length=128, pattern=NO_NUL)
    category: str | None = Field(default=None, max_length=128, pattern=NO_NUL)
    channel: Channel | None = Field(default=None, description="sent or held back on this channel")
    state: NotificationState | None = Field(default=None, description="of item or delivery")
    since: Bound | None = Field(default=None, description="created at or after")
    until: Bound | None = Field(default=None, description="created before")
    q: str | None = Field(default=None, min_length=2, max_length=200, pattern=NO_NUL)


class CapturePage(Page):
    """Filters of the list of captures; combined with AND."""

    delivery: UUID | None = None
    channel: Channel | None = None
    recipient: str | None = Field(default=None, max_length=320, pattern=NO_NUL)
    subscriber: Identifier | None = None


class Capture(BaseModel):
    """A message captured by a `capture://` provider."""

    id: UUID
    delivery: UUID
    notification: UUID | None
    subscriber: str | None
    channel: str
    recipient: str
    message: dict[str, Any]
    captured_at: Time


class Parked(BaseModel):
    """A message that could not be processed; `body` is its first 4,096 bytes as text."""

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
    """A message that could not be processed, with up to 256 KiB of its body."""

    id: UUID
    tenant: str | None
    queue: str
    reason: str
    detail: str
    content_type: str
    headers: dict[str, Any]
    size: int
    encoding: Literal["text", "base64"] = Field(description="of `body`; text if it is UTF-8")
    body: str
    truncated: bool
    trace_id: str | None
    parked_at: Time


class ParkedRedriven(BaseModel):
    id: UUID
    redriven: bool = Field(description="false if an earlier call did it")
