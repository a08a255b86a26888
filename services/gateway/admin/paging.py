"""Keyset pages: one extra row is read to know whether there is a next page. Where a scan ended at
its bound, the next page goes on there, however few rows were found."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.ids import SUBSCRIBER_ID_PATTERN, SUBSCRIBER_ID_WORDS
from clarion.errors import BadRequest, FieldError, Invalid, NotFound
from clarion.http.cursors import ForeignCursor
from clarion.tokens.api_keys import ApiKey
from services.gateway.admin.access import Resources
from services.gateway.admin.scan import PageRows, Place
from services.gateway.admin.schemas import Page

ID = re.compile(SUBSCRIBER_ID_PATTERN)

Load = Callable[[AsyncConnection, Place | None, int], Awaitable[PageRows]]


async def page_of(
    deps: Resources,
    key: ApiKey,
    page: Page,
    load: Load,
    *,
    of: str,
    read: Sequence[Callable[[str], Any]],
) -> dict[str, Any]:
    """One page of the list `of`; `read` makes the values of a place in it from their texts.
    Raises `BadRequest` for a cursor of another list, tenant or filter."""
    filters = page.model_dump(mode="json", exclude={"cursor", "limit"}, exclude_none=True)
    about = (key.tenant, of, filters)
    after: Place | None = None
    if page.cursor:
        try:
            texts = deps.cursors.open(page.cursor, about=about, kind=tuple[str, ...])
            after = tuple(one(text) for one, text in zip(read, texts, strict=True))
        except (ForeignCursor, ValueError):
            raise _bad_cursor() from None
    found = await deps.database.run_core(lambda connection: load(connection, after, page.limit + 1))
    rows, end = found.rows[: page.limit], found.end
    if len(found.rows) > page.limit:
        end = rows[-1][1]
    cursor = None if end is None else deps.cursors.make([str(one) for one in end], about=about)
    return {"items": [row for row, _ in rows], "next_cursor": cursor}


def _bad_cursor() -> BadRequest:
    fault = FieldError("cursor", "must be the next_cursor of a page with the same filters")
    return BadRequest(
        "The cursor is not of this list with these filters. Leave it out to start again.",
        code="bad_cursor",
        errors=[fault],
    )


def valid_id_or_404(identifier: str, what: str) -> str:
    """Raises `NotFound` for an invalid id."""
    if not ID.match(identifier):
        raise not_found(what)
    return identifier


def valid_id_or_422(identifier: str) -> str:
    """Raises `Invalid` for an invalid id."""
    if not ID.match(identifier):
        fault = FieldError("id", f"must be {SUBSCRIBER_ID_WORDS}")
        raise Invalid("The id in the address is not valid.", errors=[fault])
    return identifier


def uuid_or_404(text: str, what: str) -> UUID:
    """Raises `NotFound` for an invalid id."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise not_found(what)


def not_found(what: str) -> NotFound:
    """The same answer for a missing object and one of another tenant."""
    return NotFound(f"There is no such {what}.")
