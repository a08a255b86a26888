"""One consumer, re-created until it is stopped."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from itertools import count
from typing import Protocol

import structlog
from aio_pika.abc import AbstractChannel, AbstractQueue
from aiormq.channel import Channel

from clarion.bus.metrics import CONSUMER_RESTARTS
from clarion.bus.protocol import Received
from clarion.bus.rabbitmq.aiormq_internals import channel_under, when_closed
from clarion.bus.rabbitmq.backoff import Backoff
from clarion.bus.rabbitmq.connection import BrokerConnection
from clarion.bus.rabbitmq.delivery_parser import DeliveryParser
from clarion.bus.rabbitmq.outcome import BrokerFailure, is_cancelled, within
from clarion.bus.rabbitmq.slow_path import SlowPath
from clarion.bus.rabbitmq.supervised_connection import (
    OPEN_S,
    PROBE_INTERVAL_S,
    PROBE_TIMEOUT_S,
    SILENT_AFTER_S,
    SupervisedConnection,
)
from clarion.bus.rabbitmq.supervised_task import SupervisedTask
from clarion.errors import ConfigurationError

log = structlog.get_logger("clarion.bus")

QUIET_LOOKS = 3
"""Checks of an idle consumer until it is recreated."""

_generations = count(1)


class QueueReader(Protocol):
    """Who consumes: declares its queue on a new channel and gets what arrives."""

    name: str
    no_ack: bool

    async def declare(self, channel: AbstractChannel) -> AbstractQueue:
        """The queue to consume, with its bindings; sets the prefetch."""
        ...

    def on_consuming(self, generation: int) -> None:
        """Messages of this generation follow."""
        ...

    def deliver(self, message: Received) -> None:
        """One message; its `channel_generation` is the current generation."""
        ...

    def is_idle(self) -> bool:
        """Whether nothing is lost by a new consumer now."""
        ...

    def on_lost(self) -> None:
        """The generation ended: what is not settled comes again."""
        ...


class ConsumerLost(Exception):
    """The broker does not know our consumer any more."""


class SupervisedConsumer:
    """A channel and a consumer on it; recreated when the connection comes back, when the broker
    cancels it or closes its channel, and when a probe of the queue every 10 s finds no consumer.

    One idle for 30 s is recreated as well, because neither the broker nor the client
    may know that it is dead: where a quorum queue is deleted and declared again at once, RabbitMQ
    3.10 sends no `basic.cancel`, counts the consumer, and hands messages to it that never leave.
    """

    def __init__(self, connection: SupervisedConnection, reader: QueueReader) -> None:
        self._connection = connection
        self._reader = reader
        self._channel: AbstractChannel | None = None  # aio-pika refers to it weakly
        self._tag: str | None = None
        self._ended = asyncio.Event()
        self._backoff = Backoff()
        self._stopping = False
        self._renewing = False
        self._delivered = 0
        self._seen = 0
        self._quiet_looks = 0
        self._known_at = 0.0
        self.amqp: Channel | None = None
        self._task = SupervisedTask(f"bus-consumer-{reader.name}", self._run)
        self._task.start()

    @property
    def is_consuming(self) -> bool:
        """Whether it is known, or was until now and is being recreated."""
        return self.is_known or (self._renewing and self._is_recent)

    @property
    def is_known(self) -> bool:
        """Whether the broker has confirmed it and has not taken it back, and has lately given it
        a message or counted it."""
        return self._tag is not None and self._is_recent

    @property
    def _is_recent(self) -> bool:
        return time.monotonic() - self._known_at < SILENT_AFTER_S

    def renew(self) -> None:
        """Start over: the present state is unreliable."""
        self._ended.set()

    async def stop(self) -> None:
        """Cancel the consumer; its channel stays for what is not settled yet."""
        self._stopping = True
        tag, self._tag = self._tag, None
        if tag is None or self.amqp is None:
            self._task.stop()
            return
        try:
            await within(PROBE_TIMEOUT_S, self.amqp.basic_cancel(tag))
        except BrokerFailure:
            self._ended.set()

    async def end(self) -> None:
        """Close the channel: what is not settled goes back to its queue."""
        self._stopping = True
        await self._task.end()

    def abandon(self) -> None:
        """End without a word to the broker."""
        self._stopping = True
        self._task.stop()

    async def _run(self) -> None:
        while not self._stopping:
            connection = await self._connection.connected()
            self._renewing = await self._try(connection)
            if not self._renewing and self._connection.is_up and not self._stopping:
                CONSUMER_RESTARTS.labels(self._reader.name).inc()
                await asyncio.sleep(self._backoff.next_s())

    async def _try(self, connection: BrokerConnection) -> bool:
        try:
            channel = await within(OPEN_S, connection.channel(publisher_confirms=False))
            return await self._consume(channel, connection.parser)
        except BrokerFailure as failure:
            cause = repr(failure.__cause__)
            log.warning("bus_consumer_failed", queue=self._reader.name, error=cause)
        except (ConfigurationError, ConsumerLost) as error:
            log.warning("bus_consumer_failed", queue=self._reader.name, error=repr(error))
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            log.warning("bus_consumer_failed", queue=self._reader.name, error="cancelled by aiormq")
        except Exception:  # whatever it was, the next try may go better
            log.exception("bus_consumer_broke", queue=self._reader.name)
        return False

    async def _consume(self, channel: AbstractChannel, parser: DeliveryParser) -> bool:
        """Whether it was idle for so long that it should be recreated."""
        self._channel = channel
        self._ended = asyncio.Event()
        generation = next(_generations)
        tag = f"{self._reader.name}-{generation}"
        amqp = await channel_under(channel)
        ended = self._ended

        def deliver(message: Received) -> None:
            if not ended.is_set():
                self._know(tag)  # it may come before the answer to `basic.consume` is read
                self._delivered += 1
                self._reader.deliver(message)

        try:
            queue = await within(OPEN_S, self._reader.declare(channel))
            parser.consume(amqp.number, tag, deliver, generation)
            slow_path = SlowPath(amqp.number, parser)
            await self._begin(amqp, queue.name, tag, generation, slow_path)
            while not self._ended.is_set() and self._quiet_looks < QUIET_LOOKS:
                await self._watch(amqp, queue.name)
            self._renewing = not self._ended.is_set()
            return self._renewing
        finally:
            parser.forget(amqp.number, tag)
            self.amqp = self._tag = self._channel = None
            self._reader.on_lost()
            await _close(channel)

    def _know(self, tag: str) -> None:
        self._known_at = time.monotonic()
        if not self._stopping:
            self._tag = tag

    async def _begin(
        self, amqp: Channel, queue: str, tag: str, generation: int, slow_path: SlowPath
    ) -> None:
        reader, ended = self._reader, self._ended
        amqp.on_consumer_cancel_callbacks.add(lambda _: ended.set())
        when_closed(amqp, lambda _: ended.set())
        self.amqp = amqp
        self._seen, self._quiet_looks = self._delivered, 0
        reader.on_consuming(generation)
        consume = amqp.basic_consume(
            queue, slow_path.deliver, no_ack=reader.no_ack, consumer_tag=tag
        )
        await within(OPEN_S, consume)
        self._know(tag)
        self._renewing = False
        log.debug("bus_consuming", queue=reader.name)

    async def _watch(self, amqp: Channel, queue: str) -> None:
        try:
            async with asyncio.timeout(PROBE_INTERVAL_S):
                await self._ended.wait()
        except TimeoutError:
            if not self._stopping:
                await self._look(amqp, queue)

    async def _look(self, amqp: Channel, queue: str) -> None:
        found = await within(PROBE_TIMEOUT_S, amqp.queue_declare(queue, passive=True))
        if not found.consumer_count:
            raise ConsumerLost("the broker knows no consumer")
        self._known_at = time.monotonic()
        self._backoff.reset()
        if self._reader.is_idle() and self._delivered == self._seen:
            self._quiet_looks += 1
        else:
            self._seen, self._quiet_looks = self._delivered, 0


async def _close(channel: AbstractChannel) -> None:
    with suppress(BrokerFailure):  # it is gone already
        await within(PROBE_TIMEOUT_S, channel.close())
