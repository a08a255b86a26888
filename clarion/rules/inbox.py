"""What counts as unread: neither read, nor archived, nor snoozed."""

from __future__ import annotations

from typing import Protocol


class UnreadFacts(Protocol):
    """The fields of an item or its state that `is_unread` reads."""

    @property
    def read_at(self) -> object: ...

    @property
    def archived_at(self) -> object: ...

    @property
    def snoozed_until(self) -> object: ...


def is_unread(item: UnreadFacts) -> bool:
    """Whether the item counts as unread; `clarion.records.inboxes.IS_UNREAD` is the same in SQL."""
    return item.read_at is None and item.archived_at is None and item.snoozed_until is None
