"""Carries out deliveries of one channel and lane: claim, call the provider, record, acknowledge.

A job is a hint. Only who claims the row sends; a job that comes twice, or late, finds nothing to
do. A job whose sender dies is found by dispatch once its lease has run out; so is a delivery whose
row cannot be written, because another holds it: it keeps no slot.
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
from services.notifier.deliver.delivery_writes import Stopped
from services.notifier.deliver.leases import Lease
from services.notifier.fail_points import reach
from services.notifier.failures import TookTooLong
from services.notifier.messages.parser import Identity
from services.notifier.parking.dead_letters import DeadLetters, refused_job
from services.notifier.providers.provider_chain import ProviderChain

log = structlog.get_logger("clarion.notifier")

PREFETCH = 8

MAX_HELD_S = LEAST_CONSUMER_TIMEOUT_S / 2.5
"""How long a message may wait for its acknowledgement: slow claims, a database that is away or slow
providers must not cost us the channel, and with it all that others of it have in hand. What is not
claimed by then is in the table, and found as a lost job is."""

_jobs = msgspec.json.Decoder(Jobs)


class Sender:
    """One worker of one queue; at most `concurrency` deliveries at once. Jobs are believed from
    `own_users`; all else is parked, as of the tenant that `identity` names."""

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
        """Deliveries whose jobs are in hand, not claimed yet."""
        self.reached: datetime | None = None
        """How far the line has come: the latest `queued_until` of what was claimed."""
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
        """Work until `stop`; what is being sent is finished first."""
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
        """For how long nothing has been in hand."""
        return 0.0 if self._in_hand else now - self._idle_since

    def cut(self) -> int:
        """End the attempts that are under way; they are recorded as not known. How many."""
        return self._attempts.cut()

    async def stop(self) -> None:
        """Begin no more attempts. Does not wait for those that are under way."""
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
        await work  # what has begun has its leases, and no need of the message

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
        """Whether nobody needs the message any more."""
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
        """Claim and start what is `left`, which shrinks, until the service stops. Raises
        `TimeoutError` after `until`; a claim is never cut, since it may have been committed."""
        together = len(left)
        while left:
            if time.monotonic() >= until:
                raise TimeoutError
            async with asyncio.timeout_at(until):
                free = await self._take_slots(min(len(left), together))
            try:
                leases = await self._claim(left[:free], free, until)
            except TookTooLong:
                together = 1  # one of them is to blame, the others are not
                continue
            if leases is None:
                return
            self.waiting.difference_update(left[:free])
            del left[:free]
            for lease in leases:
                group.create_task(self._one(lease, traces[lease.delivery.id]))

    async def _take_slots(self, wanted: int) -> int:
        """Wait for one slot and take others that are free; a lease begins when the work does."""
        await self._slots.acquire()
        taken = 1
        while taken < wanted and not self._slots.locked():
            await self._slots.acquire()
            taken += 1
        return taken

    async def _claim(
        self, deliveries: Sequence[UUID], slots: int, until: float
    ) -> list[Lease] | None:
        """Claims with a slot each; other slots are given back. None once the service stops. Raises
        `TookTooLong` where several are too slow together; one that is too slow is left."""
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
        """Others take it up once its lease or its time in the queue has run out."""
        metrics.DELIVERIES_LEFT.labels(self.channel).inc()
        log.error("delivery_left", channel=self.channel, delivery=str(delivery), error=str(error))
