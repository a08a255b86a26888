"""Sends deliveries of one channel and lane: claim, call the provider, record, acknowledge.

A job is a hint: only the sender that claims the row sends, and a duplicate or late job has no
effect. If a sender dies, dispatch publishes the delivery again after the lease has expired. The
same happens to a delivery whose row cannot be written because another transaction locks it; it
occupies no slot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from clarion.bus.protocol import Bus, Received, Subscription, SubscriptionClosed
from clarion.contracts.job import JOBS_CONTENT_TYPE, Job, Jobs
from clarion.contracts.media import media_type
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database
from clarion.telemetry.trace import set_current_trace
from clarion.topology import LEAST_CONSUMER_TIMEOUT_S, deliveries_queue
from services.notifier import metrics
from services.notifier.deliver.delivery_attempts import DeliveryAttempts
from services.notifier.deliver.leases import Lease
from services.notifier.fail_points import reach
from services.notifier.failures import TookTooLong
from services.notifier.messages.parser import Identity
from services.notifier.parking.dead_letters import DeadLetters, refused_job
from services.notifier.providers.provider_chain import ProviderChain
from services.notifier.transient_retry import Stopped

log = structlog.get_logger("clarion.notifier")

PREFETCH = 8

MAX_HELD_S = LEAST_CONSUMER_TIMEOUT_S / 2.5
"""The longest time before a message is acknowledged. Slow claims, an unavailable database or slow
providers must not exceed the broker's consumer timeout, which would close the channel and redeliver
all its messages. Unclaimed deliveries remain in the table and are dispatched like lost jobs."""

_jobs = msgspec.json.Decoder(Jobs)


class Sender:
    """One worker of one queue; sends at most `concurrency` deliveries at once. Accepts jobs from
    `own_users` only; all other messages are dead-lettered for the tenant of `identity`."""

    def __init__(
        self,
        channel: str,
        lane: str,
        *,
        bus: Bus,
        database: Database,
        chain: ProviderChain,
        concurrency: int,
        timeout_s: float,
        identity: Identity,
        own_users: frozenset[str],
    ) -> None:
        self.channel = channel
        self.lane = lane
        self.waiting: set[UUID] = set()
        """Deliveries whose jobs have arrived and that are not claimed yet."""
        self.reached: datetime | None = None
        """Progress in the queue: the latest `queued_until` of all claimed deliveries."""
        self._idle_since = time.monotonic()
        self._own_users = own_users
        self._slots = asyncio.Semaphore(concurrency)
        queue = deliveries_queue(channel, lane)
        self._subscription: Subscription = bus.subscribe(queue, prefetch=PREFETCH)
        self._store = DeadLetters(database, lambda m: refused_job(m, queue, identity, own_users))
        self._stopping = asyncio.Event()
        self._attempts = DeliveryAttempts(
            channel,
            database=database,
            chain=chain,
            timeout_s=timeout_s,
            stopping=self._stopping,
        )
        self._in_hand: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until `stop`, and finish the attempts in progress."""
        while True:
            try:
                messages = await self._subscription.take(PREFETCH)
            except SubscriptionClosed:
                break
            for message in messages:
                task = asyncio.create_task(self._work(message))
                self._in_hand.add(task)
                task.add_done_callback(self._done)
        if self._in_hand:
            await asyncio.wait(self._in_hand)

    def idle_s(self, now: float) -> float:
        """Seconds since the sender last had work."""
        return 0.0 if self._in_hand else now - self._idle_since

    def cut(self) -> int:
        """Cancel the attempts in progress; they are recorded as `Unknown`. Returns their number."""
        return self._attempts.cut()

    async def stop(self) -> None:
        """Start no more attempts. Does not wait for those in progress."""
        self._stopping.set()
        await self._subscription.close()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._idle_since = time.monotonic()

    async def _work(self, message: Received) -> None:
        jobs = self._read(message)
        if jobs is None:
            await self._refuse(message)
            return
        work = asyncio.create_task(self._deliver_all(jobs))
        await asyncio.wait({work}, timeout=MAX_HELD_S)
        if not work.done() or work.result():
            await self._subscription.ack([message])
            reach("send.after_ack")
        else:
            await self._subscription.release([message])
        await work  # attempts in progress have leases and do not need the message

    async def _refuse(self, message: Received) -> None:
        # not by the broker: RabbitMQ 3.10 stops dead-lettering for everybody over a forged x-death
        failures = 0
        try:
            while await self._store.keep([message]):
                failures += 1
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), backoff_s(failures))
                if self._stopping.is_set():
                    await self._subscription.release([message])
                    return
        except Exception:
            log.exception("refusal_not_kept", channel=self.channel)
            await self._subscription.release([message])
            return
        reach("parked.after_commit")
        await self._subscription.ack([message])

    def _read(self, message: Received) -> list[Job] | None:
        is_ours = message.user_id in self._own_users and message.undecodable is None
        if not is_ours or media_type(message.content_type) != JOBS_CONTENT_TYPE:
            return None
        try:
            return _jobs.decode(message.body).jobs
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    async def _deliver_all(self, jobs: Sequence[Job]) -> bool:
        """Send all jobs; returns whether the message can be acknowledged."""
        traces = {job.delivery: job.traceparent for job in jobs}
        left = list(traces)
        self.waiting.update(left)
        async with asyncio.TaskGroup() as group:
            try:
                await self._claim_all(left, traces, group, time.monotonic() + MAX_HELD_S)
            except TimeoutError:
                log.warning("jobs_left", channel=self.channel, lane=self.lane, jobs=len(left))
            self.waiting.difference_update(left)
        return not (left and self._stopping.is_set())

    async def _claim_all(
        self,
        left: list[UUID],
        traces: Mapping[UUID, str],
        group: asyncio.TaskGroup,
        until: float,
    ) -> None:
        """Claim and start the deliveries of `left`, removing them, until the service stops. Raises
        `TimeoutError` after `until`; a claim that may have committed is never cancelled."""
        together = len(left)
        while left:
            if time.monotonic() >= until:
                raise TimeoutError
            async with asyncio.timeout_at(until):
                free = await self._take_slots(min(len(left), together))
            try:
                leases = await self._claim(left[:free], free, until)
            except TookTooLong:
                together = 1  # so that a slow delivery does not delay the others
                continue
            if leases is None:
                return
            self.waiting.difference_update(left[:free])
            del left[:free]
            for lease in leases:
                group.create_task(self._one(lease, traces[lease.delivery.id]))

    async def _take_slots(self, wanted: int) -> int:
        """Wait for one slot and take further free ones, so that a lease begins with its attempt."""
        await self._slots.acquire()
        taken = 1
        while taken < wanted and not self._slots.locked():
            await self._slots.acquire()
            taken += 1
        return taken

    async def _claim(
        self, deliveries: Sequence[UUID], slots: int, until: float
    ) -> list[Lease] | None:
        """Leases with a slot each; None after the service stopped. Raises `TookTooLong` if several
        deliveries are too slow together; a single one is skipped."""
        leases: list[Lease] = []
        try:
            leases = await self._attempts.claim(deliveries, until)
            reached = (self.reached, *(lease.queued_until for lease in leases))
            self.reached = max((moment for moment in reached if moment is not None), default=None)
        except Stopped:
            return None
        except TookTooLong as error:
            if len(deliveries) > 1:
                raise
            self._leave(deliveries[0], error)
        except TimeoutError:
            raise
        except Exception:
            log.exception("claim_failed", channel=self.channel, deliveries=len(deliveries))
        finally:
            for _ in range(slots - len(leases)):
                self._slots.release()
        return leases

    async def _one(self, lease: Lease, traceparent: str) -> None:
        set_current_trace(traceparent)
        try:
            await self._attempts.deliver(lease)
        except TookTooLong as error:
            self._leave(lease.delivery.id, error)
        except Exception:
            log.exception("send_failed", channel=self.channel, delivery=str(lease.delivery.id))
        finally:
            self._slots.release()

    def _leave(self, delivery: UUID, error: TookTooLong) -> None:
        """Skip the delivery: it is dispatched again when its lease or its queue time has
        expired."""
        metrics.DELIVERIES_LEFT.labels(self.channel).inc()
        log.error("delivery_left", channel=self.channel, delivery=str(delivery), error=str(error))
