"""One round of a delivery: tries its providers in order of preference until one answers.

    claim -> [admitted? -> call -> record, continue] for each provider -> record the end

After a transient failure, or a refusal that concerns the provider alone, the next provider is tried
under the same claim; `Sent`, `Unknown` and a permanent failure end the round. A provider with an
open circuit breaker is skipped; one whose rate limit is used up is waited for, since it works. A
provider that may have accepted the delivery (`Unknown`) is tried alone until it answers, because
another would send it twice. If no provider may be called, the delivery is postponed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, cast
from uuid import UUID

import structlog

from clarion import clock
from clarion.rules.outcomes import (
    Health,
    Outcome,
    Unknown,
    conclude,
    name_of,
    settle,
    tries_next_provider,
    unknown_provider_after,
)
from clarion.rules.retry import max_rounds
from clarion.store.database import Database
from services.notifier import metrics
from services.notifier.deliver.attempt_records import (
    RoundOver,
    record_and_renew,
    record_end,
)
from services.notifier.deliver.attempts import ProviderAttempt
from services.notifier.deliver.delivery_writes import MAX_TRIES, DeliveryWrites
from services.notifier.deliver.leases import Lease, claim, give_up, postpone
from services.notifier.fail_points import reach
from services.notifier.failures import TookTooLong
from services.notifier.providers.provider_chain import (
    RATE_LIMITED,
    ProviderChain,
    ProviderSlot,
    Wait,
    in_order,
)
from services.notifier.time_limits import GRACE_S, lease_time

log = structlog.get_logger("clarion.notifier")

CUT = "cut_by_stop"

SPREAD_S = 1.0
"""Jitter for deliveries that wait for the same moment."""

_random = SystemRandom().random


class DeliveryAttempts:
    """Attempts deliveries of one channel. Starts no attempt after `stopping` is set."""

    def __init__(
        self,
        channel: str,
        *,
        database: Database,
        chain: ProviderChain,
        timeout_s: float,
        stopping: asyncio.Event,
    ) -> None:
        self._channel = channel
        self._database = database
        self._chain = chain
        self._timeout_s = timeout_s
        self._lease = lease_time(timeout_s)
        self._stopping = stopping
        self._writes = DeliveryWrites(channel, database, stopping)
        self._calls: set[asyncio.Task[Any]] = set()

    def cut(self) -> int:
        """Cancel the calls in progress; they are recorded as `Unknown`. Returns their number."""
        for task in self._calls:
            task.cancel()
        return len(self._calls)

    async def claim(self, deliveries: Sequence[UUID], until: float = math.inf) -> list[Lease]:
        """As `leases.claim`, but waits for the database until `until` (monotonic clock). Raises
        `Stopped`, `TookTooLong` if a limit was exceeded while the database answered, and
        `TimeoutError`."""
        reach("send.before_claim")
        tries = MAX_TRIES if len(deliveries) == 1 else 1
        return await self._writes.until_possible(
            lambda: claim(self._database, deliveries, self._lease), tries=tries, until=until
        )

    async def deliver(self, lease: Lease) -> None:
        """Run one round. After an internal error the delivery is left to the end of its lease.
        Raises `TookTooLong` if the result cannot be written although the database answers."""
        if lease.round > max_rounds(self._channel):
            await give_up(self._database, lease)
            return
        last: ProviderAttempt | None = None
        outcomes: list[Outcome] = []
        waits: list[Wait] = []
        for slot in in_order(self._chain, lease.last_unknown_provider):
            wait = await self._writes.until_possible(
                lambda slot=slot: slot.admit(self._database), even_if_stopping=True
            )
            if wait is not None:
                waits.append(wait)
                if wait.reason == RATE_LIMITED or slot.name == lease.last_unknown_provider:
                    break
                continue
            if last is not None:
                kept = await self._record_and_renew(lease, last)
                if kept is RoundOver.ENDED:
                    return
                if kept is RoundOver.LOST:
                    break
                lease = kept
            if not self._covers_a_call(lease):
                log.warning("lease_too_old", delivery=str(lease.delivery.id))
                return
            last = await self._attempt(slot, lease)
            outcomes.append(last.outcome)
            if not tries_next_provider(last.outcome) or self._stopping.is_set():
                break
            if slot.name == unknown_provider_after(
                lease.last_unknown_provider, slot.name, last.outcome
            ):
                break
        if last is not None:
            tried_all = len(outcomes) == len(self._chain)
            await self._end(lease, last, conclude(outcomes, tried_all=tried_all))
        else:
            await self._postpone(lease, min(waits, key=lambda wait: wait.until))

    def _covers_a_call(self, lease: Lease) -> bool:
        """Whether the lease outlasts the longest possible call that starts now."""
        return time.monotonic() < lease.begun + self._lease.total_seconds() / 2

    async def _attempt(self, slot: ProviderSlot, lease: Lease) -> ProviderAttempt:
        start = time.monotonic()
        reach("send.before_call")
        outcome = await self._ask(slot, lease)
        reach("send.after_call")
        slot.answered(outcome)
        seconds = time.monotonic() - start
        metrics.ATTEMPTS.labels(self._channel, name_of(outcome)).inc()
        metrics.ATTEMPT_SECONDS.labels(self._channel).observe(seconds)
        kept = slot.without_secret(outcome)
        return ProviderAttempt(slot.name, start, round(seconds * 1000), kept)

    async def _ask(self, slot: ProviderSlot, lease: Lease) -> Outcome:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._calls.add(task)
        try:
            async with asyncio.timeout(self._timeout_s + GRACE_S):
                return await slot.provider.send(lease.delivery)
        except TimeoutError:
            return Unknown("timeout")
        except asyncio.CancelledError:
            # the provider may have the delivery already: record the attempt before the task ends
            task.uncancel()
            log.warning("attempt_cut", provider=slot.name, delivery=str(lease.delivery.id))
            return Unknown(CUT)
        except Exception as error:
            log.exception("provider_raised", provider=slot.name)
            return Unknown("internal_error", type(error).__name__, Health.NO_SIGNAL)
        finally:
            self._calls.discard(task)

    async def _record_and_renew(self, lease: Lease, attempt: ProviderAttempt) -> Lease | RoundOver:
        kept = await self._writes.until_possible(
            lambda: record_and_renew(self._database, lease, attempt, self._lease),
            even_if_stopping=True,
        )
        if kept is not RoundOver.LOST:
            self._log(lease, attempt, "sending" if isinstance(kept, Lease) else "ended")
        return kept

    async def _end(self, lease: Lease, attempt: ProviderAttempt, outcome: Outcome) -> None:
        settlement = settle(
            outcome,
            channel=self._channel,
            attempt_round=lease.round,
            expires_at=None,  # by the database's clock: `record_end`
            now=(now := clock.now()),
            random=_random,
        )
        wait = None if settlement.due_at is None else settlement.due_at - now
        try:
            state = await self._writes.until_possible(
                lambda: record_end(self._database, lease, attempt, settlement, wait),
                even_if_stopping=True,
            )
        except TookTooLong:
            self._log(lease, attempt, "not_recorded")
            raise
        self._log(lease, attempt, state or "lease_lost")

    async def _postpone(self, lease: Lease, wait: Wait) -> None:
        until: datetime | timedelta = wait.until
        if wait.spread:  # breakers use our clock, rate limits the clock of the database
            until = wait.until - clock.now() + timedelta(seconds=_random() * SPREAD_S)
        await self._writes.until_possible(
            lambda: postpone(self._database, lease, wait.reason, until), even_if_stopping=True
        )

    def _log(self, lease: Lease, attempt: ProviderAttempt, state: str) -> None:
        log.info(
            "delivery_attempted",
            delivery=str(lease.delivery.id),
            channel=self._channel,
            provider=attempt.provider,
            outcome=name_of(attempt.outcome),
            state=state,
        )
