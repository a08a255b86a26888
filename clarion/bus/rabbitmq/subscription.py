"""Consuming a work queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aio_pika.abc import AbstractChannel, AbstractQueue
from aiormq.channel import Channel

from clarion.bus.protocol import Received, SubscriptionClosed
from clarion.bus.rabbitmq.consumer import SupervisedConsumer
from clarion.bus.rabbitmq.declaration import declare_queue
from clarion.bus.rabbitmq.outcome import is_cancelled
from clarion.bus.rabbitmq.supervised_connection import SupervisedConnection
from clarion.topology import Queue

log = structlog.get_logger("clarion.bus")

SETTLE_S = 10.0
"""For writing an acknowledgement to a connection that accepts no data."""

Send = Callable[[Channel, int], Awaitable[None]]


class WorkSubscription:
    """See `clarion.bus.protocol.Subscription`.

    `_unsettled` holds every tag of this generation that the broker waits for, in order; `_settling`
    those being settled right now: no tag is settled twice, which would close the channel, and none
    is acknowledged along with its neighbours while it is being parked.
    """

    no_ack = False

    def __init__(self, connection: SupervisedConnection, queue: Queue, prefetch: int) -> None:
        self.name = queue.name
        self._queue = queue
        self._prefetch = prefetch
        self._generation = 0
        self._arrived: deque[Received] = deque()
        self._unsettled: dict[int, None] = {}
        self._settling: set[int] = set()
        self._wake = asyncio.Event()
        self._closed = False
        self._consumer = SupervisedConsumer(connection, self)

    @property
    def is_consuming(self) -> bool:
        return self._closed or self._consumer.is_consuming

    @property
    def has_consumer(self) -> bool:
        return self._closed or self._consumer.is_known

    async def take(self, limit: int) -> list[Received]:
        while not self._arrived:
            if self._closed:
                raise SubscriptionClosed
            self._wake.clear()
            await self._wake.wait()
        return [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]

    async def ack(self, messages: Sequence[Received]) -> None:
        tags = self._claim(messages)
        mine = set(tags)
        oldest_kept = next((tag for tag in self._unsettled if tag not in mine), None)
        together = [tag for tag in tags if oldest_kept is None or tag < oldest_kept]
        alone = tags[len(together) :]
        await self._settle([together] if together else [], _ack_up_to)
        await self._settle([[tag] for tag in alone], _ack_one)

    async def park(self, messages: Sequence[Received]) -> None:
        await self._settle([[tag] for tag in self._claim(messages)], _reject)

    async def release(self, messages: Sequence[Received]) -> None:
        await self._settle([[tag] for tag in self._claim(messages)], _hand_back)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        await self._consumer.stop()
        untaken = list(self._arrived)
        self._arrived.clear()
        await self.release(untaken)

    async def end(self) -> None:
        """Close the channel: what is not settled goes back."""
        await self._consumer.end()

    def abandon(self) -> None:
        """The connection is about to close: do not wait."""
        self._consumer.abandon()

    async def declare(self, channel: AbstractChannel) -> AbstractQueue:
        await channel.set_qos(prefetch_count=self._prefetch)
        await declare_queue(channel, self._queue)
        return await channel.get_queue(self._queue.name, ensure=False)

    def on_consuming(self, generation: int) -> None:
        self._generation = generation

    def deliver(self, message: Received) -> None:
        self._unsettled[message.tag] = None
        self._arrived.append(message)
        self._wake.set()

    def is_idle(self) -> bool:
        return not self._unsettled

    def on_lost(self) -> None:
        self._generation = 0
        self._arrived.clear()
        self._unsettled.clear()
        self._settling.clear()

    def _claim(self, messages: Sequence[Received]) -> list[int]:
        """The tags of these, in order, that are of this generation and not being settled yet."""
        tags = sorted(
            one.tag
            for one in messages
            if one.channel_generation == self._generation
            and one.tag in self._unsettled
            and one.tag not in self._settling
        )
        self._settling.update(tags)
        return tags

    async def _settle(self, groups: list[list[int]], send: Send) -> None:
        """Settle each group by its last tag. What a lost channel does not take comes again."""
        generation = self._generation
        waiting = deque(groups)
        try:
            while waiting and generation == self._generation and self._consumer.amqp is not None:
                async with asyncio.timeout(SETTLE_S):
                    await send(self._consumer.amqp, waiting[0][-1])
                for tag in waiting.popleft():
                    self._unsettled.pop(tag, None)
                    self._settling.discard(tag)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            log.debug("bus_settled_too_late", queue=self.name)
        except TimeoutError:  # the broker does not read: all of it is redelivered
            log.warning("bus_settled_not", queue=self.name)
            self._consumer.renew()
        except Exception as error:  # whatever aiormq makes of a channel that is gone
            log.debug("bus_settled_too_late", queue=self.name, error=repr(error))
        finally:
            if generation == self._generation:
                self._settling.difference_update(tag for group in waiting for tag in group)
        if self._closed and not self._unsettled:
            await self._consumer.end()


async def _ack_up_to(amqp: Channel, tag: int) -> None:
    await amqp.basic_ack(tag, multiple=True, wait=False)


async def _ack_one(amqp: Channel, tag: int) -> None:
    await amqp.basic_ack(tag, wait=False)


async def _reject(amqp: Channel, tag: int) -> None:
    await amqp.basic_reject(tag, requeue=False, wait=False)


async def _hand_back(amqp: Channel, tag: int) -> None:
    await amqp.basic_nack(tag, requeue=True, wait=False)
