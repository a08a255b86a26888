"""Receipts: the versions that each session was sent and has acknowledged, for the history.

Nothing is written per frame. Receipts of sessions that acknowledged something or ended are recorded
at once, others every `SWEEP_S`, and written every `FLUSH_S`, one statement per `BATCH`. While the
store is unavailable up to `MAX_PENDING` wait; a killed process loses those of the last `FLUSH_S`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog

from clarion.contracts.ids import lowest_id_at
from clarion.errors import StoreUnavailable
from clarion.store.database import Database
from services.pusher.feed.feed import Feed
from services.pusher.metrics import LOST_RECEIPTS

log = structlog.get_logger("clarion.pusher")

FLUSH_S = 2.0
SWEEP_S = 10.0
BATCH = 1_000
MAX_PENDING = 100_000
RETENTION = timedelta(days=30)
TRIM_EVERY_S = 3600.0

WRITE = """
INSERT INTO receipts (session, tenant, subscriber, written, acknowledged)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
ON CONFLICT (session) DO UPDATE SET
    written = greatest(receipts.written, excluded.written),
    acknowledged = greatest(receipts.acknowledged, excluded.acknowledged),
    at = now()
"""
TRIM = """
DELETE FROM receipts WHERE session IN
    (SELECT session FROM receipts WHERE session < $1::uuid ORDER BY session LIMIT $2)
"""


class ReceiptSession(Protocol):
    """A session from the view of its receipt."""

    id: str
    version: int
    acknowledged: int
    recorded_version: int
    """The version of its last receipt."""

    @property
    def feed(self) -> Feed | None:
        """None until it is authenticated."""
        ...

    def acknowledge(self, version: int) -> bool:
        """Whether the client had handled less before."""
        ...

    def on_recorded(self) -> None:
        """Its receipt holds `version`."""
        ...


class Receipt(NamedTuple):
    """A row of the table."""

    session: UUID
    tenant: str
    subscriber: str
    written: int
    acknowledged: int


class Receipts:
    """The receipts of this process's sessions."""

    def __init__(
        self, database: Database, sessions: Callable[[], Iterable[ReceiptSession]]
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._pending: dict[str, Receipt] = {}

    def acknowledge(self, session: ReceiptSession, version: int) -> None:
        """The client has handled everything up to `version`, as far as it was sent."""
        if session.acknowledge(version):
            self.record(session)

    def record(self, session: ReceiptSession) -> None:
        """Write the session's receipt soon, unless it was sent nothing."""
        feed = session.feed
        if feed is None or session.version == 0:
            return
        if session.id not in self._pending and len(self._pending) >= MAX_PENDING:
            LOST_RECEIPTS.inc()
            return
        session.on_recorded()
        self._pending[session.id] = Receipt(
            UUID(session.id), feed.tenant, feed.subscriber, session.version, session.acknowledged
        )

    def sweep(self) -> None:
        """Record every session that was sent something since its last receipt."""
        for session in tuple(self._sessions()):
            if session.version > session.recorded_version:
                self.record(session)

    async def run(self) -> None:
        """Write until cancelled."""
        swept_at = time.monotonic()
        while True:
            await asyncio.sleep(FLUSH_S)
            if time.monotonic() >= swept_at + SWEEP_S:
                swept_at = time.monotonic()
                self.sweep()
            await self._try_to_flush()

    async def close(self) -> None:
        """Write the pending receipts, once."""
        await self._try_to_flush()
        if self._pending:
            LOST_RECEIPTS.inc(len(self._pending))
            self._pending.clear()

    async def flush(self) -> None:
        """Write the pending receipts. Raises `StoreUnavailable`; unwritten ones stay pending."""
        while self._pending:
            batch = dict(islice(self._pending.items(), BATCH))
            columns = [list(column) for column in zip(*batch.values(), strict=True)]
            async with self._database.driver() as connection:
                await connection.execute(WRITE, *columns)
            for name, written in batch.items():
                if self._pending.get(name) is written:
                    del self._pending[name]

    async def trim(self) -> None:
        """Delete expired receipts until cancelled, at jittered intervals."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * TRIM_EVERY_S)  # noqa: S311 # only spreads
            try:
                await self.trim_before(datetime.now(UTC) - RETENTION)
            except StoreUnavailable as error:
                log.warning("receipts_not_trimmed", code=error.code)

    async def trim_before(self, moment: datetime) -> None:
        """Delete the receipts of sessions opened before. Raises `StoreUnavailable`."""
        deleted = BATCH
        while deleted == BATCH:
            async with self._database.driver() as connection:
                status = await connection.execute(TRIM, lowest_id_at(moment), BATCH)
            deleted = int(status.rpartition(" ")[2])

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except StoreUnavailable as error:
            log.warning("receipts_not_written", noted=len(self._pending), code=error.code)
