"""Pages that a statement touches once PostgreSQL has settled on a plan for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from clarion.store.database import Driver

EXECUTIONS = 10
"""From the sixth on PostgreSQL may take the generic plan."""
WAYS = ("auto", "force_generic_plan")


class Reading(NamedTuple):
    """One execution: its result has `rows`, and it touched so many pages."""

    rows: int
    pages: int
    plan: dict[str, Any]


async def reading_of(
    connection: Driver, query: str, *arguments: Any, first: str = "SELECT"
) -> Reading:
    """The worst of its plans, each after `EXECUTIONS` on this connection in transactions that begin
    with `first`. What it changes is undone each time."""
    await connection.execute(f"PREPARE measured AS {query}")
    execute = f"EXECUTE measured ({', '.join(map(literal, arguments))})"
    if not arguments:
        execute = "EXECUTE measured"
    try:
        readings = [await _read(connection, way, first, execute) for way in WAYS]
    finally:
        await connection.execute("DEALLOCATE measured")
    return max(readings, key=lambda one: one.pages)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node and all below it."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def literal(value: Any) -> str:
    """The text of an argument, whose type the prepared statement knows."""
    if value is None:
        return "NULL"
    if isinstance(value, list):
        inner = ",".join(map(_element, cast("list[Any]", value)))
        return _quoted(f"{{{inner}}}")
    return _quoted(str(value))


async def _read(connection: Driver, way: str, first: str, execute: str) -> Reading:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {execute}"
    await connection.execute(f"SET plan_cache_mode = {way}")
    try:
        for _ in range(EXECUTIONS):
            await _undone(connection, first, execute)
        answer = await _undone(connection, first, explain)
    finally:
        await connection.execute("RESET plan_cache_mode")
    found = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    pages = found["Shared Hit Blocks"] + found["Shared Read Blocks"]
    return Reading(int(found["Actual Rows"]), pages, found)


async def _undone(connection: Driver, first: str, statement: str) -> Any:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(first)
        return await connection.fetchval(statement)
    finally:
        await transaction.rollback()


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return json.dumps(str(value), ensure_ascii=False)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
