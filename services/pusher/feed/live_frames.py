"""The frame for a new version of a feed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from clarion.contracts.frames import ChangedFrame, FeedCommand, NotificationFrame
from clarion.contracts.item import Item, ItemState


def live_frame(
    version: int,
    unread: int,
    states: Sequence[ItemState],
    entered: Sequence[Item],
    trace_id: str | None,
) -> NotificationFrame | ChangedFrame:
    """A `notification` frame for one item that entered the view, else a `changed` frame: with whole
    items where several entered, with states otherwise."""
    if len(entered) == 1:
        item = entered[0]
        return NotificationFrame(version=version, unread=unread, item=item, trace_id=trace_id)
    # An item has every field of its state, and more
    items = cast("list[ItemState]", list(entered or states))
    return ChangedFrame(version=version, unread=unread, items=items)


def command_frame(command: FeedCommand, unread: int) -> ChangedFrame:
    """The frame for a command on all items up to a version, live and in a replay."""
    return ChangedFrame(
        version=command.version,
        unread=unread,
        items=[],
        verb=command.verb,
        up_to=command.up_to,
        category=command.category,
        at=command.at,
    )
