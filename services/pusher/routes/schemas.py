"""What the REST takes, and what it gives, for OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from clarion.contracts.frames import MAX_COMMAND_IDS
from clarion.contracts.moments import read_moment

Version = Annotated[int, Field(ge=0, le=2**53 - 1)]
Epoch = Annotated[
    str | None,
    Query(max_length=64, description="that `since` belongs to, as `welcome` or a page says"),
]


class ItemDocument(BaseModel):
    """A notification as its subscriber sees it; what is unset is `null`."""

    id: UUID
    event_id: str
    type: str
    category: str | None
    title: str
    body: str | None
    url: str | None
    data: Any
    lane: str
    version: int
    created_at: datetime
    seen_at: datetime | None
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None
    image: str | None
    actor: str | None


class InboxDocument(BaseModel):
    """A page of items; `version` and `unread` are the inbox's, of the same moment. Versions compare
    within one `epoch` only. `time` is that of the server."""

    items: list[ItemDocument]
    next_cursor: str | None
    version: int
    unread: int
    epoch: str
    time: datetime


class ChangesDocument(InboxDocument):
    """What changed. `version` and `epoch` are what to say next, as `since` and `epoch`. With
    `reset` the items are a snapshot, to be taken instead of all that one had."""

    reset: bool


class OutcomeDocument(BaseModel):
    """The inbox after a command, and how many items it changed."""

    version: int
    unread: int
    changed: int


class Selection(BaseModel):
    """Either `ids`, or `up_to`: all items with a version of at most this."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["ids"]}, {"required": ["up_to"]}]},
    )

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_COMMAND_IDS)] | None = None
    up_to: Annotated[Version, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Selection:
        if (self.ids is None) == (self.up_to is None):
            raise ValueError("give either ids or up_to")
        return self


def read_until(value: object) -> object:
    """A time as a client frame spells it: RFC 3339 text with an offset."""
    moment = read_moment(value) if isinstance(value, str) else None
    if moment is None and value is not None:
        raise ValueError("write a time such as 2030-01-31T12:00:00Z, or null")
    return moment


class SnoozeSelection(Selection):
    """A selection, and until when it is snoozed."""

    until: Annotated[AwareDatetime | None, BeforeValidator(read_until)]
