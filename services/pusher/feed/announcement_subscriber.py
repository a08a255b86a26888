"""Subscribes to `clarion.live`, hands frames to the hub, and reconciles after interruptions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from clarion.bus import Bus, LiveSubscription, Received
from clarion.contracts.announcement import (
    ANNOUNCEMENT_CONTENT_TYPE,
    FeedFrame,
    decode_announcement,
)
from clarion.contracts.revocation import REVOCATION_CONTENT_TYPE, Revocation
from clarion.errors import StoreUnavailable
from clarion.topology import LIVE_ALL
from services.pusher.access.revocations import Revocations
from services.pusher.feed.gaps import RECONCILE_S, GapFiller
from services.pusher.feed.hub import Hub
from services.pusher.metrics import FOREIGN_ANNOUNCEMENTS

log = structlog.get_logger("clarion.pusher")

BATCH_SIZE = 32
POLL_S = 0.5
WARNING_INTERVAL_S = 60.0
FOREIGN_PUBLISHER = (
    "A user outside CLARION_AMQP_OWN_USERS publishes to clarion.live; its messages are ignored."
)

_revocation = msgspec.msgpack.Decoder(Revocation).decode


class AnnouncementSubscriber:
    """`run` and `watch` run side by side until they are cancelled. Announcements of other users
    than `own_users` are ignored and counted."""

    def __init__(
        self,
        bus: Bus,
        hub: Hub,
        gaps: GapFiller,
        revocations: Revocations,
        keys: Sequence[str] = (),
        *,
        own_users: frozenset[str],
    ) -> None:
        self._bus = bus
        self._own_users = own_users
        self._hub = hub
        self._gaps = gaps
        self._revocations = revocations
        self._keys = {LIVE_ALL, *keys}
        self._subscription: LiveSubscription | None = None
        self._next_warning_at = 0.0

    async def run(self) -> None:
        """Receive until cancelled."""
        subscription = self._subscription = self._bus.listen(list(self._keys))
        try:
            while True:
                self._handle(await subscription.take(BATCH_SIZE))
                await asyncio.sleep(0)
        finally:
            self._subscription = None
            await subscription.close()

    async def watch(self) -> None:
        """Reconcile all feeds with the store after each interruption of the subscription and every
        `RECONCILE_S`; those that received an old version, at once."""
        loop = asyncio.get_running_loop()
        checked, checked_at = self.epoch(), loop.time()
        while True:
            await asyncio.sleep(POLL_S)
            epoch = self.epoch()
            outdated, is_due = self._hub.outdated, loop.time() - checked_at >= RECONCILE_S
            if epoch == checked and not is_due and not outdated:
                continue
            outdated = self._hub.take_outdated()
            try:
                if epoch == checked and not is_due:
                    await self._gaps.reconcile(outdated)
                    continue
                await self._gaps.reconcile()
            except StoreUnavailable:
                log.warning("check_waits_for_database")
                continue
            checked, checked_at = epoch, loop.time()

    async def bind(self, key: str) -> None:
        """As `LiveSubscription.bind`."""
        self._keys.add(key)
        if self._subscription is not None:
            await self._subscription.bind(key)

    async def unbind(self, key: str) -> None:
        """As `LiveSubscription.unbind`."""
        self._keys.discard(key)
        if self._subscription is not None:
            await self._subscription.unbind(key)

    def epoch(self) -> tuple[int, int]:
        """As `LiveSubscription.epoch`, across subscriptions."""
        subscription = self._subscription
        return id(subscription), subscription.epoch() if subscription is not None else 0

    def _reject(self) -> None:
        FOREIGN_ANNOUNCEMENTS.inc()
        now = asyncio.get_running_loop().time()
        if now >= self._next_warning_at:  # a flood must not fill the log
            self._next_warning_at = now + WARNING_INTERVAL_S
            log.warning("announcement_not_allowed", detail=FOREIGN_PUBLISHER)

    def _handle(self, batch: Sequence[Received]) -> None:
        # Announced together, so that the frames of one feed are one write
        announced: list[FeedFrame] = []
        for received in batch:
            if received.user_id not in self._own_users:
                self._reject()
                continue
            if received.undecodable is not None:
                log.error("announcement_undecodable", detail=received.undecodable.detail)
                continue
            try:
                if received.content_type == ANNOUNCEMENT_CONTENT_TYPE:
                    announced += decode_announcement(received.body).frames
                elif received.content_type == REVOCATION_CONTENT_TYPE:
                    self._revocations.apply(_revocation(received.body))
            except msgspec.MsgspecError:
                log.error("announcement_malformed", bytes=len(received.body))
        self._hub.announce(announced)
