"""The providers of a channel in order of preference, each with its circuit breaker and rate
limit."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from clarion import clock
from clarion.rules.outcomes import Health, Outcome, health_of
from clarion.store.database import Database
from services.notifier import metrics
from services.notifier.providers.circuit_breaker import Breaker, BreakerState
from services.notifier.providers.provider import Provider
from services.notifier.providers.rates import Rate, acquire

log = structlog.get_logger("clarion.notifier")

BREAKER_OPEN = "providers_rested"
RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a provider may not be called now, and when it may."""

    reason: str
    until: datetime
    spread: bool = False
    """Whether `until` is the same for all waiting deliveries, so that they need jitter."""


@dataclass(slots=True)
class ProviderSlot:
    """A provider of one channel, shared by the lanes of a process."""

    channel: str
    provider: Provider
    rate: Rate | None = None
    breaker: Breaker = field(default_factory=Breaker)
    secret: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The provider's name, as recorded in attempts."""
        return self.provider.name

    async def admit(self, database: Database) -> Wait | None:
        """None if one call may be made now. It counts, and `answered` has to follow."""
        open_s = self.breaker.wait_s(time.monotonic())
        if open_s > 0:
            return self._skip(BREAKER_OPEN, clock.now() + timedelta(seconds=open_s))
        if self.rate is not None:
            turn = await acquire(database, f"{self.channel}:{self.name}", self.rate)
            if turn is not None:
                return self._skip(RATE_LIMITED, turn)
        if self.breaker.begin(time.monotonic()):
            return None
        open_s = self.breaker.wait_s(time.monotonic())
        return self._skip(BREAKER_OPEN, clock.now() + timedelta(seconds=open_s))

    def answered(self, outcome: Outcome) -> None:
        """Report the outcome of the call to the circuit breaker."""
        before = self.breaker.state
        match health_of(outcome):
            case Health.WORKS:
                self.breaker.succeeded()
            case Health.FAILING:
                self.breaker.failed(time.monotonic())
            case Health.NO_SIGNAL:
                self.breaker.no_signal(time.monotonic())
        after = self.breaker.state
        if after is not before:
            resting = after is BreakerState.OPEN
            metrics.PROVIDER_RESTS.labels(self.channel, self.name).set(resting)
            log.warning(
                "circuit_breaker_changed", channel=self.channel, provider=self.name, state=after
            )

    def without_secret(self, outcome: Outcome) -> Outcome:
        """The outcome without credentials, which a provider may repeat in its answer."""
        secret = self.secret
        if not secret or not outcome.detail:
            return outcome
        encoded = base64.b64encode(secret.encode()).decode()
        return replace(
            outcome, detail=outcome.detail.replace(secret, "***").replace(encoded, "***")
        )

    def _skip(self, reason: str, until: datetime) -> Wait:
        metrics.PROVIDER_SKIPS.labels(self.channel, self.name, reason).inc()
        log.info("provider_skipped", channel=self.channel, provider=self.name, reason=reason)
        return Wait(reason, until, spread=reason == BREAKER_OPEN)


ProviderChain = tuple[ProviderSlot, ...]
"""The providers of one channel, in order of preference."""


def in_order(chain: ProviderChain, last_unknown_provider: str | None) -> Sequence[ProviderSlot]:
    """The order of one round: the provider that may have the delivery already goes first."""
    return sorted(chain, key=lambda slot: slot.name != last_unknown_provider)
