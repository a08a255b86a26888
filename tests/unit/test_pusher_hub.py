"""A feed passes each version on once and in order, whatever comes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from clarion.contracts.announcement import FeedFrame
from services.pusher.feed.feed import Feed
from services.pusher.feed.hub import Hub
from services.pusher.feed.states import Stage
from services.pusher.wire import frames
from tests.support.line import Line

KEY = "t/s"


class Ear(Line):
    """A live session: takes what follows, as sessions do."""

    def __init__(self, version: int, *, plain: bool = True) -> None:
        super().__init__(version, plain=plain)
        self.behind = False
        self._heard: list[int] = []

    @property
    def heard(self) -> list[int]:
        """The versions that arrived, in their order."""
        self._hear()
        return self._heard

    def offer(self, version: int, frame: bytes) -> None:
        assert frame == frames.text(str(version).encode())
        if version == self.version + 1:
            super().offer(version, frame)
        elif version > self.version:
            self.behind = True

    def accept(self, first: int, joined: bytes, count: int) -> bool:
        return first == self.version + 1 and super().accept(first, joined, count)

    def on_overtaken(self, version: int) -> None:
        if version > self.version:
            self.behind = True

    def read_store(self, version: int) -> None:
        """Go on from there."""
        self._hear()
        self.behind, self.version = False, version
        self._heard.clear()

    def _hear(self) -> None:
        self.end_turn()
        self.transport.empty()
        self._heard += [int(payload) for _, payload in frames.split(self.read())]


class HubOrder(RuleBasedStateMachine):
    """The store commits versions; announcements of them come late, twice, in any order or never;
    gaps are filled from the store; sessions come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.committed = 0
        self.gaps: list[Feed] = []
        self.hub = Hub(self.gaps.append)
        self.ears: list[tuple[Ear, Feed, int]] = []

    @initialize()
    def first_session(self) -> None:
        self.join(plain=True)

    @rule(plain=st.booleans())
    def join(self, plain: bool) -> None:
        ear = Ear(self.committed, plain=plain)
        feed = self.hub.join("t", "s", ear)
        feed.start(self.committed)
        self.ears.append((ear, feed, self.committed))

    @rule()
    def leave(self) -> None:
        if self.ears:
            ear, feed, _ = self.ears.pop(0)
            self.hub.leave(feed, ear)
            ear.close()

    @rule(count=st.integers(1, 5))
    def commit(self, count: int) -> None:
        self.committed += count

    @rule(back=st.integers(0, 8))
    def announce(self, back: int) -> None:
        version = self.committed - back
        if version > 0:
            self.hub.announce([FeedFrame(KEY, version, str(version).encode())])

    @rule(back=st.integers(0, 8), count=st.integers(2, 6), other=st.booleans())
    def announce_several(self, back: int, count: int, other: bool) -> None:
        first = max(1, self.committed - back)
        versions = range(first, min(first + count, self.committed + 1))
        run = [FeedFrame(KEY, version, str(version).encode()) for version in versions]
        self.hub.announce([FeedFrame("t/nobody", 1, b"{}"), *run] if other else run)

    @rule()
    def fill(self) -> None:
        for feed in self.gaps:
            while feed.has_gap and feed.version is not None:
                following = feed.version + 1
                self.hub.offer(feed, following, str(following).encode())
        self.gaps.clear()

    @rule()
    def skip(self) -> None:
        feed = self.hub.feeds.get(KEY)
        if feed is not None and feed.version is not None and feed.version < self.committed:
            feed.skip_to(self.committed)
            for position, (ear, its_feed, _) in enumerate(self.ears):
                if ear.behind:  # it reads the store
                    ear.read_store(self.committed)
                    self.ears[position] = (ear, its_feed, self.committed)

    @invariant()
    def everyone_hears_in_order_without_gap(self) -> None:
        for ear, _, start in self.ears:
            assert not ear.behind
            assert ear.heard == list(range(start + 1, ear.version + 1))

    @invariant()
    def a_gap_is_always_reported(self) -> None:
        feed = self.hub.feeds.get(KEY)
        if feed is not None and feed.has_gap:
            assert feed in self.gaps

    @invariant()
    def a_feed_exists_while_it_has_sessions(self) -> None:
        assert set(self.hub.feeds) == ({KEY} if self.ears else set())

    def teardown(self) -> None:
        for ear, _, _ in self.ears:
            ear.close()


HubOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHubOrder = HubOrder.TestCase


def test_frames_for_nobody_are_ignored() -> None:
    hub = Hub(lambda _: None)
    hub.announce([FeedFrame(KEY, 1, b"{}")])
    assert hub.feeds == {}


def test_a_run_is_passed_on_as_one_and_frames_that_are_ahead_of_it_follow() -> None:
    hub = Hub(lambda _: None)
    frame = {n: FeedFrame(KEY, n, str(n).encode()) for n in range(1, 7)}
    with Ear(0) as ear:
        hub.join("t", "s", ear).start(0)
        hub.announce([frame[5]])
        hub.announce([frame[n] for n in (1, 2, 3, 4)])
        hub.announce([frame[n] for n in (4, 5, 6)])
        assert ear.heard == [1, 2, 3, 4, 5, 6]


def test_what_is_held_is_bounded_and_the_rest_is_a_gap() -> None:
    gaps: list[Feed] = []
    hub = Hub(gaps.append)
    with Ear(0) as ear:
        feed = hub.join("t", "s", ear)
        feed.start(0)
        hub.announce([FeedFrame(KEY, n, str(n).encode()) for n in range(2, 1000)])
        assert (feed.version, feed.expected) == (0, 999)
        hub.announce([FeedFrame(KEY, 1, b"1")])
        assert ear.heard == list(range(1, 258))
    assert (feed.version, feed.expected, gaps[-1]) == (257, 999, feed)


def test_before_anyone_caught_up_frames_go_to_the_sessions_as_they_come() -> None:
    hub = Hub(lambda _: None)
    heard: list[int] = []

    class Replaying(Ear):
        def offer(self, version: int, frame: bytes) -> None:
            heard.append(version)

    with Replaying(0) as ear:
        ear.stage = Stage.REPLAYING
        hub.join("t", "s", ear)
        hub.announce([FeedFrame(KEY, n, b"{}") for n in (3, 1)])
    assert heard == [3, 1]
