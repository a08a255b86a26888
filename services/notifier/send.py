"""Carries out deliveries of one channel and lane: claim, call the provider, record, acknowledge.

A job is a hint. Only who claims the row sends; a job that comes twice, or late, finds nothing to
do. A job whose sender dies is found by dispatch once its lease has run out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import TypeVar

import msgspec
import structlog

from clarion.bus.protocol import Bus, Received, Subscription, SubscriptionClosed
from clarion.contracts.job import Job, Jobs
from clarion.lifecycle.background import backoff_s
from clarion.store.database import Database
from clarion.telemetry.trace import set_current_trace
from clarion.topology import deliveries_queue
from services.notifier import metrics
from services.notifier.channels.provider import Provider
from services.notifier.channels.urls import Route
from services.notifier.failures import is_condition
from services.notifier.leases import Attempt, Lease, claim, give_up, record
from services.notifier.outcome import Outcome, Settlement, Unknown, name_of, settle
from services.notifier.retry import max_attempts

log = structlog.get_logger("clarion.notifier")

PREFETCH = 8
GRACE_S = 5.0
"""Past its time limit a provider is cut off, and what came of the attempt is not known."""

_jobs = msgspec.json.Decoder(Jobs)
_random = SystemRandom().random

Result = TypeVar("Result")


class Sender:
    """One worker of one queue; at most `concurrency` attempts at once."""

    def __init__(
        self,
        channel: str,
        lane: str,
        *,
        bus: Bus,
        database: Database,
        route: Route,
        concurrency: int,
        timeout_s: float,
    ) -> None:
        self._channel = channel
        self._database = database
        self._route = route
        self._timeout_s = timeout_s
        self._lease = timedelta(seconds=2 * (timeout_s + GRACE_S))
        self._slots = asyncio.Semaphore(concurrency)
        self._subscription: Subscription = bus.subscribe(
            deliveries_queue(channel, lane), prefetch=PREFETCH
        )
        self._stopping = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until `stop`; what is being sent is finished first."""
        while True:
            try:
                messages = await self._subscription.take(PREFETCH)
            except SubscriptionClosed:
                break
            for message in messages:
                task = asyncio.create_task(self._carry_out(message))
                self._in_hand.add(task)
                task.add_done_callback(self._in_hand.discard)
        if self._in_hand:
            await asyncio.wait(self._in_hand)

    async def stop(self) -> None:
        """Begin no more attempts. Does not wait for those that are under way."""
        self._stopping.set()
        await self._subscription.close()

    async def _carry_out(self, message: Received) -> None:
        try:
            jobs = _jobs.decode(message.body).jobs
        except (msgspec.DecodeError, UnicodeDecodeError):
            await self._subscription.park([message])
            return
        done = await self._all(jobs)
        settle_message = self._subscription.ack if done else self._subscription.release
        await settle_message([message])

    async def _all(self, jobs: Sequence[Job]) -> bool:
        return all(await asyncio.gather(*(self._one(job) for job in jobs)))

    async def _one(self, job: Job) -> bool:
        """Whether the job needs nobody any more; what failed for a reason of ours is left to its
        lease."""
        async with self._slots:
            set_current_trace(job.traceparent)
            try:
                lease = await self._until_possible(
                    lambda: claim(self._database, job.delivery, self._lease)
                )
                if lease is not None and lease.attempt > max_attempts(self._channel):
                    await give_up(self._database, lease)
                elif lease is not None:
                    await self._attempt(lease)
            except asyncio.CancelledError:
                raise
            except _Stopped:
                return False
            except Exception:
                log.exception("send_failed", channel=self._channel, delivery=str(job.delivery))
            return True

    async def _attempt(self, lease: Lease) -> None:
        provider = self._provider(lease)
        started_at, start = datetime.now(UTC), time.monotonic()
        outcome = await self._ask(provider, lease)
        seconds = time.monotonic() - start
        attempt = Attempt(provider.name, started_at, round(seconds * 1000), outcome)
        metrics.ATTEMPTS.labels(self._channel, name_of(outcome)).inc()
        metrics.ATTEMPT_SECONDS.labels(self._channel).observe(seconds)
        settlement = self._settlement(lease, outcome)
        kept = await self._until_possible(
            lambda: record(self._database, lease, attempt, settlement), even_if_stopping=True
        )
        log.info(
            "delivery_attempted",
            delivery=str(lease.delivery.id),
            channel=self._channel,
            provider=provider.name,
            outcome=name_of(outcome),
            state=settlement.state.value if kept else "lease_lost",
        )

    def _provider(self, lease: Lease) -> Provider:
        """The first of the route."""
        return self._route[0]

    async def _ask(self, provider: Provider, lease: Lease) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout_s + GRACE_S):
                return await provider.send(lease.delivery)
        except TimeoutError:
            return Unknown("timeout")
        except Exception as error:
            log.exception("provider_raised", provider=provider.name)
            return Unknown("internal_error", type(error).__name__)

    def _settlement(self, lease: Lease, outcome: Outcome) -> Settlement:
        return settle(
            outcome,
            channel=self._channel,
            attempt=lease.attempt,
            expires_at=lease.expires_at,
            now=datetime.now(UTC),
            random=_random,
        )

    async def _until_possible(
        self, act: Callable[[], Awaitable[Result]], *, even_if_stopping: bool = False
    ) -> Result:
        failures = 0
        while True:
            if self._stopping.is_set() and not even_if_stopping:
                raise _Stopped
            try:
                return await act()
            except Exception as error:
                if not is_condition(error):
                    raise
                failures += 1
                log.warning("send_held", channel=self._channel, error=type(error).__name__)
            await asyncio.sleep(min(GRACE_S, backoff_s(failures - 1)))


class _Stopped(Exception):
    """The service stops before the job was begun."""
