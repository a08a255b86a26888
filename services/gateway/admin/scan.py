"""Bounded scans: a page of a list looks at a bounded number of rows, whatever its filters match.

Each list walks one index in the order of its page, at most `MAX_ROWS_SCANNED` rows of it, and the
remaining filters are applied to what the walk yields. A walk that ends at the bound gives a cursor
even where it found nothing, so a client goes on while `next_cursor` is set. Nothing is left to
estimates: the column before those that sort is bounded by a range and sorted by as well, so only
the index that begins with these columns has the order, and `BY_INDEX_ONLY` rules out sorts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    TextClause,
    and_,
    func,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import lowest_id_at
from clarion.store.by_index import BY_INDEX_ONLY
from services.gateway.admin.history.schemas import CLOCKS_DIFFER, EARLIEST

MAX_ROWS_SCANNED = 10_000
"""Rows that one page looks at, where its filters read nothing but the row."""
MAX_ROWS_JOINED = 500
"""Rows that one page looks at, where for each of them others are looked up."""

Place = tuple[Any, ...]
Row = dict[str, Any]
Matches = Callable[[Any], Sequence[ColumnElement[bool]]]
"""The conditions that a walk leaves over, on the columns that it yields."""


class Span(Protocol):
    """The period of a list."""

    since: datetime | None
    until: datetime | None


class PageRows(NamedTuple):
    """What was found for a page: rows, each with its place, one more than the page holds where
    there are more; and the place where a scan ended at its bound."""

    rows: list[tuple[Row, Place]]
    end: Place | None = None


@dataclass(frozen=True, slots=True)
class Walk:
    """A way through an index from its end, without the filters that the index does not serve."""

    source: FromClause
    pinned: tuple[ColumnElement[Any], Any]
    """The column before those that sort, and its value."""
    by: tuple[ColumnElement[Any], ...]
    """The columns that sort, descending."""
    where: tuple[ColumnElement[bool] | TextClause, ...] = ()
    """Equality of the columns before the pinned one, and the predicate of a partial index."""
    rows: int = MAX_ROWS_SCANNED

    def select(
        self, after: Place | None, lowest: Place | None = None, columns: Sequence[Any] = ()
    ) -> Select[Any]:
        """The next rows after a place, down to the lowest. Each end is one condition: of two, the
        index may begin at the wrong one."""
        column, value = self.pinned
        place = tuple_(column, *self.by)
        upper = column <= value if after is None else place < tuple_(value, *after)
        lower = column >= value if lowest is None else place >= tuple_(value, *lowest)
        return (
            select(*(columns or (self.source,)))
            .where(upper, lower, *self.where)
            .order_by(column.desc(), *(one.desc() for one in self.by))
            .limit(self.rows)
        )

    def within(self, span: Span, after: Place | None) -> Select[Any]:
        """As `select`, for ids in a period."""
        lowest = None
        if span.since is not None:
            lowest = (lowest_id_at(max(span.since - CLOCKS_DIFFER, EARLIEST)),)
        if span.until is not None:
            highest = (lowest_id_at(span.until + CLOCKS_DIFFER),)
            after = highest if after is None else min(after, highest)
        return self.select(after, lowest)


def matching(walked: Select[Any], rows: int, limit: int, matches: Matches) -> Select[Any]:
    """The first `limit` matches of what is walked, and the last of its `rows` where there are as
    many; `is_match` and `is_end` tell, `looked_at` numbers them in the order of the walk."""
    inner = walked.subquery("walked")
    seen = select(inner, func.row_number().over().label("looked_at")).subquery("seen")
    match = func.coalesce(and_(true(), *matches(seen.c)), False)
    end = seen.c.looked_at == rows
    return (
        select(seen, match.label("is_match"), end.label("is_end")).where(match | end).limit(limit)
    )


def in_period(column: ColumnElement[Any], span: Span) -> list[ColumnElement[bool]]:
    """Conditions that a time is in the period; ids, which `Walk.within` bounds, come from other
    clocks."""
    conditions: list[ColumnElement[bool]] = []
    if span.since is not None:
        conditions.append(column >= span.since)
    if span.until is not None:
        conditions.append(column < span.until)
    return conditions


async def by_index_only(connection: AsyncConnection) -> None:
    """For the rest of the transaction (`clarion.store.by_index`)."""
    await connection.execute(text(BY_INDEX_ONLY))


async def find(
    connection: AsyncConnection,
    statement: Select[Any],
    by: Sequence[str],
    show: Callable[[RowMapping], Row] = dict,
) -> PageRows:
    """The rows of a statement of `matching` (or of one without more filters than its index has),
    placed by these columns."""
    await by_index_only(connection)
    rows = list((await connection.execute(statement)).mappings())
    rows.sort(key=lambda row: row.get("looked_at", 0))
    return PageRows([(show(row), _place(row, by)) for row in rows if row.get("is_match", True)],
                 next((_place(row, by) for row in rows if row.get("is_end")), None))  # fmt: skip


def _place(row: RowMapping, by: Iterable[str]) -> Place:
    return tuple(row[name] for name in by)
