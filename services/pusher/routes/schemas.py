"""The request and response models of the REST routes."""

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

from clarion.contracts.error_words import ID_WORDS, described
from clarion.contracts.frames import MAX_COMMAND_IDS, FeedVerb
from clarion.contracts.moments import read_moment

CATEGORY_PATTERN = described(r"^[A-Za-z0-9._:@-]+$", ID_WORDS)
CategoryName = Annotated[str, Field(min_length=1, max_length=128, pattern=CATEGORY_PATTERN)]

Version = Annotated[int, Field(ge=0, le=2**53 - 1)]
Epoch = Annotated[
    str | None,
    Query(max_length=64, description="the epoch of `since`, from `welcome` or a page"),
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
    entered: int = Field(
        description="the version at which it entered the inbox or its snooze ended"
    )
    created_at: datetime
    seen_at: datetime | None
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None
    image: str | None
    actor: str | None


class InboxDocument(BaseModel):
    """A page of items with the inbox's `version` and `unread` of the same moment. Versions are
    comparable within one `epoch` only. `time` is the server's."""

    items: list[ItemDocument]
    next_cursor: str | None
    version: int
    unread: int
    epoch: str
    time: datetime


class CommandDocument(BaseModel):
    """A command on all items that entered by `up_to`, of one `category` if it has one. It sets what
    is unset, to `at`: `read` also `seen_at`; `archive` ends a snooze."""

    version: int
    verb: FeedVerb
    up_to: int
    category: str | None = None
    at: datetime


class ChangesDocument(InboxDocument):
    """The changes. Pass `version` and `epoch` next time as `since` and `epoch`. With `reset` the
    items are a snapshot that replaces everything received before.

    Apply the `commands` first, each to the items of earlier answers that entered by `up_to`, are of
    its `category` if it has one, and have a lower version; then the items of this answer."""

    commands: list[CommandDocument]
    reset: bool


class OutcomeDocument(BaseModel):
    """The inbox after a command, and the number of items it changed."""

    version: int
    unread: int
    changed: int


class Selection(BaseModel):
    """Either `ids`, or `up_to`: all items that entered by this version, of one `category` if it is
    given."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["ids"]}, {"required": ["up_to"]}]},
    )

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_COMMAND_IDS)] | None = None
    up_to: Annotated[Version, Field(strict=True)] | None = None
    category: CategoryName | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Selection:
        if (self.ids is None) == (self.up_to is None):
            raise ValueError("give either ids or up_to")
        if self.category is not None and self.up_to is None:
            raise ValueError("category goes with up_to, not with ids")
        return self


def read_until(value: object) -> object:
    """A time as in client frames: RFC 3339 with an offset. Raises `ValueError`."""
    moment = read_moment(value) if isinstance(value, str) else None
    if moment is None and value is not None:
        raise ValueError("write a time such as 2030-01-31T12:00:00Z, or null")
    return moment


class SnoozeSelection(Selection):
    """A selection and the end of its snooze."""

    until: Annotated[AwareDatetime | None, BeforeValidator(read_until)]
