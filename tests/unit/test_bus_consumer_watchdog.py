"""The watchdog of consumers: patient, and not to be fooled by an outage."""

from __future__ import annotations

from clarion.bus.rabbitmq.consumer_watchdog import LOST_AFTER_S, UNREADY_AFTER_S, ConsumerWatchdog


class Story:
    """A clock, and the consumers that are missing."""

    def __init__(self) -> None:
        self.now = 0.0
        self.missing: list[str] = []
        self.watch = ConsumerWatchdog(lambda: self.missing, lambda: self.now)

    def after(self, seconds: float, *missing: str) -> tuple[str, str]:
        """What the watch says when this has been missing at a look so much later."""
        self.now += seconds
        self.missing = list(missing)
        self.watch.look()
        return self.watch.why_not(), self.watch.lost()


def sentence(queue: str, seconds: float) -> str:
    return f"No consumer on {queue} for {seconds:g} s, although the broker answers."


def test_a_missing_consumer_is_unready_first_and_lost_later() -> None:
    story = Story()
    assert story.after(0, "a") == ("", "")
    assert story.after(UNREADY_AFTER_S - 1, "a") == ("", "")
    unready = sentence("a", UNREADY_AFTER_S)
    assert story.after(1, "a", "b") == (unready, "")
    lost = story.after(LOST_AFTER_S - UNREADY_AFTER_S, "a", "b")
    assert lost == (sentence("a, b", UNREADY_AFTER_S), sentence("a", LOST_AFTER_S))


def test_one_that_is_back_or_whose_broker_is_away_is_forgotten() -> None:
    story = Story()
    story.after(0, "a")
    assert story.after(LOST_AFTER_S - 1, "a")[1] == ""
    assert story.after(1) == ("", "")
    assert story.after(1, "a") == ("", "")
    assert story.after(UNREADY_AFTER_S, "a") == (sentence("a", UNREADY_AFTER_S), "")
