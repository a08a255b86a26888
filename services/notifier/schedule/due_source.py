"""One kind of due work, as the dispatcher sees it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

TICK_S = 1.0
"""The longest wait of the dispatcher between two looks at a source."""


class Taken(NamedTuple):
    """What one transaction took: `rows`, and whether it was full, so that more may be due."""

    rows: int
    was_full: bool


class DueSource(Protocol):
    """Rows that become due. Any number of notifiers take from one source at once."""

    @property
    def name(self) -> str:
        """The label of its metrics and log events."""
        ...

    async def take(self) -> Taken:
        """Take, commit and publish one transaction of rows that are due now.

        Raises `TookTooLong` if a limit of the database was exceeded while the database answered:
        the next call takes fewer rows, or other ones.
        """
        ...

    async def next_due_s(self) -> float | None:
        """Seconds until the next row is due by the clock of the database, at most 0 if it is due.

        None if no row is due within the dispatcher's longest wait, or if rows that are due are
        passed over for now.
        """
        ...
