"""What became of events that were each due once, at one session."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Expected:
    """An event on its way."""

    session: str
    due_at: float
    latency_s: float | None = None


class Arrivals:
    """Events with the numbers from `first` on. Of other numbers nothing is counted, so what is
    late from an earlier load does not disturb."""

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._events: list[_Expected] = []
        self.arrived = 0
        self.doubled = 0
        """Frames of events that had arrived."""
        self.strayed = 0
        """Frames at a session that they were not for."""

    def expect(self, session: str, due_at: float) -> int:
        """The number of an event that is to be sent at that time; its latency counts from there,
        whenever it really leaves."""
        self._events.append(_Expected(session, due_at))
        return self._first + len(self._events) - 1

    def arrive(self, number: int, session: str, latency_s: float) -> None:
        """A frame of the event with this number was seen."""
        if not 0 <= number - self._first < len(self._events):
            return
        event = self._events[number - self._first]
        if event.session != session:
            self.strayed += 1
        elif event.latency_s is not None:
            self.doubled += 1
        else:
            event.latency_s = latency_s
            self.arrived += 1

    @property
    def expected(self) -> int:
        """How many were to arrive."""
        return len(self._events)

    @property
    def after(self) -> int:
        """The number after the last."""
        return self._first + len(self._events)

    @property
    def missing(self) -> int:
        """How many have not arrived."""
        return self.expected - self.arrived

    def latencies_s(self, now: float) -> list[float]:
        """Of all events, in ascending order. What has not arrived counts with its age, which is
        less than its latency: left out, it would make a server that loses half look quick."""
        return sorted(
            now - one.due_at if one.latency_s is None else one.latency_s for one in self._events
        )
