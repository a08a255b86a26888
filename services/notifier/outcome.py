"""What can come of one attempt, a closed set; and the one place that says what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from clarion.store.delivery_states import State
from services.notifier.retry import delay_s


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


@dataclass(frozen=True, slots=True)
class Failed:
    """Never: the provider or the address says so."""

    reason: str
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request had gone out and no answer came: tried again with the same key."""

    reason: str
    detail: str | None = None


Outcome = Sent | Retry | Failed | Unknown


UNHEARD = frozenset(
    {
        "timeout",
        "connection_lost",
        "provider_unreachable",
        "provider_unavailable",
        "provider_refused_credentials",
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
    round_: int,
    expires_at: datetime | None,
    now: datetime,
    random: Callable[[], float],
) -> Settlement:
    """What becomes of a delivery after its round number `round_` (from 1)."""
    match outcome:
        case Sent():
            return Settlement(State.SENT, None, None)
        case Failed(reason):
            return Settlement(State.FAILED, reason, None)
        case Retry(reason, after_s):
            wait_s = delay_s(channel, round_, after_s=after_s, random=random)
        case Unknown(reason):
            wait_s = delay_s(channel, round_, after_s=None, random=random)
        case _:
            assert_never(outcome)
    if wait_s is None:
        return Settlement(State.DEAD, reason, None)
    due_at = now + timedelta(seconds=wait_s)
    if expires_at is not None and due_at >= expires_at:
        return Settlement(State.EXPIRED, reason, None)
    return Settlement(State.SCHEDULED, reason, due_at)


def asked_after(asked: str | None, provider: str, outcome: Outcome) -> str | None:
    """The provider that may have the delivery, once `provider` said `outcome`; `asked` is the one
    before. A failure to reach it says nothing about what it took earlier."""
    if isinstance(outcome, Unknown):
        return provider
    unheard = isinstance(outcome, Retry) and outcome.reason in UNHEARD
    return asked if provider != asked or unheard else None


def name_of(outcome: Outcome) -> str:
    """As stored in `attempts.outcome`."""
    return type(outcome).__name__.lower()
