"""Dead letters of the broker: their reasons, and storing them in `parked`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import structlog

from clarion.bus.protocol import Received
from clarion.contracts.event import LANES
from clarion.contracts.media import media_type
from clarion.contracts.parking import NOT_ALLOWED, OURS, UNROUTABLE
from clarion.store.database import Database
from clarion.topology import EVENTS, PARKED, PASSING, QUEUES
from services.notifier.failures import can_plan, exceeds_limit, is_transient
from services.notifier.messages.parser import (
    ONLY_CLARION,
    Identity,
    Malformed,
    no_tenant_for,
    undecodable,
)
from services.notifier.parking.park import body_only, park

log = structlog.get_logger("clarion.notifier")

EVENT_QUEUES = frozenset(queue.name for queue in QUEUES if queue.exchange == EVENTS)
"""Queues to which other programs publish too."""

KNOWN_QUEUES = frozenset(queue.name for queue in QUEUES)

NO_LANE = f"No queue of {EVENTS} has its routing key, which must be one of: {', '.join(LANES)}."

REASONS = {
    "rejected": "Refused: the message does not say what this queue works on.",
    "delivery_limit": "Given back too often: whoever took it died, or could not finish it.",
    "expired": "Its time in the queue ran out.",
    "maxlen": "The queue was full.",
}


Read = Callable[[Received], tuple[str, Sequence[Malformed]]]
"""(queue, parts to store) of a message."""


class DeadLetters:
    """Writes dead letters to the table."""

    def __init__(self, database: Database, read: Read) -> None:
        self._database = database
        self._read = read

    async def keep(self, messages: Sequence[Received]) -> list[Received]:
        """Store the messages; returns those that the database cannot store now. Raises errors that
        are not transient."""
        try:
            await self._keep(messages)
        except Exception as error:
            if is_transient(error) and not (
                exceeds_limit(error) and await can_plan(self._database)
            ):
                log.warning("dead_letters_retried", error=type(error).__name__)
                return list(messages)
            if len(messages) == 1:
                return await self._keep_body_only(messages[0], error)
            # one by one: an error of one message must not affect the others
            return [left for message in messages for left in await self.keep([message])]
        return []

    async def _keep(self, messages: Sequence[Received]) -> None:
        async with self._database.driver() as tx:
            for message in messages:
                queue, malformed = self._read(message)
                await park(tx, queue, malformed)

    async def _keep_body_only(self, message: Received, error: Exception) -> list[Received]:
        """Store only the body of a message whose properties cannot be stored. Raises errors that
        are not transient."""
        log.error("dead_letter_body_only", error=type(error).__name__)
        try:
            async with self._database.driver() as tx:
                malformed = Malformed("unknown", "", message.body, message.content_type)
                await park(tx, PARKED, [body_only(malformed)])
        except Exception as failure:
            if not is_transient(failure):
                raise
            log.warning("dead_letters_retried", error=type(failure).__name__)
            return [message]
        return []


def dead_letter(
    message: Received, identity: Identity, own_users: frozenset[str]
) -> tuple[str, Sequence[Malformed]]:
    """(queue, parts to store) of a message that the broker dead-lettered, or that was published to
    `clarion.parked`.

    Messages of other programs for a queue of events belong to the tenant of their AMQP user. They
    may publish to no other queue, whatever the headers say.
    """
    # a dead-lettered message has the dead-letter exchange
    is_unroutable = message.exchange == EVENTS or _last_death(message) == (PASSING, EVENTS)
    queue = PARKED if is_unroutable else _queue_of(message)
    if message.undecodable is not None:
        return queue, [undecodable(message, message.undecodable, identity)]
    reason = message.headers.get("x-first-death-reason")
    word = reason if isinstance(reason, str) and reason in REASONS else "unknown"
    detail = REASONS.get(word, "The broker gave no reason.")
    if is_unroutable:
        word, detail = UNROUTABLE, NO_LANE
    is_event = is_unroutable or queue in EVENT_QUEUES
    tenant = source = None
    if media_type(message.content_type) in OURS or not is_event:
        if message.user_id not in own_users:
            word, detail = NOT_ALLOWED, ONLY_CLARION
    elif (publisher := identity(message.user_id)) is not None:
        tenant, source = publisher
    else:
        word, detail = NOT_ALLOWED, no_tenant_for(message.user_id)
    return queue, [_kept(message, word, detail, tenant, source)]


def refused_job(
    message: Received, queue: str, identity: Identity, own_users: frozenset[str]
) -> tuple[str, Sequence[Malformed]]:
    """As `dead_letter`, for a message that a queue of deliveries refuses."""
    if message.undecodable is not None:
        return queue, [undecodable(message, message.undecodable, identity)]
    if message.user_id not in own_users:
        return queue, [_kept(message, NOT_ALLOWED, ONLY_CLARION)]
    return queue, [_kept(message, "rejected", REASONS["rejected"])]


def _kept(
    message: Received,
    word: str,
    detail: str,
    tenant: str | None = None,
    source: str | None = None,
) -> Malformed:
    trace = message.headers.get("traceparent")
    return Malformed(
        word,
        detail,
        message.body,
        message.content_type,
        tenant,
        trace if isinstance(trace, str) else None,
        message.headers,
        source,
        again=message.redelivered,
    )


def _queue_of(message: Received) -> str:
    """The queue that dead-lettered the message last."""
    queue, _ = _last_death(message)
    if queue is None:
        queue = message.headers.get("x-first-death-queue")
    return queue if isinstance(queue, str) and queue in KNOWN_QUEUES else PARKED


def _last_death(message: Received) -> tuple[object, object]:
    """The queue and the original exchange of the last death: the broker prepends them to `x-death`,
    whatever the publisher wrote there. (None, None) if the message was not dead-lettered."""
    deaths = message.headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None, None
    death = cast("dict[str, object]", deaths[0])
    return death.get("queue"), death.get("exchange")
