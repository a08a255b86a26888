"""Every list with every filter that the API accepts looks at a bounded number of rows, however
many are stored and whatever matches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from itertools import combinations, product
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx2
import pytest
from sqlalchemy import event, text

from clarion.bus.protocol import Bus
from clarion.contracts.ids import lowest_id_at
from clarion.records.partitions import make_partitions, month_start
from clarion.store.by_index import BY_INDEX_ONLY
from clarion.store.database import Database
from services.gateway.admin.history.walks import ITEM_STATES
from services.gateway.admin.scan import MAX_ROWS_SCANNED
from services.pusher.inbox import listing
from services.pusher.inbox.history import MAX_ID
from testbed.postgres import Databases
from tests.support.gateway import gateway_client

DOCUMENT = (files("clarion.http") / "openapi.json").read_text()
PATHS: dict[str, Any] = json.loads(DOCUMENT)["paths"]
ROWS = 60_000
"""In each of two months."""
NAMED = str(UUID(int=5))
BASE = "{'tenant': 'default'}"
VALUES: dict[str, Sequence[str]] = {
    "subscriber": ["busy", "nobody"],
    "event": ["big", "none"],
    "type": ["common", "none"],
    "category": ["common", "none"],
    "channel": ["inbox", "sms"],
    "state": ["read", "unread", "snoozed", "failed", "sent", "scheduled"],
    "since": ["2020-01-01T00:00:00Z"],
    "until": ["2090-01-01T00:00:00Z"],
    "q": ["nowhere to be found"],
    "provider": ["common", "none"],
    "reason": ["common", "none"],
    "notification": [NAMED],
    "delivery": [NAMED],
    "recipient": ["none@b.example"],
    "actor": ["common", "none"],
    "action": ["common.done", "none.done"],
    "subject": ["common", "none"],
}
"""What matches all that is stored, and what matches nothing."""

LEAVES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'"
PARTS = """
SELECT n, lpad(to_hex(CAST(:low AS bigint) + n), 12, '0') || '7000800000'
  || lpad(to_hex(n), 10, '0') AS text
FROM generate_series(1, CAST(:rows AS int)) n
"""
FILL = (
    """INSERT INTO notifications (id, tenant, subscriber, event, version, type, category, lane,
    title, body, decisions, trace_id, created_at)
  SELECT text::uuid, 'default', 'busy', CAST(:event AS uuid), n, 'common', 'common', 'normal',
    'One', 'of many', '[{"channel": "inbox", "decision": "send", "reason": "requested"}]', 't',
    now() FROM parts""",
    """INSERT INTO deliveries (id, tenant, notification, channel, lane, state, reason, provider,
    trace_id, created_at)
  SELECT text::uuid, 'default', text::uuid, 'email', 'normal', 'dead', 'common', 'common', 't',
    now() FROM parts""",
)
FILL_ONCE = (
    """INSERT INTO events (id, tenant, source, event_id, type, lane, accepted_at, state, body,
    trace_id) VALUES (CAST(:event AS uuid), 'default', 's', 'big', 'common', 'normal', now(),
    'planned', '{}', 't')""",
    """INSERT INTO audit (id, tenant, actor, action, subject_kind, subject, detail)
  SELECT text::uuid, 'default', 'common', 'common.done', 'x', 'common', '{}' FROM parts""",
    """INSERT INTO captures (id, tenant, delivery, channel, recipient, message)
  SELECT text::uuid, 'default', text::uuid, 'email', 'a@b.example', '{}' FROM parts""",
    """INSERT INTO parked (id, tenant, queue, reason, detail, content_type, headers, body)
  SELECT text::uuid, CASE n % 2 WHEN 0 THEN 'other' END, 'q', 'r', 'd', 'c', '{}', '' FROM parts""",
    """INSERT INTO subscribers (tenant, id) SELECT 'default', text FROM parts""",
    """INSERT INTO topics (tenant, id) SELECT 'default', 't' || n FROM parts""",
    """INSERT INTO topic_members (tenant, topic, subscriber) SELECT 'default', 't1', text FROM parts
  """,
    """INSERT INTO topic_members (tenant, topic, subscriber)
  SELECT 'default', 'other' || n % 30, text FROM parts""",
    """INSERT INTO inboxes (tenant, subscriber, version, unread)
  VALUES ('default', 'busy', 120000, 120000)""",
)


async def fill(database: Database) -> None:
    months = [month_start(datetime.now(UTC), later) for later in (0, 1)]
    await make_partitions(database, months[0])
    event_id = lowest_id_at(months[0])
    for place, month in enumerate(months):
        low = (lowest_id_at(month).int >> 80) + 1
        for statement in FILL + (FILL_ONCE if place == 0 else ()):
            given = {"low": low, "rows": ROWS, "event": str(event_id)}
            whole = f"WITH parts AS ({PARTS}) {statement}"
            used = {name: value for name, value in given.items() if f":{name}" in whole}
            async with database.transaction() as connection:
                await connection.execute(text(whole), used)


@pytest.fixture(scope="module", params=["analyzed", "without statistics"])
def filled_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A large database, as it is after ANALYZE and as it is before."""
    fresh = databases.fresh()
    with asyncio.Runner() as runner:
        url = runner.run(fresh.__aenter__())
        try:
            runner.run(prepare(url, is_analyzed=request.param == "analyzed"))
            yield url
        finally:
            runner.run(fresh.__aexit__(None, None, None))


