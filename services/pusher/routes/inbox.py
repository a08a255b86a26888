"""`/v1/inbox`: the list, the changes and the commands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from msgspec import Struct
from starlette.responses import Response

from clarion.contracts.frames import FeedCommand
from clarion.contracts.item import Item
from services.pusher.engine import Engine
from services.pusher.inbox.command import InboxCommand, Verb
from services.pusher.inbox.cursors import MAX_CHARACTERS, Place, read_cursor, write_cursor
from services.pusher.inbox.history import MAX_ID, PAGE_SIZE, FeedPage, FeedPosition
from services.pusher.inbox.listing import InboxFilter, list_inbox
from services.pusher.routes.caller import Subscriber
from services.pusher.routes.idempotency_keys import idempotency_key
from services.pusher.routes.limited import QUOTA_HEADERS, limited_problems
from services.pusher.routes.schemas import (
    CATEGORY_PATTERN,
    ChangesDocument,
    Epoch,
    InboxDocument,
    OutcomeDocument,
    Selection,
    SnoozeSelection,
    Version,
)

IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]

CHANGES = "changes"
PROBLEMS = limited_problems(400, 401, 413, 422, 503)

Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE)]
Cursor = Annotated[
    str | None, Query(max_length=MAX_CHARACTERS, description="`next_cursor` of the page before")
]
Category = Annotated[
    str | None,
    Query(min_length=1, max_length=128, pattern=CATEGORY_PATTERN),
]

router = APIRouter(prefix="/v1/inbox", tags=["inbox"], responses=PROBLEMS)


class InboxAnswer(Struct):
    """As `InboxDocument`."""

    items: list[Item]
    next_cursor: str | None
    version: int
    unread: int
    epoch: str
    time: datetime


class ChangesAnswer(InboxAnswer):
    """As `ChangesDocument`."""

    commands: list[FeedCommand]
    reset: bool


class OutcomeAnswer(Struct):
    """As `OutcomeDocument`."""

    version: int
    unread: int
    changed: int


def answer(body: Struct) -> Response:
    """Uncacheable JSON."""
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(body), headers=headers, media_type="application/json")


def engine_of(request: Request) -> Engine:
    return request.app.state.pusher


def documented(model: Any) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of a route that returns `answer`."""
    return {200: {"model": model, "headers": QUOTA_HEADERS}}


