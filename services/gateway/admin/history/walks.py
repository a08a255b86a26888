"""By which index a list of notifications walks, by its filters; what remains is filtered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, TextClause, and_, cast, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.store.tables import deliveries, events, notifications
from clarion.store.tables.rare import HAS_ENDED_UNSENT, IS_SNOOZED, UNSENT_ENDS
from services.gateway.admin.history.schemas import NotificationPage
from services.gateway.admin.scan import MAX_ROWS_JOINED, MAX_ROWS_SCANNED, Place, Walk, in_period

MAX_EVENTS_NAMED = 100
"""Events of one id: of other sources, and those that were parked before."""

Columns = Any
Condition = ColumnElement[bool]

_n = notifications.c
_d = deliveries.c
_e = events.c

ITEM_STATES: dict[str, Callable[[Columns], Condition]] = {
    "seen": lambda n: n.seen_at.is_not(None),
    "unseen": lambda n: n.seen_at.is_(None),
    "read": lambda n: n.read_at.is_not(None),
    "unread": lambda n: and_(n.read_at.is_(None), n.archived_at.is_(None)),
    "archived": lambda n: n.archived_at.is_not(None),
    "snoozed": lambda n: n.snoozed_until > func.now(),
}
"""States of the item itself; all others are states of one of its deliveries."""


class Walked(NamedTuple):
    """A walk with the columns that place its rows, and how many it looks at."""

    statement: Select[Any]
    by: Sequence[str]
    rows: int
    by_delivery: bool = False
    """Each row is a delivery in the state that is asked for, with its notification."""


async def named_events(connection: AsyncConnection, tenant: str, event_id: str) -> list[UUID]:
    """The newest events of this id."""
    named = (
        select(_e.id)
        .where(_e.tenant == tenant, _e.event_id == event_id)
        .offset(0)
        .subquery("named")
    )
    statement = select(named.c.id).order_by(named.c.id.desc()).limit(MAX_EVENTS_NAMED)
    return list((await connection.execute(statement)).scalars())


def walked(
    tenant: str, filters: NotificationPage, after: Place | None, named: Sequence[UUID] = ()
) -> Walked:
    """The walk of these filters; `named` are the events of `filters.event`."""
    state = filters.state
    by_delivery = state is not None and state not in ITEM_STATES
    rows = MAX_ROWS_JOINED if by_delivery else MAX_ROWS_SCANNED
    if filters.event is not None:
        statement = _of_events(tenant, filters.subscriber, after, named, rows)
        return Walked(statement, ("event", "subscriber"), rows)
    pinned: tuple[ColumnElement[Any], Any] = (_n.tenant, tenant)
    own: tuple[Condition | TextClause, ...] = (_n.tenant == tenant,)
    if filters.subscriber is not None:
        pinned = (_n.subscriber, filters.subscriber)
    elif state in UNSENT_ENDS:
        return Walked(_ended(tenant, filters, after), ("place",), MAX_ROWS_JOINED, True)
    elif state == "snoozed":
        own = (IS_SNOOZED,)
    elif filters.type is not None:
        pinned = (_n.type, filters.type)
    elif filters.category is not None:
        pinned = (_n.category, filters.category)
    else:
        own = ()
    walk = Walk(notifications, pinned, (_n.id,), own, rows)
    return Walked(walk.within(filters, after), ("id",), rows)


def conditions(
    tenant: str, filters: NotificationPage, by_delivery: bool, n: Columns
) -> list[Condition]:
    """All filters, on the columns of a walk."""
    given = (
        (n.tenant, tenant),
        (n.subscriber, filters.subscriber),
        (n.type, filters.type),
        (n.category, filters.category),
    )
    found = [column == value for column, value in given if value is not None]
    found += in_period(n.created_at, filters)
    if filters.q is not None:
        pattern = f"%{_escaped(filters.q)}%"
        found.append(or_(n.title.ilike(pattern), n.body.ilike(pattern)))
    if filters.state in ITEM_STATES:
        found.append(ITEM_STATES[filters.state](n))
    elif filters.state is not None:
        return [*found, _by_delivery(filters, by_delivery, n)]
    if filters.channel is not None:
        send, hold = (_decided(n, filters.channel, word) for word in ("send", "hold"))
        found.append(or_(send, hold))
    return found


def _of_events(
    tenant: str,
    subscriber: str | None,
    after: Place | None,
    named: Sequence[UUID],
    rows: int,
) -> Select[Any]:
    """Event by event, the newest first, each by subscriber: the order of its index."""
    left = [one for one in named if after is None or one <= after[0]]
    places = [
        after if after is not None and one == after[0] else (UUID(int=one.int + 1), "")
        for one in left
    ]
    uppers, below = [place[0] for place in places], [place[1] for place in places]
    ids = ARRAY(PgUUID(as_uuid=True))
    one = func.unnest(cast(left, ids), cast(uppers, ids), cast(below, ARRAY(Text)))
    each = one.table_valued("event", "upper", "below").render_derived().alias("each")
    order = func.row(_n.event, _n.subscriber)
    found = select(notifications).where(
        _n.event >= each.c.event,
        order < func.row(each.c.upper, each.c.below),
        *([] if subscriber is None else [_n.subscriber == subscriber]),
    )
    found = found.order_by(_n.event.desc(), _n.subscriber.desc()).limit(rows)
    items = found.lateral("items")
    return select(items).select_from(each.join(items, true())).limit(rows)


def _ended(tenant: str, filters: NotificationPage, after: Place | None) -> Select[Any]:
    walk = Walk(
        deliveries,
        (_d.state, filters.state),
        (_d.notification,),
        (_d.tenant == tenant, HAS_ENDED_UNSENT),
        MAX_ROWS_JOINED,
    )
    one = walk.within(filters, after).subquery("d")
    return select(
        notifications,
        one.c.notification.label("place"),
        one.c.id.label("delivery_id"),
        one.c.channel.label("delivery_channel"),
    ).select_from(one.outerjoin(notifications, _n.id == one.c.notification))


def _by_delivery(filters: NotificationPage, is_walked: bool, n: Columns) -> Condition:
    """One of its deliveries has the state; of a walk by deliveries, this one, and no later one."""
    those = [_d.notification == n.id, _d.state == filters.state]
    if filters.channel is not None:
        those.append(_d.channel == filters.channel)
    if not is_walked:
        return select(_d.id).where(*those).exists()
    later = select(_d.id).where(*those, _d.id > n.delivery_id).exists()
    is_it = true() if filters.channel is None else n.delivery_channel == filters.channel
    return and_(is_it, ~later)


def _decided(n: Columns, channel: str, decision: str) -> Condition:
    return n.decisions.contains(cast([{"channel": channel, "decision": decision}], JSONB))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
