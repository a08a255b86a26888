"""What can come of one attempt, a closed set; and the one place that says what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from clarion.rules.delivery_states import State
from clarion.rules.retry import delay_s


class Health(StrEnum):
    """What an outcome says of its provider; the circuit breaker follows this alone."""

    WORKS = "works"
    """It answered, though perhaps not what one hopes for."""
    FAILING = "failing"
    """No connection, no greeting, no login, `421`, no answer in time: nobody's would go."""
    NO_SIGNAL = "no_signal"
    """The fault was ours, and the provider had no part in it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took charge. `capture` is what a capture box keeps instead of sending."""

    provider_id: str | None = None
    code: str | None = None
    detail: str | None = None
    capture: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. `after_s` is what the provider asked for."""

    reason: str
    after_s: float | None = None
    code: str | None = None
    detail: str | None = None
    health: Health = Health.FAILING


@dataclass(frozen=True, slots=True)
class Failed:
    """Never: the provider or the address says so. `elsewhere` where it is about this provider or
    our account there: another may still take it."""

    reason: str
    code: str | None = None
    detail: str | None = None
    elsewhere: bool = False
    health: Health = Health.WORKS


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request had gone out and no answer came: tried again with the same key."""

    reason: str
    detail: str | None = None
    health: Health = Health.FAILING


Outcome = Sent | Retry | Failed | Unknown


NEVER_RECEIVED = frozenset(
    {
        "timeout",
        "connection_lost",
        "provider_unreachable",
        "provider_unavailable",
        "provider_refused_credentials",
        "protocol_error",
        "starttls_not_offered",
        "login_not_offered",
    }
)
"""Reasons of a `Retry` that the provider gave, or would have, before it heard of the delivery."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The state that follows, why, and when dispatch looks at the delivery next."""

    state: State
    reason: str | None
    due_at: datetime | None


def settle(
    outcome: Outcome,
    *,
    channel: str,
    attempt_round: int,
    expires_at: datetime | None,
    now: datetime,
    random: Callable[[], float],
) -> Settlement:
    """What becomes of a delivery after the round `attempt_round` (from 1)."""
    match outcome:
        case Sent():
            return Settlement(State.SENT, None, None)
        case Failed(reason):
            return Settlement(State.FAILED, reason, None)
        case Retry(reason, after_s):
            wait_s = delay_s(channel, attempt_round, after_s=after_s, random=random)
        case Unknown(reason):
            wait_s = delay_s(channel, attempt_round, after_s=None, random=random)
        case _:
            assert_never(outcome)
    if wait_s is None:
        return Settlement(State.DEAD, reason, None)
    due_at = now + timedelta(seconds=wait_s)
    if expires_at is not None and due_at >= expires_at:
        return Settlement(State.EXPIRED, reason, None)
    return Settlement(State.SCHEDULED, reason, due_at)


def unknown_provider_after(
    last_unknown_provider: str | None, provider: str, outcome: Outcome
) -> str | None:
    """The provider that may have the delivery, once `provider` said `outcome`;
    `last_unknown_provider` is the one before. A failure to reach it says nothing about what it took
    earlier."""
    if isinstance(outcome, Unknown):
        return provider
    never_received = isinstance(outcome, Retry) and outcome.reason in NEVER_RECEIVED
    return last_unknown_provider if provider != last_unknown_provider or never_received else None


def tries_next_provider(outcome: Outcome) -> bool:
    """Whether the next provider is asked in the same round."""
    return isinstance(outcome, Retry) or (isinstance(outcome, Failed) and outcome.elsewhere)


def conclude(outcomes: Sequence[Outcome], *, tried_all: bool) -> Outcome:
    """What a round comes to, for `settle`: the last outcome; but what this provider never takes
    fails only where every provider was asked and none said "not now"."""
    last = outcomes[-1]
    if not (isinstance(last, Failed) and last.elsewhere):
        return last
    for outcome in reversed(outcomes):
        if isinstance(outcome, Retry):
            return outcome
    return last if tried_all else Retry(last.reason, None, last.code, last.detail, last.health)


def health_of(outcome: Outcome) -> Health:
    """What the provider's breaker is told."""
    return Health.WORKS if isinstance(outcome, Sent) else outcome.health


def name_of(outcome: Outcome) -> str:
    """As stored in `attempts.outcome`."""
    return type(outcome).__name__.lower()
