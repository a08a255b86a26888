"""Redrive ended deliveries: `failed`, `dead`, `bounced` or `expired` becomes `scheduled`.

A redriven delivery gets as many rounds of attempts as at first; earlier attempts stay in the
history and numbering continues. Deliveries past `expires_at` and cancelled ones are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Double,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.errors import Conflict
from clarion.records.deliveries import move
from clarion.rules.delivery_states import REDRIVE, State
from clarion.store.tables import cancellations, deliveries, events, notifications
from clarion.tokens.api_keys import ApiKey
from services.gateway.admin.audit.record import record_changes
from services.gateway.admin.deliveries.listing import conditions
from services.gateway.admin.deliveries.schemas import MAX_REDRIVEN, Redrive

IN_TIME = or_(deliveries.c.expires_at.is_(None), deliveries.c.expires_at > func.now())

_e = events.c
_n = notifications.c
_c = cancellations.c

CANCELLED = exists(
    select(1)
    .select_from(notifications.outerjoin(events, _e.id == _n.event))
    .outerjoin(
        cancellations,
        and_(
            _c.tenant == _e.tenant,
            _c.event_id == _e.event_id,
            _c.source.in_([_e.source, ""]),
            (_e.accepted_at <= _c.accepted_before).is_not(False),
        ),
    )
    .where(
        _n.id == deliveries.c.notification,
        or_(_n.cancelled_at.is_not(None), _c.tenant.is_not(None)),
    )
    .correlate(deliveries)
)
"""Cancellation of the delivery, its notification or its event (`clarion.records.cancellations`)."""

NEVER = {
    State.SKIPPED: "Planning decided not to send this delivery.",
    State.CANCELLED: "It was cancelled.",
    State.EXPIRED: "Its time is over.",
}


@dataclass(frozen=True, slots=True)
class RedrivenDelivery:
    """A redriven delivery."""

    id: UUID
    due_at: datetime
    state_before: str
    reason_before: str | None


async def retry(connection: AsyncConnection, key: ApiKey, delivery: UUID) -> dict[str, Any] | None:
    """Schedule it for now; `None` if there is no such delivery.

    One on its way or already sent is returned unchanged, so the call is idempotent.
    Raises `Conflict` (`delivery_skipped`, `delivery_cancelled`, `delivery_expired`).
    """
    wanted = (deliveries.c.id == delivery, deliveries.c.tenant == key.tenant, IN_TIME, ~CANCELLED)
    redriven = await _redrive(connection, wanted, limit=1, rate_per_s=1)
    await _record(connection, key, "delivery.retry", redriven)
    now = (
        await connection.execute(
            select(
                deliveries.c.id,
                deliveries.c.state,
                deliveries.c.due_at,
                (deliveries.c.expires_at <= func.now()).label("late"),
                CANCELLED.label("cancelled"),
            ).where(deliveries.c.id == delivery, deliveries.c.tenant == key.tenant)
        )
    ).one_or_none()
    if now is None:
        return None
    state = now.state
    if state in REDRIVE.sources:
        state = State.CANCELLED if now.cancelled else State.EXPIRED if now.late else state
    if state in NEVER:
        raise Conflict(
            f"{NEVER[state]} Send a new event instead.",
            code=f"delivery_{state}",
        )
    return {"id": now.id, "state": now.state, "due_at": now.due_at, "retried": bool(redriven)}


async def count_drivable(connection: AsyncConnection, tenant: str, given: Redrive) -> int:
    """The number of matches, without the bound of `redrive`."""
    counted = select(func.count()).select_from(deliveries).where(*_chosen_by(tenant, given))
    return int(await connection.scalar(counted) or 0)


async def redrive(connection: AsyncConnection, key: ApiKey, given: Redrive) -> dict[str, Any]:
    """Schedule up to `MAX_REDRIVEN`, the oldest first, `rate_per_s` of them due each second."""
    redriven = await _redrive(
        connection,
        _chosen_by(key.tenant, given),
        limit=MAX_REDRIVEN,
        rate_per_s=given.rate_per_s,
    )
    await _record(connection, key, "delivery.redrive", redriven)
    until = max((delivery.due_at for delivery in redriven), default=None)
    return {"redriven": len(redriven), "until": until}


def _chosen_by(tenant: str, given: Redrive) -> list[ColumnElement[bool]]:
    state = State(given.state)
    move(REDRIVE, state, State.SCHEDULED)
    return [
        deliveries.c.tenant == tenant,
        deliveries.c.state == state,
        IN_TIME,
        ~CANCELLED,
        *conditions(given),
    ]


async def _redrive(
    connection: AsyncConnection,
    wanted: Sequence[ColumnElement[bool]],
    *,
    limit: int,
    rate_per_s: float,
) -> list[RedrivenDelivery]:
    taken = (
        select(deliveries.c.id, deliveries.c.state, deliveries.c.reason)
        .where(deliveries.c.state.in_([*REDRIVE.sources]), *wanted)
        .order_by(deliveries.c.id)
        .limit(limit)
        .with_for_update()
        .cte("taken")
    )
    place = func.row_number().over(order_by=taken.c.id) - 1
    numbered = select(taken, place.label("place")).cte("numbered")
    wait = func.make_interval(0, 0, 0, 0, 0, 0, numbered.c.place / literal(rate_per_s, Double))
    statement = (
        update(deliveries)
        .where(deliveries.c.id == numbered.c.id)
        .values(
            state=State.SCHEDULED,
            reason=None,
            rounds=0,
            due_at=func.now() + wait,
            leased_until=None,
            updated_at=func.now(),
        )
        .returning(deliveries.c.id, deliveries.c.due_at, numbered.c.state, numbered.c.reason)
    )
    return [RedrivenDelivery(*row) for row in await connection.execute(statement)]


async def _record(
    connection: AsyncConnection, key: ApiKey, action: str, redriven: Sequence[RedrivenDelivery]
) -> None:
    changes = (
        (one.id, {"state": one.state_before, "reason": one.reason_before}) for one in redriven
    )
    await record_changes(connection, key, action, changes)
