"""Which frame tells of a new version of a feed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from clarion.contracts.frames import ChangedFrame, NotificationFrame
from clarion.contracts.item import Item, ItemState


def live_frame(
    version: int,
    unread: int,
    states: Sequence[ItemState],
    entered: Sequence[Item],
    trace_id: str | None,
) -> NotificationFrame | ChangedFrame:
    """What a version did: one item that entered the view is told as a new one is; several stand
    whole in place of their states."""
    if len(entered) == 1:
        item = entered[0]
        return NotificationFrame(version=version, unread=unread, item=item, trace_id=trace_id)
    # An item has every field of its state, and more
    items = cast("list[ItemState]", list(entered or states))
    return ChangedFrame(version=version, unread=unread, items=items)
