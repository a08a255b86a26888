"""Moves dead letters from `clarion.parked` into the table, where they are listed and re-driven."""

from __future__ import annotations

import asyncio

import structlog

from clarion.bus.protocol import Bus, Received, Subscription, SubscriptionClosed
from clarion.contracts.media import media_type
from clarion.errors import StoreUnavailable
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database
from clarion.topology import PARKED
from services.notifier.fail_points import reach
from services.notifier.failures import is_condition
from services.notifier.intake import OURS, Identity, Malformed, undecodable
from services.notifier.plan.park import park

log = structlog.get_logger("clarion.notifier")

PREFETCH = 50

REASONS = {
    "rejected": "Refused: the message does not say what this queue works on.",
    "delivery_limit": "Given back too often: whoever took it died, or could not finish it.",
    "expired": "Its time in the queue ran out.",
    "maxlen": "The queue was full.",
}


class ParkedMover:
    """One worker of `clarion.parked`."""

    def __init__(self, bus: Bus, database: Database, identity: Identity) -> None:
        self._database = database
        self._identity = identity
        self._subscription: Subscription = bus.subscribe(PARKED, prefetch=PREFETCH)
        self._stopping = False

    async def run(self) -> None:
        """Move until `stop`. Raises what is not the database's condition: the messages stay."""
        failures = 0
        while True:
            try:
                messages = await self._subscription.take(PREFETCH)
            except SubscriptionClosed:
                return
            while not await self._move(messages):
                failures += 1
                if self._stopping:
                    await self._subscription.release(messages)
                    return
                await asyncio.sleep(min(5.0, backoff_s(failures)))
            failures = 0
            reach("parked.after_commit")
            await self._subscription.ack(messages)

    async def stop(self) -> None:
        """Take no more."""
        self._stopping = True
        await self._subscription.close()

    async def _move(self, messages: list[Received]) -> bool:
        try:
            async with self._database.driver() as tx:
                for message in messages:
                    queue, found = dead_letter(message, self._identity)
                    await park(tx, queue, [found])
        except Exception as error:
            if not isinstance(error, StoreUnavailable) and not is_condition(error):
                raise
            log.warning("parked_held", error=type(error).__name__)
            return False
        return True


def dead_letter(message: Received, identity: Identity) -> tuple[str, Malformed]:
    """(queue, what is kept) of a message that the broker parked; what others published belongs to
    the tenant of their AMQP user."""
    queue = message.headers.get("x-first-death-queue")
    name = queue if isinstance(queue, str) else PARKED
    if message.undecodable is not None:
        return name, undecodable(message, message.undecodable, identity)
    published = media_type(message.content_type) not in OURS
    tenant, source = (identity(message.user_id) if published else None) or (None, None)
    reason = message.headers.get("x-first-death-reason")
    trace = message.headers.get("traceparent")
    word = reason if isinstance(reason, str) else "unknown"
    return (
        name,
        Malformed(
            word,
            REASONS.get(word, "The broker gave no reason."),
            message.body,
            message.content_type,
            tenant,
            trace if isinstance(trace, str) else None,
            message.headers,
            source,
            again=message.redelivered,
        ),
    )
