"""The back-off between rounds of a delivery: steps per channel, jitter, `Retry-After`.

| channel | retries after |
|---|---|
| email | 10 s, 1 min, 5 min, 30 min, 2 h, 6 h, 12 h, 24 h |
| sms | 5 s, 30 s, 2 min, 10 min, 30 min, 1 h |

Each step varies by ±20 %. A provider's `Retry-After` is obeyed from one to two times the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

MINUTE = 60.0
HOUR = 3600.0
JITTER = 0.2

STEPS_S: Mapping[str, tuple[float, ...]] = {
    "email": (10, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR),
    "sms": (5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR),
}
DEFAULT_STEPS_S = STEPS_S["sms"]


def max_rounds(channel: str) -> int:
    """The maximum number of rounds; each tries providers until one answers."""
    return len(STEPS_S.get(channel, DEFAULT_STEPS_S)) + 1


def delay_s(
    channel: str, attempt_round: int, *, after_s: float | None, random: Callable[[], float]
) -> float | None:
    """Seconds between round `attempt_round` (from 1) and the next; None after the last round.

    `random` returns numbers from 0 to 1.
    """
    steps = STEPS_S.get(channel, DEFAULT_STEPS_S)
    if attempt_round > len(steps):
        return None
    step = steps[attempt_round - 1]
    if after_s is not None:
        return min(max(after_s, step), 2 * step)
    return step * (1 - JITTER + 2 * JITTER * random())