async def prepare(url: str, *, is_analyzed: bool) -> None:
    database = Database(url, pool_size=1, timeout_s=120, application_name="clarion-test")
    try:
        async with database.transaction() as connection:
            for (table,) in (await connection.execute(text(LEAVES))).all():
                off = f"ALTER TABLE {table} SET (autovacuum_enabled = off)"
                await connection.execute(text(off))
        await fill(database)
        if is_analyzed:
            async with database.transaction() as connection:
                await connection.execute(text("ANALYZE"))
    finally:
        await database.close()


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[Database]:
    database = Database(filled_url, pool_size=4, timeout_s=60, application_name="clarion-test")
    yield database
    await database.close()


def filters_of(path: str) -> list[str]:
    """The filters of a list, from its route."""
    names = [one["name"] for one in PATHS[path]["get"]["parameters"] if one["in"] == "query"]
    return [name for name in names if name not in ("limit", "cursor")]


def lists() -> list[str]:
    """Every list of the gateway: what takes a cursor."""
    return [
        path
        for path, calls in PATHS.items()
        if not path.startswith("/v1/inbox")
        and "cursor" in [one["name"] for one in calls.get("get", {}).get("parameters", ())]
    ]


def questions(path: str) -> Iterator[dict[str, str]]:
    """No filter, each value of each, each pair of values, and all at once."""
    values = {name: VALUES[name] for name in filters_of(path)}
    if path == "/v1/deliveries":
        values["state"] = [state for state in VALUES["state"] if state not in ITEM_STATES]
    for size in (0, 1, 2, len(values)):
        for some in combinations(values, size):
            each = [values[name][: 1 if size > 2 else None] for name in some]
            yield from (dict(zip(some, one, strict=True)) for one in product(*each))


@contextmanager
def recorded(database: Database) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """The SELECTs that are sent, with their arguments."""
    sent: list[tuple[str, tuple[Any, ...]]] = []

    def note(_c: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "set_config" not in statement:
            sent.append((statement, tuple(given)))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        inner = cast("list[object]", value)
        return "'{" + ",".join(f'"{one}"' for one in inner) + "}'"
    return "'" + str(value).replace("'", "''") + "'"


async def rows_looked_at(tx: Any, statement: str, given: Sequence[Any], mode: str) -> int:
    """By its plan as PostgreSQL would take it from the sixth execution on, or each time anew."""
    await tx.execute(f"SET LOCAL plan_cache_mode = {mode}")
    await tx.execute(f"PREPARE looked AS {statement}")
    arguments = f"({', '.join(map(literal, given))})" if given else ""
    try:
        found = await tx.fetchval(
            f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) EXECUTE looked{arguments}"
        )
    finally:
        await tx.execute("DEALLOCATE looked")
    return sum(map(rows_of, leaves(found[0]["Plan"])))


def leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes that read tables and indexes."""
    if "Scan" in node["Node Type"] and "Relation Name" in node:
        yield node
    for inner in node.get("Plans", ()):
        yield from leaves(inner)


def rows_of(node: dict[str, Any]) -> int:
    removed = [node.get(f"Rows Removed by {how}", 0) for how in ("Filter", "Index Recheck")]
    return int((node["Actual Rows"] + sum(removed)) * node["Actual Loops"])


@asynccontextmanager
async def explaining(database: Database) -> AsyncIterator[Any]:
    async with database.driver() as tx:
        driver: asyncpg.Connection[Any] = tx  # type: ignore[assignment]
        await driver.set_type_codec("json", schema="pg_catalog", encoder=str, decoder=json.loads)
        await driver.execute(BY_INDEX_ONLY)
        yield driver


BOUND = 2 * MAX_ROWS_SCANNED + 3_000
"""Those of the scan, a page, and what is looked up for them."""


@pytest.mark.parametrize("path", lists())
async def test_every_filter_looks_at_a_bounded_number_of_rows(
    path: str, filled: Database, memory_bus: Bus
) -> None:
    async with gateway_client(memory_bus, filled) as client:
        for filters in questions(path):
            with recorded(filled) as sent:
                answer = await client.get(path.format(topic_id="t1"), params=filters)
            assert answer.status_code == 200, (filters, answer.text)
            async with explaining(filled) as tx:
                for statement, given in sent:
                    for mode in ("force_generic_plan", "force_custom_plan"):
                        rows = await rows_looked_at(tx, statement, given, mode)
                        assert rows <= BOUND, (mode, filters, statement)


async def pages(client: httpx2.AsyncClient, path: str, filters: dict[str, str]) -> list[list[str]]:
    found: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {**filters, "limit": "500"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(path, params=params)).json()
        found.append([item["id"] for item in page["items"]])
        cursor = page["next_cursor"]
    return found


@pytest.mark.parametrize(
    "filters", [{"q": "nowhere"}, {"channel": "sms"}, {"type": "common", "state": "read"}]
)
async def test_a_scan_that_finds_nothing_goes_on_to_its_end(
    filters: dict[str, str], filled: Database, memory_bus: Bus
) -> None:
    async with gateway_client(memory_bus, filled) as client:
        found = await pages(client, "/v1/notifications", filters)
    assert not any(found)
    assert len(found) - 1 == 2 * ROWS // MAX_ROWS_SCANNED


@pytest.mark.parametrize("category", [None, "none"])
@pytest.mark.parametrize("state", listing.CONDITIONS)
async def test_every_filter_of_an_inbox_looks_at_a_bounded_number_of_items(
    state: listing.InboxFilter, category: str | None, filled: Database
) -> None:
    query = listing.list_query(state, category)
    given = ("default", "busy", MAX_ID, 51, *([] if category is None else [category]))
    async with explaining(filled) as tx:
        for mode in ("force_generic_plan", "force_custom_plan"):
            rows = await rows_looked_at(tx, query, given, mode)
            assert rows <= 2 * listing.MAX_ROWS_SCANNED + 200, mode


async def test_a_list_of_an_inbox_goes_on_to_the_item_that_it_looks_for(filled: Database) -> None:
    oldest = "SELECT min(id::text)::uuid FROM notifications"
    async with filled.transaction() as connection:
        wanted = await connection.scalar(text(oldest))
        change = text("UPDATE notifications SET archived_at = now() WHERE id = :id")
        await connection.execute(change, {"id": wanted})
    found: list[UUID] = []
    before: UUID | None = MAX_ID
    pages = 0
    while before is not None:
        page = await listing.list_inbox(
            filled, "default", "busy", state="archived", category=None, before=before, limit=50
        )
        found += [item.id for item in page.items]
        before, pages = page.end, pages + 1
    assert found == [wanted]
    assert pages == 1 + 2 * ROWS // listing.MAX_ROWS_SCANNED


def test_the_filters_of_the_inbox_are_those_tested() -> None:
    assert filters_of("/v1/inbox") == ["state", "category"]
