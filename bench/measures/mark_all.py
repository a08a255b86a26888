"""One click on fifty thousand: `read` with `up_to` of an inbox whose items are all unread.

What counts is how long the call takes, what it writes to PostgreSQL's log, and what each other tab
of the person receives for it. The checkpoint before it lets the call pay for whole pages as well.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
from websockets.asyncio.client import ClientConnection, connect

from bench.lib.events import TOKEN_SECRET
from bench.lib.ground import Ground
from bench.lib.results import Claim, Figure, Report
from bench.lib.server import service
from clarion.contracts.ids import new_id
from clarion.tokens.subscriber import mint_token

ITEMS = 50_000
PERSON = "user-1"
SESSIONS = 2
WAIT_S = 120.0
GOAL_S = 1.0
GOAL_WAL_MIB = 60.0
GOAL_KIB = 1.0

EVENT = """
INSERT INTO events (id, tenant, source, event_id, type, lane, accepted_at, state, body, trace_id)
VALUES ($1, 'default', 'bench', 'e', 'order.shipped', 'normal', $2, 'planned', '{}', 'none')
"""
INBOX = "INSERT INTO inboxes (tenant, subscriber, version, unread) VALUES ('default', $1, $2, $3)"
COLUMNS = (
    "id",
    "tenant",
    "subscriber",
    "event",
    "version",
    "entered",
    "type",
    "category",
    "lane",
    "title",
    "decisions",
    "created_at",
    "trace_id",
)
WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"


async def measure(ground: Ground) -> Report:
    """Clarion alone, all categories and then one."""
    report = Report()
    for path, category in (("mark all read", None), ("mark category read", "orders")):
        async with ground.fresh() as settings:
            env = {**settings, "CLARION_TOKEN_SECRET": TOKEN_SECRET}
            async with service("pusher", env) as server:
                database = await asyncpg.connect(settings["CLARION_DATABASE_URL"])
                try:
                    await fill(database)
                    report.add(await _mark(database, server.port, path, category))
                finally:
                    await database.close()
    return report


async def fill(database: asyncpg.Connection) -> None:
    """An inbox of unread items of one category, by the statement that plan uses."""
    event, now = UUID(new_id()), datetime.now(UTC)
    rows = [
        (
            UUID(new_id()),
            "default",
            PERSON,
            event,
            version,
            version,
            "order.shipped",
            "orders",
            "normal",
            f"Your order {version} is on its way",
            "[]",
            now,
            "0" * 32,
        )
        for version in range(1, ITEMS + 1)
    ]
    await database.execute(EVENT, event, now)
    await database.execute(INBOX, PERSON, ITEMS, ITEMS)
    await database.copy_records_to_table("notifications", columns=COLUMNS, records=rows)
    await database.execute("ANALYZE notifications")
    await database.execute("CHECKPOINT")


async def _mark(database: asyncpg.Connection, port: int, path: str, category: str | None) -> Report:
    token, _ = mint_token(TOKEN_SECRET, tenant="default", subscriber=PERSON, ttl_s=3600)
    headers = {"Authorization": f"Bearer {token}"}
    tabs = [await _tab(port, headers) for _ in range(SESSIONS)]
    which = {"up_to": ITEMS} | ({} if category is None else {"category": category})
    async with httpx2.AsyncClient(headers=headers, timeout=WAIT_S) as http:
        before, began = await database.fetchval(WAL), time.perf_counter()
        answer = await http.post(f"http://127.0.0.1:{port}/v1/inbox/read", json=which)
        took = time.perf_counter() - began
        wal_mib = (await database.fetchval(WAL) - before) / 2**20
    outcome = answer.json()
    if outcome["changed"] != ITEMS or outcome["unread"]:
        raise RuntimeError(f"the command on {ITEMS} items was answered by {outcome}")
    kib = max(await asyncio.gather(*(_received(tab, outcome) for tab in tabs))) / 1024
    more = {"WAL MiB": wal_mib, "KiB a session": kib}
    return Report(
        [Figure(path, "clarion", "s", cost=took, more=more)],
        [
            Claim(f"{path}: s for {ITEMS:,} items", took, GOAL_S, at_most=True),
            Claim(f"{path}: MiB of WAL", wal_mib, GOAL_WAL_MIB, at_most=True),
            Claim(f"{path}: KiB for each open session", kib, GOAL_KIB, at_most=True),
        ],
    )


async def _tab(port: int, headers: Mapping[str, str]) -> ClientConnection:
    """A session that has caught up."""
    url = f"ws://127.0.0.1:{port}/v1/live"
    tab = await connect(url, additional_headers=headers, compression=None, max_size=None)
    await tab.send('{"type":"hello"}')
    while json.loads(await tab.recv())["type"] != "caught_up":
        pass
    return tab


async def _received(tab: ClientConnection, outcome: Mapping[str, Any]) -> int:
    """Bytes of all frames up to the version of the command."""
    received, version = 0, 0
    async with asyncio.timeout(WAIT_S):
        while version < outcome["version"]:
            frame = await tab.recv()
            received += len(frame)
            version = json.loads(frame).get("version", version)
    await tab.close()
    return received
