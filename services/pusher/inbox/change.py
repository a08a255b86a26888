"""What a command did: the changes of its versions, and the inbox after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from clarion.contracts.frames import FeedCommand
from clarion.contracts.item import Item, ItemState


@dataclass(slots=True)
class Change:
    """The changes of one version, and the inbox after it: those of `items`, or those that `command`
    describes. `entered` has the whole items where they returned to view; `trace_id` is that of the
    last one's event."""

    version: int
    unread: int
    items: list[ItemState]
    entered: list[Item] = field(default_factory=list[Item])
    trace_id: str | None = None
    command: FeedCommand | None = None
    covered: int = 0
    """Items that `command` has changed."""

    @property
    def changed(self) -> int:
        return self.covered + len(self.items)

    def add_entered(self, item: Item, trace_id: str) -> None:
        """An item that returned to view, and the trace of its event."""
        self.entered.append(item)
        self.trace_id = trace_id


@dataclass(slots=True)
class Outcome:
    """The inbox after a command, and its changes in order of version."""

    version: int = 0
    unread: int = 0
    changes: list[Change] = field(default_factory=list[Change])
    changed_before: int = 0
    """Items changed by earlier attempts of the same command."""

    @property
    def changed(self) -> int:
        return self.changed_before + sum(change.changed for change in self.changes)