@router.get("", summary="The items of an inbox, newest first", responses=documented(InboxDocument))
async def inbox(
    request: Request,
    subscriber: Subscriber,
    state: InboxFilter = "inbox",
    category: Category = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """`state`: `inbox` (neither archived nor snoozed), `unread` (of those), `archived`,
    `snoozed`, or `all`. A page looks at a bounded number of items, so it may be short or empty:
    continue with `next_cursor` while it is set."""
    name = f"inbox {state} {category or ''}"
    before = read_cursor(cursor, name).id if cursor is not None else MAX_ID
    page = await list_inbox(
        engine_of(request).database,
        subscriber.tenant,
        subscriber.subscriber,
        state=state,
        category=category,
        before=before,
        limit=limit,
    )
    further = None if page.end is None else write_cursor(Place(0, page.end), name)
    now = datetime.now(UTC)
    return answer(InboxAnswer(page.items, further, page.head, page.unread, page.epoch, now))


@router.get("/changes", summary="Changes since a version", responses=documented(ChangesDocument))
async def changes(
    request: Request,
    subscriber: Subscriber,
    since: Annotated[Version, Query(description="the last version received")],
    epoch: Epoch = None,
    limit: Limit = PAGE_SIZE,
    cursor: Cursor = None,
) -> Response:
    """Exactly the items whose version is greater than `since`, as they are now, in order of
    version, and the `commands` between them: apply these first. Continue with `next_cursor` while
    it is set. For a `since` of another epoch, greater than the inbox's version, or older than the
    commands that are kept, the response is a snapshot with `reset`."""
    history = engine_of(request).history
    tenant, name = subscriber.tenant, subscriber.subscriber
    place = read_cursor(cursor, CHANGES) if cursor is not None else Place(since, MAX_ID)
    page = await history.after(FeedPosition(tenant, name, place.version, place.id))
    reset = not page.floor <= place.version <= page.head or since > page.head
    reset = reset or not {epoch, place.epoch} <= {None, page.epoch}
    page = await history.newest(tenant, name) if reset else first_of(page, limit)
    at = Place(*page.place_of(-1), page.epoch) if page.more else None
    further = write_cursor(at, CHANGES) if at is not None else None
    version = page.cursors()[-1] if page.more else page.head
    return answer(
        ChangesAnswer(
            page.items,
            further,
            version,
            page.unread,
            page.epoch,
            datetime.now(UTC),
            commands=page.commands,
            reset=reset,
        )
    )


def first_of(page: FeedPage, limit: int) -> FeedPage:
    """At most `limit` entries of a page."""
    if len(page.entries) <= limit:
        return page
    entries, following = page.entries[:limit], page.entries[limit].version
    return FeedPage(page.head, page.unread, entries, True, following, epoch=page.epoch)


async def execute(
    request: Request,
    subscriber: Subscriber,
    verb: Verb,
    selection: Selection,
    key: IdempotencyKey = None,
    until: datetime | None = None,
) -> Response:
    """Apply a command and announce it to every device of the subscriber."""
    command = InboxCommand(
        subscriber.tenant,
        subscriber.subscriber,
        verb,
        ids=None if selection.ids is None else tuple(selection.ids),
        up_to=selection.up_to,
        category=selection.category,
        until=until,
        idempotency_key=key,
    )
    outcome = await engine_of(request).commands.apply_and_announce(command)
    return answer(OutcomeAnswer(outcome.version, outcome.unread, outcome.changed))


@router.post("/read", summary="Mark items read", responses=documented(OutcomeDocument))
async def read(
    request: Request, subscriber: Subscriber, selection: Selection, key: IdempotencyKey = None
) -> Response:
    """Read items do not count as unread, and are seen as well."""
    return await execute(request, subscriber, "read", selection, key)


@router.post("/unread", summary="Mark items unread", responses=documented(OutcomeDocument))
async def unread(
    request: Request, subscriber: Subscriber, selection: Selection, key: IdempotencyKey = None
) -> Response:
    """They count as unread again, unless they are archived."""
    return await execute(request, subscriber, "unread", selection, key)


@router.post("/seen", summary="Mark items seen", responses=documented(OutcomeDocument))
async def seen(
    request: Request, subscriber: Subscriber, selection: Selection, key: IdempotencyKey = None
) -> Response:
    """The items were shown, but not opened."""
    return await execute(request, subscriber, "seen", selection, key)


@router.post("/archive", summary="Archive items", responses=documented(OutcomeDocument))
async def archive(
    request: Request, subscriber: Subscriber, selection: Selection, key: IdempotencyKey = None
) -> Response:
    """Archived items leave the inbox and do not count as unread."""
    return await execute(request, subscriber, "archive", selection, key)


@router.post(
    "/unarchive", summary="Return items from the archive", responses=documented(OutcomeDocument)
)
async def unarchive(
    request: Request, subscriber: Subscriber, selection: Selection, key: IdempotencyKey = None
) -> Response:
    """They return to the inbox as they were; those that are unread count again."""
    return await execute(request, subscriber, "unarchive", selection, key)


@router.post("/snooze", summary="Snooze items", responses=documented(OutcomeDocument))
async def snooze(
    request: Request, subscriber: Subscriber, selection: SnoozeSelection, key: IdempotencyKey = None
) -> Response:
    """They leave the inbox and return at `until`, unread; `until: null` returns them now, as they
    were. Archived items do not change."""
    return await execute(request, subscriber, "snooze", selection, key, selection.until)
