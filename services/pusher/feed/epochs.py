"""The epoch that this process delivers (`clarion.records.epoch`), and how a change is detected.

The row is polled every `POLL_S`, and read at once when a page carries an unknown epoch. A change
resets every feed, because the delivered history is no longer valid, and every session replays. The
epoch is ended here when an inbox is behind the delivered version, and when the row itself went
back; a second pusher with the same finding sees it ended already. When the server or the tables
behind the address have changed, every head is compared at once, so that a failover without loss
changes nothing.
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
    """The last version that a feed delivered, and its epoch."""

    epoch: str
    version: int


class Epochs:
    """The epoch of one hub. Every method that reads raises `StoreUnavailable`."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._hub = hub
        self._known: Epoch | None = None
        self._checked_server = ""
        """The server and tables whose heads were compared last; survives a restart of `run`."""
        self._read_lock = asyncio.Lock()
        """Serialises reads, so that the later one is the newer."""

    @property
    def current(self) -> str:
        """As last read; empty before."""
        return self._known.value if self._known is not None else ""

    async def run(self, reconcile: Callable[[], Awaitable[None]]) -> None:
        """Poll until cancelled; `reconcile` compares every feed with its head."""
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
        async with self._read_lock:
            return await self._read()

    def last_delivered(self, feed: Feed) -> LastDelivered:
        """To be taken before a read of the store."""
        return LastDelivered(self.current, feed.version or 0)

    async def validate(self, before: LastDelivered, epoch: str, head: int) -> bool:
        """Whether a page of a feed may be used; `before` is from before the read. A `head` behind
        it ends the epoch. Await nothing between a `True` and the use of the page."""
        if epoch != self.current and epoch != (await self.read()).value:
            return False
        if before.epoch not in ("", epoch):
            return False  # frames in between may have been ignored
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
            # The row was restored from a backup too
            await end_epoch(tx, found.value, known.began_at)
            found = await read_epoch(tx)
        return found

    def _feeds(self) -> tuple[Feed, ...]:
        return tuple(self._hub.feeds.values())
