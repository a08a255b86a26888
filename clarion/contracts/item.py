"""An item of the inbox and the part of it that a state change touches."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct


class Item(Struct, frozen=True):
    """A notification as its subscriber sees it; what is unset is `null`. `entered` is the version
    at which it entered the inbox or its snooze ended: what `up_to` is compared with."""

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
    entered: int
    created_at: datetime
    seen_at: datetime | None = None
    read_at: datetime | None = None
    archived_at: datetime | None = None
    snoozed_until: datetime | None = None
    image: str | None = None
    actor: str | None = None

    @property
    def state(self) -> ItemState:
        """The part that commands change."""
        return ItemState(
            id=self.id,
            version=self.version,
            entered=self.entered,
            seen_at=self.seen_at,
            read_at=self.read_at,
            archived_at=self.archived_at,
            snoozed_until=self.snoozed_until,
        )


class ItemState(Struct, frozen=True):
    """What a command changed of an item."""

    id: UUID
    version: int
    entered: int
    seen_at: datetime | None
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None
