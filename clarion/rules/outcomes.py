"""The closed set of outcomes of an attempt, and the state that follows from each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from clarion.rules.delivery_states import State
from clarion.rules.retry import delay_s


class Health(StrEnum):
    """The health of the provider according to an outcome: the only input of the circuit breaker."""

    WORKS = "works"
    """The provider answered, with success or a refusal."""
    FAILING = "failing"
    """No connection, greeting or login, `421`, or a timeout: every delivery would fail."""
    NO_SIGNAL = "no_signal"
    """A fault of ours, independent of the provider."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider accepted the delivery. `capture` is what the capture provider stores."""

    provider_id: str | None = None
    code: str | None = None
    detail: str | None = None
    capture: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """A transient failure. `after_s` is the wait that the provider requested."""

    reason: str
    after_s: float | None = None
    code: str | None = None
    detail: str | None = None
    health: Health = Health.FAILING


@dataclass(frozen=True, slots=True)
class Failed:
    """A permanent failure. `elsewhere` if it concerns this provider or our account there, so that
    another provider may accept the delivery."""

    reason: str
    code: str | None = None
    detail: str | None = None
    elsewhere: bool = False
    health: Health = Health.WORKS


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request was sent and no answer arrived; retried with the same idempotency key."""

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
"""Reasons of a `Retry` that occurred before the provider received the delivery."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The next state, its reason, and when the delivery is due again."""

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
    """The settlement of a delivery after round `attempt_round` (from 1)."""
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
    """The provider that may have accepted the delivery, after `outcome` of `provider`;
    `last_unknown_provider` is the earlier one. A failure to reach it does not clear it."""
    if isinstance(outcome, Unknown):
        return provider
    never_received = isinstance(outcome, Retry) and outcome.reason in NEVER_RECEIVED
    return last_unknown_provider if provider != last_unknown_provider or never_received else None


def tries_next_provider(outcome: Outcome) -> bool:
    """Whether the next provider is tried in the same round."""
    return isinstance(outcome, Retry) or (isinstance(outcome, Failed) and outcome.elsewhere)


def conclude(outcomes: Sequence[Outcome], *, tried_all: bool) -> Outcome:
    """The outcome of a round, for `settle`: the last outcome. A permanent failure that concerns the
    provider counts only if every provider was tried and none failed transiently."""
    last = outcomes[-1]
    if not (isinstance(last, Failed) and last.elsewhere):
        return last
    for outcome in reversed(outcomes):
        if isinstance(outcome, Retry):
            return outcome
    return last if tried_all else Retry(last.reason, None, last.code, last.detail, last.health)


def health_of(outcome: Outcome) -> Health:
    """The health to report to the circuit breaker."""
    return Health.WORKS if isinstance(outcome, Sent) else outcome.health


def name_of(outcome: Outcome) -> str:
    """The name stored in `attempts.outcome`."""
    return type(outcome).__name__.lower()
