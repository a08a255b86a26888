"""Reads of feeds touch pages in proportion to the items they return: for one feed and for many,
beside a heavy one and over many partitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from clarion.contracts.ids import lowest_id_at
from clarion.records.partitions import Partition, month_start
from clarion.store.by_index import IN_ORDER_OF_INDEX
from clarion.store.database import Database, Driver
from clarion.store.tables import PARTITIONED
from services.pusher.inbox import history
from services.pusher.inbox.history import MAX_FEEDS_PER_QUERY, MAX_ID, PAGE_SIZE, SNAPSHOT_SIZE
from tests.support.buffers import Reading, nodes, reading_of

MONTHS = 9
HEAVY = 50_000
LIGHT_FEEDS = 400
LIGHT = 5
PAGES_PER_ITEM = 8
"""Its row, and a descent to its event."""
PAGES_PER_FEED = 4 * (MONTHS + 3) + 8
"""A descent in each partition, and to its inbox."""

FILL = """
WITH feeds AS (
    SELECT 'heavy' AS name, $1::int AS items
    UNION ALL SELECT 'light-' || n, $3 FROM generate_series(1, $2::int) AS n
), items AS (
    SELECT name, version, ($4::uuid[])[1 + version % cardinality($4::uuid[])]::text AS lowest,
        row_number() OVER () AS n
    FROM feeds, generate_series(1, items) AS version
), written AS (
    INSERT INTO notifications
        (id, tenant, subscriber, event, version, entered, type, lane, title, decisions, trace_id)
    SELECT (left(lowest, 24) || lpad(to_hex(n), 12, '0'))::uuid, 'acme', name,
        (left(lowest, 24) || lpad(to_hex(n), 12, '0'))::uuid, version, version, 'test.happened',
        'normal', 'Hello', '[]', 'none'
    FROM items
    RETURNING id
), event AS (
    INSERT INTO events
        (id, tenant, source, event_id, type, lane, accepted_at, state, body, trace_id)
    SELECT id, 'acme', 'test', id::text, 'test.happened', 'normal', now(), 'planned', '{}', 'none'
    FROM written
)
INSERT INTO inboxes (tenant, subscriber, version, unread)
SELECT 'acme', name, items, items FROM feeds
"""

Feeds = Sequence[tuple[str, int]]
"""Names, each with the version to read after."""
LIGHT_ONES: Feeds = [(f"light-{n}", 0) for n in range(1, MAX_FEEDS_PER_QUERY)]
ALL_CAUGHT_UP: Feeds = [(name, LIGHT) for name, _ in LIGHT_ONES]


@pytest.fixture(scope="module")
def filled(databases: Any) -> Iterator[str]:
    """The URL of a database with one heavy inbox and many light ones, over `MONTHS` and more."""
    with asyncio.Runner() as runner:
        fresh = databases.fresh()
        url = runner.run(fresh.__aenter__())
        runner.run(fill(url))
        yield url
        runner.run(fresh.__aexit__(None, None, None))


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    now = datetime.now(UTC)
    months = [month_start(now, -ago) for ago in range(MONTHS)]
    for month in months[1:]:
        for table in PARTITIONED:
            for statement in Partition(table.name, month).statements:
                await connection.execute(statement)
    lowest = [lowest_id_at(month) for month in months]
    await connection.execute(FILL, HEAVY, LIGHT_FEEDS, LIGHT, lowest)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[Driver]:
    database = Database(filled, pool_size=1, timeout_s=60, application_name="clarion-test")
    async with database.engine.connect() as held:
        raw = await held.get_raw_connection()
        driver: Any = raw.driver_connection
        yield driver
    await database.close()


def columns_of(feeds: Feeds) -> list[list[Any]]:
    names, versions = zip(*feeds, strict=True)
    return [["acme"] * len(feeds), list(names), list(versions), [MAX_ID] * len(feeds)]


async def pages_of(connection: Driver, query: str, feeds: Feeds, *limit: int) -> Reading:
    columns = columns_of(feeds)
    return await reading_of(connection, query, *columns, *limit, first=IN_ORDER_OF_INDEX)


READS: dict[str, tuple[str, Feeds, tuple[int, ...], int]] = {
    "snapshot of one": (history.NEWEST, [("heavy", 0)], (), SNAPSHOT_SIZE),
    "snapshot of a light one": (history.NEWEST, [("light-7", 0)], (), LIGHT),
    "snapshots of a group": (
        history.NEWEST,
        [("heavy", 0), *LIGHT_ONES],
        (),
        SNAPSHOT_SIZE + LIGHT * len(LIGHT_ONES),
    ),
    "replay from the start": (history.AFTER, [("heavy", 0)], (PAGE_SIZE + 1,), PAGE_SIZE + 1),
    "replay of the last": (history.AFTER, [("heavy", HEAVY - 5)], (PAGE_SIZE + 1,), 5),
    "replay of nothing": (history.AFTER, [("heavy", HEAVY)], (PAGE_SIZE + 1,), 1),
    "replays of a group": (
        history.AFTER,
        [("heavy", 25_000), *LIGHT_ONES],
        (51,),
        51 + LIGHT * len(LIGHT_ONES),
    ),
    "replays of a group that missed one": (
        history.AFTER,
        [("heavy", HEAVY - 1), *[(name, LIGHT - 1) for name, _ in LIGHT_ONES]],
        (51,),
        MAX_FEEDS_PER_QUERY,
    ),
}


@pytest.mark.parametrize("name", READS)
async def test_pages_in_proportion_to_items(connection: Driver, name: str) -> None:
    query, feeds, limit, rows = READS[name]
    found = await pages_of(connection, query, feeds, *limit)
    assert found.rows == rows
    assert found.pages <= PAGES_PER_ITEM * rows + PAGES_PER_FEED * len(feeds), found.plan


async def test_a_heavy_feed_costs_the_others_only_its_own_items(connection: Driver) -> None:
    without = await pages_of(connection, history.NEWEST, LIGHT_ONES)
    both = await pages_of(connection, history.NEWEST, [("heavy", 0), *LIGHT_ONES])
    alone = await pages_of(connection, history.NEWEST, [("heavy", 0)])
    assert both.pages <= without.pages + 2 * alone.pages


async def test_who_missed_nothing_costs_no_look_at_items(connection: Driver) -> None:
    found = await pages_of(connection, history.AFTER, ALL_CAUGHT_UP, 51)
    assert found.rows == len(ALL_CAUGHT_UP)
    scans = [one for one in nodes(found.plan) if one.get("Alias", "").startswith("m")]
    assert scans
    assert {one["Actual Loops"] for one in scans} == {0}
