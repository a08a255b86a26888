"""Why a provider got a message twice. Pure: from receipts, recorded attempts and faults.

Each receipt is looked up among the recorded attempts of its delivery. A second receipt is explained
where the one before it

- has no record, and a fault that can interrupt a sender struck then: it died before its commit;
- is recorded `unknown`: the provider's answer did not come;
- is recorded, and a fault lay between the answer and the commit long enough to lose the lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chaos.part import Struck

SLACK_S = 1.0
"""Clocks of one machine, and the time between an answer and its commit on a busy one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """As recorded; times are epoch seconds."""

    started_at: float
    ended_at: float
    outcome: str


Receipts = Mapping[str, Sequence[float]]
"""When a provider took the message of a delivery, by the delivery's id."""


def explain(
    receipts: Receipts,
    attempts: Mapping[str, Sequence[Attempt]],
    struck: Sequence[Struck],
    *,
    lease_s: float,
) -> Counter[str]:
    """How many receipts after a first there were, by reason; `unexplained` is one of them."""
    reasons: Counter[str] = Counter()
    for delivery, times in receipts.items():
        ordered = sorted(times)
        for first, second in pairwise(ordered):
            recorded = _record_of(first, attempts.get(delivery, ()))
            reasons[_reason(first, second, recorded, struck, lease_s)] += 1
    return reasons


def _record_of(taken_at: float, attempts: Iterable[Attempt]) -> Attempt | None:
    around = (
        one
        for one in attempts
        if one.started_at - SLACK_S / 2 <= taken_at <= one.ended_at + SLACK_S / 2
    )
    return min(around, key=lambda one: abs(one.started_at - taken_at), default=None)


def _reason(
    first: float,
    second: float,
    recorded: Attempt | None,
    struck: Sequence[Struck],
    lease_s: float,
) -> str:
    if recorded is not None and recorded.outcome == "unknown":
        return "attempt recorded unknown"
    relevant = [one for one in struck if one.may_interrupt_sends()]
    if recorded is None:
        found = _overlapping(relevant, first - SLACK_S, min(second, first + lease_s))
        return f"not recorded, {found.name}" if found else "unexplained"
    if recorded.outcome == "sent" and second - recorded.started_at >= lease_s - SLACK_S:
        found = _overlapping(relevant, first - SLACK_S, second)
        return f"lease lost, {found.name}" if found else "unexplained"
    return "unexplained"


def _overlapping(struck: Iterable[Struck], start: float, end: float) -> Struck | None:
    """The first whose effect, until it healed, lies in this time."""
    return next(
        (one for one in struck if one.began_at <= end and (one.healed_at or end) >= start), None
    )
