"""Moves dead letters from `clarion.parked` into the table `parked`, where they are listed and
redriven."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from clarion.bus.protocol import Bus, Received, Subscription, SubscriptionClosed
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database
from clarion.topology import PARKED, events_queue
from services.notifier.fail_points import reach
from services.notifier.ingest.diverted_events import DivertedEvents
from services.notifier.messages.parser import (
    Identity,
    Malformed,
    MessageParser,
)
from services.notifier.parking.dead_letters import DeadLetters, dead_letter

log = structlog.get_logger("clarion.notifier")

PREFETCH = 50


class ParkedMover:
    """One worker of `clarion.parked`. What was turned aside on its way to a lane is no dead letter:
    it is brought to that lane."""

    def __init__(
        self,
        bus: Bus,
        database: Database,
        identity: Identity,
        own_users: frozenset[str],
    ) -> None:
        self._diverted = DivertedEvents(bus, MessageParser(identity, own_users))
        self._database = database
        self._identity = identity
        self._own_users = own_users
        self._subscription: Subscription = bus.subscribe(PARKED, prefetch=PREFETCH)
        self._stopping = False

    async def run(self) -> None:
        """Run until `stop`. Raises errors that are not transient; the messages then stay in the
        queue."""
        failures = 0
        while True:
            try:
                messages = await self._subscription.take(PREFETCH)
            except SubscriptionClosed:
                return
            left: Sequence[Received] = messages
            while left := await self._move(left):
                failures += 1
                if self._stopping:
                    await self._subscription.ack(
                        [message for message in messages if message not in left]
                    )
                    await self._subscription.release(left)
                    return
                await asyncio.sleep(min(5.0, backoff_s(failures)))
            failures = 0
            reach("parked.after_commit")
            await self._subscription.ack(messages)

    async def stop(self) -> None:
        """Stop consuming."""
        self._stopping = True
        await self._subscription.close()

    async def _move(self, messages: Sequence[Received]) -> list[Received]:
        """Store or republish the messages; returns those to be retried."""
        diverted = await self._diverted.publish_diverted(messages)
        held = [event.message for event in diverted if not event.is_published]
        malformed = {_number(event.message): event.malformed for event in diverted}
        store = DeadLetters(self._database, partial(self._read, malformed))
        return held + await store.keep([message for message in messages if message not in held])

    def _read(
        self, malformed: Mapping[tuple[int, int], Sequence[Malformed]], message: Received
    ) -> tuple[str, Sequence[Malformed]]:
        if (parts := malformed.get(_number(message))) is not None:
            return events_queue(message.routing_key), parts
        return dead_letter(message, self._identity, self._own_users)


def _number(message: Received) -> tuple[int, int]:
    return message.channel_generation, message.tag
