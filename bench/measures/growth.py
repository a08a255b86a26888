"""Lists, searches and inbox reads by how much is stored: they must not grow with it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.lib.ground import Ground
from bench.lib.results import Claim, Figure, Report
from clarion.contracts.ids import lowest_id_at
from clarion.records.partitions import make_partitions, month_start
from clarion.rules.delivery_states import State
from clarion.store.by_index import BY_INDEX_ONLY
from clarion.store.database import Database
from services.gateway.admin.deliveries.listing import list_statement as deliveries_statement
from services.gateway.admin.deliveries.schemas import DeliveryPage
from services.gateway.admin.history.notifications import list_statement
from services.gateway.admin.history.schemas import NotificationPage
from services.pusher.inbox import listing
from services.pusher.inbox.history import MAX_ID

MILLIONS = (1, 4)
MONTHS = 4
CHUNK = 50_000
TURNS = 5
GOAL_MS = 50.0
INBOXES = ("busy", "7")
"""Subscribers whose inboxes are read: one with 50,000 items at four million, one with 20."""

PARTS = """WITH parts AS (
  SELECT n, (lpad(to_hex(CAST(:low AS bigint) + n / 10), 12, '0') || '7000800000'
    || lpad(to_hex(n), 10, '0'))::uuid AS id
  FROM generate_series(CAST(:first AS int), CAST(:first AS int) + CAST(:rows AS int) - 1) n) """
NOTIFICATIONS = """
INSERT INTO notifications (id, tenant, subscriber, event, version, entered, type, category, lane,
  title, body, decisions, trace_id, created_at)
SELECT id, 'default',
  CASE WHEN n % 80 = 0 AND n < 4000000 THEN 'busy' ELSE (n % 200000)::text END,
  id, n, n, 'type-' || n % 20, 'category-' || n % 8, 'normal', 'Order ' || n || ' has shipped',
  'It is on its way and arrives in ' || n % 9 || ' days at the address that you gave us',
  '[{"channel": "inbox", "decision": "send", "reason": "requested"}]', md5(n::text), now()
FROM parts"""
DELIVERIES = """
INSERT INTO deliveries (id, tenant, notification, channel, lane, state, provider, trace_id)
SELECT id, 'default', id, 'email', 'normal', 'sent', 'smtp', md5(n::text) FROM parts
WHERE n % 4 = 0"""
HEADS = """
INSERT INTO inboxes (tenant, subscriber, version, unread)
SELECT tenant, subscriber, max(version), count(*) FROM notifications GROUP BY 1, 2
ON CONFLICT (tenant, subscriber)
DO UPDATE SET version = excluded.version, unread = excluded.unread"""

Filters = dict[str, Any]
NOTIFICATION_LISTS: dict[str, Filters] = {
    "all": {},
    "type": {"type": "type-3"},
    "subscriber": {"subscriber": "7"},
    "q, everywhere": {"q": "on its way"},
    "q, nowhere": {"q": "nowhere to be found"},
    "channel, none": {"channel": "sms"},
    "type and read, none": {"type": "type-3", "state": "read"},
    "snoozed, none": {"state": "snoozed"},
    "failed, none": {"state": "failed"},
    "sent": {"state": "sent"},
    "scheduled, none": {"state": "scheduled"},
}


async def measure(ground: Ground, millions: Sequence[int] = MILLIONS) -> Report:
    """The same reads at each size; a page of 50, the best of five turns."""
    report = Report()
    async with ground.fresh() as settings:
        url = settings["CLARION_DATABASE_URL"]
        database = Database(url, pool_size=1, timeout_s=3_600, application_name="bench")
        try:
            await grow(database, millions, report)
        finally:
            await database.close()
    return report


async def grow(database: Database, millions: Sequence[int], report: Report) -> None:
    """Fill up to each size, and measure there."""
    stored = 0
    for size in sorted(millions):
        await fill(database, stored, size * 1_000_000)
        stored = size * 1_000_000
        for name, cost in (await costs(database)).items():
            figure = Figure(f"{size}M {name}", "clarion", "ms", cost=cost[0])
            figure.more["buffers"] = cost[1]
            report.figures.append(figure)
            report.claims.append(Claim(f"{size}M {name}, ms", cost[0], GOAL_MS, at_most=True))


async def fill(database: Database, stored: int, size: int) -> None:
    """Rows of several months, the newest last, in transactions of their own."""
    first_month = month_start(datetime.now(UTC), 1 - MONTHS)
    for later in range(MONTHS):
        await make_partitions(database, month_start(first_month, later))
    for first in range(stored, size, CHUNK):
        month = month_start(first_month, first * MONTHS // size)
        low = lowest_id_at(month + timedelta(seconds=first)).int >> 80
        given = {"low": low, "first": first, "rows": CHUNK}
        async with database.transaction() as connection:
            await connection.execute(text(PARTS + NOTIFICATIONS), given)
            await connection.execute(text(PARTS + DELIVERIES), given)
    async with database.transaction() as connection:
        await connection.execute(text(HEADS))
        await connection.execute(text("ANALYZE"))


async def costs(database: Database) -> Mapping[str, tuple[float, int]]:
    """Milliseconds and buffers of each read."""
    found: dict[str, tuple[float, int]] = {}
    for name, filters in NOTIFICATION_LISTS.items():
        statement, _ = list_statement("default", NotificationPage(**filters), None, 51)
        found[f"notifications, {name}"] = await cost_of(database, statement)
    for state in (State.SENT, State.FAILED):
        statement = deliveries_statement("default", DeliveryPage(state=state), None, 51)
        found[f"deliveries, {state}"] = await cost_of(database, statement)
    for subscriber in INBOXES:
        for state in listing.CONDITIONS:
            given = ("default", subscriber, MAX_ID, 51)
            query = listing.list_query(state, None)
            found[f"inbox of {subscriber}, {state}"] = await cost_of(database, query, given)
    return found


async def cost_of(
    database: Database, statement: Select[Any] | str, given: tuple[Any, ...] = ()
) -> tuple[float, int]:
    """The best of some turns, and the buffers that each reads."""
    turns: list[float] = []
    async with database.transaction() as connection:
        await connection.execute(text(BY_INDEX_ONLY))
        if not isinstance(statement, str):
            statement, given = await sent(connection, statement)
        for _ in range(TURNS):
            begin = time.perf_counter()
            (await connection.exec_driver_sql(statement, given)).all()
            turns.append((time.perf_counter() - begin) * 1_000)
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        plan = (await connection.exec_driver_sql(explain, given)).scalar_one()[0]["Plan"]
        return min(turns), plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


async def sent(connection: AsyncConnection, statement: Select[Any]) -> tuple[str, tuple[Any, ...]]:
    """A statement as the driver is given it, with its values."""
    noted: list[tuple[str, tuple[Any, ...]]] = []

    def note(_connection: Any, _cursor: Any, query: str, values: Any, *_more: Any) -> None:
        noted.append((query, tuple(values)))

    event.listen(connection.sync_connection, "before_cursor_execute", note)
    await connection.execute(statement)
    event.remove(connection.sync_connection, "before_cursor_execute", note)
    return noted[0]
