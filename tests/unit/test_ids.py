"""UUIDv7s follow the clock, wherever it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from clarion.contracts.ids import IdGenerator, new_id, time_of
from clarion.records.partitions import month_start

END_OF_MONTH = datetime(2026, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)


class Clock:
    """Says what it is told to."""

    def __init__(self, moment: datetime) -> None:
        self.ms = int(moment.timestamp() * 1000)

    def __call__(self) -> int:
        return self.ms


def test_within_a_millisecond_they_grow_and_none_comes_twice() -> None:
    following = IdGenerator(Clock(END_OF_MONTH))
    made = [following() for _ in range(100_000)]
    assert made == sorted(set(made))
    assert {time_of(UUID(bytes=one)) for one in made} == {END_OF_MONTH}


def test_they_are_uuids_of_version_7() -> None:
    for _ in range(1_000):
        made = UUID(new_id())
        assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_after_a_jump_ahead_at_the_end_of_a_month_they_go_back_with_the_clock() -> None:
    clock = Clock(END_OF_MONTH)
    following = IdGenerator(clock)
    before = following()
    clock.ms += 2_000
    ahead = [following() for _ in range(1_000)]
    clock.ms -= 2_000
    after = [following() for _ in range(1_000)]
    assert time_of(UUID(bytes=ahead[0])) > month_start(END_OF_MONTH, 1)
    assert {time_of(UUID(bytes=one)) for one in after} == {END_OF_MONTH}
    assert len({before, *ahead, *after}) == 2_001


def test_generators_of_several_processes_do_not_meet() -> None:
    clock = Clock(END_OF_MONTH)
    several = [IdGenerator(clock) for _ in range(20)]
    made = [following() for following in several for _ in range(2_000)]
    assert len(set(made)) == len(made)
