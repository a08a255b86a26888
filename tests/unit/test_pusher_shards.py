"""Which shards a pusher hears, by the sessions that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from clarion.errors import BusUnavailable
from services.pusher.feed.feed import Feed
from services.pusher.feed.shards import Shards
from services.pusher.feed.tasks import Tasks

ADA = Feed("default", "ada", lambda _: None)


class Ear:
    """Notes what is bound; answers once it may."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.refuses = False

    async def bind(self, key: str) -> None:
        self.asked.append(f"bind {key}")
        await self.may_answer.wait()
        if self.refuses:
            raise BusUnavailable("It does not confirm.")

    async def unbind(self, key: str) -> None:
        self.asked.append(f"unbind {key}")

    def epoch(self) -> int:
        return 1


class Timers:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], None], Timer]] = []

    def call_later(self, _seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer()
        self._waiting.append((call, timer))
        return timer

    async def pass_by(self) -> None:
        """All that is due is done."""
        waiting, self._waiting = self._waiting, []
        for call, timer in waiting:
            if not timer.is_cancelled:
                call()
        await asyncio.sleep(0)


class Timer:
    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def shards(ear: Ear, timers: Timers) -> Shards:
    return Shards(4, ear, Tasks(), timers.call_later)


async def test_sessions_of_a_shard_share_one_binding_and_wait_for_it(
    ear: Ear, shards: Shards
) -> None:
    ear.may_answer.clear()
    waiting = [asyncio.create_task(shards.ensure_bound(ADA)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert [one.done() for one in waiting] == [True, False, False]
    ear.may_answer.set()
    await asyncio.gather(*waiting[1:])
    await shards.ensure_bound(ADA)
    assert ear.asked == [f"bind {shards.of(ADA).key}"]


async def test_a_binding_that_fails_is_everyones_and_tried_again(ear: Ear, shards: Shards) -> None:
    ear.refuses = True
    failed = await asyncio.gather(
        shards.ensure_bound(ADA), shards.ensure_bound(ADA), return_exceptions=True
    )
    assert [type(one) for one in failed] == [BusUnavailable, BusUnavailable]
    ear.refuses = False
    await shards.ensure_bound(ADA)
    assert len(ear.asked) == 2


async def test_a_shard_is_kept_for_a_while_after_its_last_session(
    ear: Ear, shards: Shards, timers: Timers
) -> None:
    key = shards.of(ADA).key
    shards.add_session(ADA)
    shards.add_session(ADA)
    await shards.ensure_bound(ADA)
    shards.remove_session(ADA)
    await timers.pass_by()
    shards.remove_session(ADA)
    shards.add_session(ADA)
    await timers.pass_by()
    assert ear.asked == [f"bind {key}"]
    shards.remove_session(ADA)
    await timers.pass_by()
    await shards.ensure_bound(ADA)
    assert ear.asked == [f"bind {key}", f"unbind {key}", f"bind {key}"]


async def test_the_only_shard_is_there_from_the_start_and_for_ever(
    ear: Ear, timers: Timers
) -> None:
    only = Shards(1, ear, Tasks(), timers.call_later)
    only.add_session(ADA)
    await only.ensure_bound(ADA)
    only.remove_session(ADA)
    await timers.pass_by()
    await only.ensure_bound(ADA)
    assert ear.asked == []
