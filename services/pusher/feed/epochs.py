"""Which history this process passes on (`clarion.records.epoch`), and what tells of another.

The row is read every `POLL_S`, and at once where a page of the store bears another epoch than the
known one. A change takes every feed back to nothing: what sessions were given is true no longer,
and each reads anew. The epoch is ended here where an inbox is behind what was passed on, and where
the row itself went back; a second pusher that finds the same finds it ended already. After the
server or the tables behind the address have changed, every head is compared at once, so that a
failover that lost nothing changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from clarion.errors import StoreUnavailable
from clarion.records.epoch import Epoch, end_epoch, read_epoch
from clarion.store.database import Database, Driver
from services.pusher.feed.feed import Feed
from services.pusher.feed.hub import Hub
from services.pusher.metrics import EPOCHS

log = structlog.get_logger("clarion.pusher")

POLL_S = 1.0


class LastDelivered(NamedTuple):
    """The last version that a feed passed on, and of which epoch."""

    epoch: str
    version: int


class Epochs:
    """The epoch of one hub. Every method that reads raises `StoreUnavailable`."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._hub = hub
        self._known: Epoch | None = None
        self._checked_server = ""
        """The server and tables whose heads were compared last; a crash of the loop keeps it."""
        self._read_lock = asyncio.Lock()
        """Reads follow one another, so that what the later one says is the newer."""

    @property
    def current(self) -> str:
        """As it was last read; empty before."""
        return self._known.value if self._known is not None else ""

    async def run(self, reconcile: Callable[[], Awaitable[None]]) -> None:
        """Keep up with the store, for ever; `check` compares every feed with its head."""
        while True:
            try:
                server = (await self.read()).server
                if self._checked_server not in ("", server):
                    await reconcile()
                self._checked_server = server
            except StoreUnavailable as error:
                log.warning("epoch_not_read", code=error.code)
            await asyncio.sleep(POLL_S)

    async def read(self) -> Epoch:
        """As it is now."""
        async with self._read_lock:
            return await self._read()

    def last_delivered(self, feed: Feed) -> LastDelivered:
        """As it is before the store is asked."""
        return LastDelivered(self.current, feed.version or 0)

    async def validate(self, before: LastDelivered, epoch: str, head: int) -> bool:
        """Whether what was read of a feed may be used; `before` is what it had passed on when that
        was asked for. Where it may not, the feed begins anew, for a `head` behind that ends the
        epoch. Where it may, nothing may be awaited between the answer and its use."""
        if epoch != self.current and epoch != (await self.read()).value:
            return False
        if before.epoch not in ("", epoch):
            return False  # what came since was perhaps passed over
        if head < before.version:
            await self._end(epoch, before.version, head)
        return head >= before.version

    async def _end(self, epoch: str, passed_on: int, head: int) -> None:
        log.warning("inbox_went_back", passed_on=passed_on, head=head)
        async with self._read_lock:
            if epoch == self.current:
                await self._database.run(lambda tx: end_epoch(tx, epoch))
                await self._read()

    async def _read(self) -> Epoch:
        found = await self._database.run(self._fetch)
        before, self._known = self._known, found
        if before is not None and before.value != found.value:
            EPOCHS.inc()
            log.warning("epoch_changed", sessions=sum(len(f.listeners) for f in self._feeds()))
            self._hub.restart_all()
        return found

    async def _fetch(self, tx: Driver) -> Epoch:
        found, known = await read_epoch(tx), self._known
        if known is not None and known.value != found.value and found.began_at <= known.began_at:
            await end_epoch(tx, found.value, known.began_at)  # the row is of a backup too
            found = await read_epoch(tx)
        return found

    def _feeds(self) -> tuple[Feed, ...]:
        return tuple(self._hub.feeds.values())
