"""A relay: publishes the rows of an outbox table to Clarion, at least once.

Any number may run side by side. It needs `asyncpg` and `httpx2`, and the environment variables
DATABASE_URL, CLARION_URL and CLARION_API_KEY. Repeats do no harm: Clarion deduplicates by the
event's id.
"""

from __future__ import annotations

import asyncio
import json
import os
from http import HTTPStatus
from typing import Any

import asyncpg
import httpx2

IDLE_S = 1.0
TRY_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

TAKE = """
SELECT position, event::text AS event FROM outbox WHERE sent_at IS NULL AND refusal IS NULL
ORDER BY position LIMIT 500 FOR UPDATE SKIP LOCKED
"""
MARK = """
UPDATE outbox o SET sent_at = CASE WHEN r.refusal IS NULL THEN now() END, refusal = r.refusal::jsonb
FROM unnest($1::bigint[], $2::text[]) AS r (position, refusal) WHERE o.position = r.position
"""


async def relay_once(connection: Any, client: httpx2.AsyncClient) -> float:
    """Publish one batch; seconds to wait before the next."""
    async with connection.transaction():
        rows = await connection.fetch(TAKE)
        if not rows:
            return IDLE_S
        events = f"[{','.join(row['event'] for row in rows)}]"
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/v1/events?partial=true", content=events, headers=headers)
        if answer.status_code in TRY_LATER:
            return float(answer.headers.get("Retry-After", IDLE_S))
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        refusals = [json.dumps(item) if "code" in item else None for item in items]
        await connection.execute(MARK, [row["position"] for row in rows], refusals)
        return 0.0


async def main() -> None:
    """Relay until stopped. An outage of either side is waited for; a refused key ends it."""
    key = {"Authorization": f"Bearer {os.environ['CLARION_API_KEY']}"}
    async with httpx2.AsyncClient(base_url=os.environ["CLARION_URL"], headers=key) as client:
        while True:
            try:
                connection: Any = await asyncpg.connect(os.environ["DATABASE_URL"])
                try:
                    while True:
                        wait_s = await relay_once(connection, client)
                        await asyncio.sleep(wait_s)
                finally:
                    await connection.close()
            except (OSError, asyncpg.PostgresError, httpx2.TransportError) as error:
                print(f"{type(error).__name__}: {error}")
                await asyncio.sleep(IDLE_S)


if __name__ == "__main__":
    asyncio.run(main())
