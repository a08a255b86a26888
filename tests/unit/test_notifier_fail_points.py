"""Fail points: harmless unless armed, once, and only where they are known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.notifier.fail_points import POINTS, arm, arm_as_written, disarm, reach, read
from services.notifier.settings import NotifierSettings


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """Nothing stays armed."""
    yield
    disarm()


def test_what_is_not_armed_does_nothing() -> None:
    arm_as_written("")
    for point in POINTS:
        reach(point)


def test_it_happens_once_at_the_time_that_was_asked_for() -> None:
    reached: list[int] = []
    arm("plan.after_commit", lambda: reached.append(len(reached)), nth=3)
    for expected in (0, 0, 1, 1, 1, 1):
        reach("plan.after_commit")
        reach("send.after_call")
        assert len(reached) == expected


def test_the_setting_names_a_point_and_which_time() -> None:
    assert read("send.after_call:kill") == ("send.after_call", 1)
    assert read("send.after_call:kill:12") == ("send.after_call", 12)
    assert NotifierSettings(fail_point="plan.after_ack:kill:2").fail_point


@pytest.mark.parametrize(
    "text",
    ["plan.after_commit", "plan.somewhere:kill", "plan.after_ack:stop", "plan.after_ack:kill:0"],
)
def test_what_it_cannot_be_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"write point:kill or point:kill:N with one of plan\."):
        read(text)
    with pytest.raises(ValueError, match="fail_point"):
        NotifierSettings(fail_point=text)


def test_an_unknown_point_cannot_be_armed() -> None:
    with pytest.raises(ValueError, match="is not a fail point"):
        arm("send.somewhere", lambda: None)
