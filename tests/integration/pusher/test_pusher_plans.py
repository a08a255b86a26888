"""Reads of an inbox go straight to their place in an index, however long the inbox is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clarion.store.database import Database
from services.pusher.inbox import commands, history
from services.pusher.inbox.command import COMMAND_SPECS
from services.pusher.inbox.up_to import PASSES

FEED = (["acme"], ["ada"], [7], [history.MAX_ID])
READS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "after": (history.AFTER, (*FEED, 501)),
    "newest": (history.NEWEST, FEED),
    "up to": (
        commands.UP_TO.format(concerns=COMMAND_SPECS["unread"].concerns, category="true"),
        ("acme", "ada", 7, 100),
    ),
}
WRITES = {
    f"{verb} {number} {category}": (
        one.statement(category),
        ("acme", "ada", 7, 9, *([category] if category else [])),
    )
    for verb, passes in PASSES.items()
    for number, one in enumerate(passes)
    for category in (None, "orders")
}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node and all below it."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def plan_of(database: Database, query: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    async with database.driver() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute("SET LOCAL enable_bitmapscan = off")
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *arguments)
    return found[0]["Plan"]


@pytest.mark.parametrize("name", READS)
async def test_a_read_sorts_nothing_but_its_page(database: Database, name: str) -> None:
    plan = await plan_of(database, *READS[name])
    limits = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
    kinds = {inner["Node Type"] for limit in limits for inner in nodes(limit)}
    assert limits
    assert not kinds & {"Sort", "Incremental Sort", "Seq Scan"}, plan


async def test_a_replay_begins_at_its_place(database: Database) -> None:
    plan = await plan_of(database, *READS["after"])
    conditions = [
        node["Index Cond"] for node in nodes(plan) if node.get("Alias", "").startswith("m")
    ]
    assert conditions
    assert all("ROW(" in one for one in conditions), conditions


@pytest.mark.parametrize("name", WRITES)
async def test_a_command_on_all_items_begins_where_the_last_one_ended(
    database: Database, name: str
) -> None:
    plan = await plan_of(database, *WRITES[name])
    conditions = [node["Index Cond"] for node in nodes(plan) if "Index Cond" in node]
    assert conditions
    assert all("version > " in one for one in conditions), conditions
