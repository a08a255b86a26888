"""Audit records of minted tokens, without a transaction for each.

Minting touches no database: records wait here for half a second at most and are written in
batches. While the database is unavailable they wait longer; above the bound they are counted as
lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.errors import Problem
from clarion.records.audit import change_row
from clarion.store.database import Database
from clarion.store.tables import audit
from clarion.tokens.api_keys import ApiKey
from services.gateway.metrics import AUDIT_LOST

ACTION = "token.mint"
FLUSH_EVERY_S = 0.5
MAX_BATCH = 1_000
MAX_WAITING = 50_000

log = structlog.get_logger("clarion.gateway")


class MintedTokens:
    """Audit records not yet written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[dict[str, Any]] = deque()
        self._some = asyncio.Event()
        self._writing = asyncio.Lock()

    def note(self, key: ApiKey, subscriber: str, expires_at: datetime, publish: list[str]) -> None:
        """Record that the holder of `key` minted a token for this subscriber."""
        if len(self._waiting) >= MAX_WAITING:
            AUDIT_LOST.inc()
            return
        detail = {"expires_at": expires_at.isoformat(), "publish": publish}
        row = change_row(key.tenant, key.name, ACTION, (subscriber, detail))
        self._waiting.append(row | {"at": datetime.now(UTC)})
        self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                await self.flush()
            except Problem as problem:
                log.warning("audit_retried", reason=problem.code, waiting=len(self._waiting))

    async def flush(self) -> None:
        """Write all waiting records. Raises `StoreUnavailable`, and keeps them."""
        async with self._writing:
            while self._waiting:
                rows = [self._waiting[n] for n in range(min(MAX_BATCH, len(self._waiting)))]
                # a batch with an unanswered COMMIT is written again
                await self._database.run_core(partial(_write, rows))
                for _ in rows:
                    self._waiting.popleft()
            self._some.clear()

    async def close(self, timeout_s: float) -> None:
        """Write waiting records within the time limit."""
        with suppress(Problem, TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.flush()
        if self._waiting:
            AUDIT_LOST.inc(len(self._waiting))
            log.error("audit_lost", rows=len(self._waiting))


async def _write(rows: Sequence[dict[str, Any]], connection: AsyncConnection) -> None:
    await connection.execute(insert(audit).on_conflict_do_nothing(), rows)
