"""The part of an item that commands change."""

from __future__ import annotations

from typing import Any

from clarion.contracts.item import ItemState


def is_unread(item: ItemState) -> bool:
    """Whether the item counts as unread."""
    return item.read_at is None and item.archived_at is None and item.snoozed_until is None


def state_of(row: Any) -> ItemState:
    """What a command changed, from a row that it returned."""
    return ItemState(
        id=row["id"],
        version=row["version"],
        seen_at=row["seen_at"],
        read_at=row["read_at"],
        archived_at=row["archived_at"],
        snoozed_until=row["snoozed_until"],
    )
