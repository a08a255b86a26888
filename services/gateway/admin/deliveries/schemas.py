"""Requests and answers of the calls on deliveries."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from clarion.contracts.event import Channel
from clarion.rules.delivery_states import State
from services.gateway.admin.history.schemas import Bound
from services.gateway.admin.schemas import NO_NUL, Given, Page, Time

DrivableState = Literal["failed", "dead", "bounced", "expired"]
MAX_REDRIVEN = 10_000


class Filters(Given):
    """Combined with AND."""

    channel: Channel | None = None
    provider: str | None = Field(
        default=None, max_length=128, pattern=NO_NUL, description="the last one tried"
    )
    reason: str | None = Field(default=None, max_length=128, pattern=NO_NUL)
    since: Bound | None = Field(default=None, description="created at or after")
    until: Bound | None = Field(default=None, description="created before")
    notification: UUID | None = None


class DeliveryPage(Filters, Page):
    """Filters of the list of deliveries; combined with AND."""

    state: State | None = None


class Redrive(Filters):
    """Which deliveries to redrive, and how fast. Requires a filter or `"all": true`."""

    state: DrivableState = "dead"
    all: bool = Field(default=False, description="required without a filter")
    preview: bool = Field(default=False, description="only count, change nothing")
    rate_per_s: float = Field(
        default=50, gt=0, le=1_000, description="deliveries due per second, starting now"
    )

    @model_validator(mode="after")
    def _check_filter(self) -> Redrive:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if not (self.all or self.preview or given & FILTERS):
            raise ValueError(f'give a filter ({", ".join(sorted(FILTERS))}) or "all": true')
        return self


FILTERS = frozenset(Filters.model_fields) | {"state"}


class DeliverySummary(BaseModel):
    """One notification on one channel."""

    id: UUID
    notification: UUID
    subscriber: str | None
    channel: str
    lane: str
    state: str
    reason: str | None
    provider: str | None
    recipient: str | None
    attempt_count: int
    due_at: Time | None
    expires_at: Time | None
    created_at: Time
    updated_at: Time
    trace_id: str


class Retried(BaseModel):
    """The current delivery."""

    id: UUID
    state: str
    due_at: Time | None
    retried: bool = Field(description="false if it was on its way or sent already")


class RedrivePreview(BaseModel):
    count: int = Field(description="current matches; one call redrives at most 10,000 of them")


class Redriven(BaseModel):
    redriven: int
    until: Time | None = Field(description="due time of the last one")


class NotStopped(BaseModel):
    delivery: UUID
    state: str


class Cancelled(BaseModel):
    """The cancelled deliveries, and those that could not be stopped."""

    cancelled: int = Field(description="number of deliveries and of items held back from an inbox")
    not_stopped: list[NotStopped] = Field(
        description="being sent or sent, the first 1,000; none of these is retried"
    )
    more_not_stopped: bool
