"""Fail points: places where tests kill the process, to prove crash safety.

A fail point is armed by a test or by the setting `CLARION_FAIL_POINT`. Otherwise `reach` costs one
lookup in an empty dictionary.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass

POINTS = (
    "plan.before_commit",
    "plan.after_commit",
    "slice.before_commit",
    "slice.after_commit",
    "publish.before_jobs",
    "publish.before_slices",
    "plan.after_publish",
    "plan.after_ack",
    "dispatch.after_commit",
    "dispatch.after_publish",
    "release.after_commit",
    "release.after_publish",
    "send.before_claim",
    "send.before_call",
    "send.after_call",
    "send.before_next",
    "send.after_next",
    "send.before_commit",
    "send.after_commit",
    "send.after_ack",
    "parked.after_commit",
)
"""In the order in which an event and its deliveries reach them. `plan.after_commit` and
`slice.after_commit` are before the publish, `publish.before_jobs` and `publish.before_slices`
within it, `plan.after_publish` and `send.after_commit` before the acknowledgement. Around
`send.before_next` and `send.after_next` a refusal is recorded and the next provider asked.
`release` is the dispatch of scheduled notifications."""

_WRITTEN = re.compile(r"([a-z_.]+):kill(?::([1-9][0-9]{0,5}))?")


@dataclass(slots=True)
class Armed:
    """An action for the `nth` time that a point is reached."""

    act: Callable[[], None]
    nth: int = 1


_armed: dict[str, Armed] = {}


def reach(point: str) -> None:
    """Run the action that is armed at this point, if any."""
    armed = _armed.get(point)
    if armed is None:
        return
    armed.nth -= 1
    if armed.nth == 0:
        del _armed[point]
        armed.act()


def arm(point: str, act: Callable[[], None], *, nth: int = 1) -> None:
    """Call `act` once, the `nth` time that `point` is reached."""
    if point not in POINTS:
        raise ValueError(f"{point} is not a fail point; they are {', '.join(POINTS)}")
    _armed[point] = Armed(act, nth)


def disarm() -> None:
    """Disarm all points."""
    _armed.clear()


def arm_as_written(text: str) -> None:
    """Arm `point:kill` or `point:kill:N`, the format of the setting; nothing for an empty text."""
    if text:
        point, nth = read(text)
        arm(point, kill, nth=nth)


def read(text: str) -> tuple[str, int]:
    """(point, N) of `point:kill[:N]`. Raises `ValueError` with a remedy."""
    match = _WRITTEN.fullmatch(text)
    if match is None or match[1] not in POINTS:
        raise ValueError(f"write point:kill or point:kill:N with one of {', '.join(POINTS)}")
    return match[1], int(match[2] or 1)


def kill() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)
