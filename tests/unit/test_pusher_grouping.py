"""Reads leave together: when, how many at once, and what an error does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.pusher.inbox.batch_loader import BatchLoader

Asked = list[list[int]]


class Store:
    """Answers a query when it is told to."""

    def __init__(self) -> None:
        self.asked: Asked = []
        self.pending: list[asyncio.Future[None]] = []
        self.began = asyncio.Condition()

    async def read(self, requests: Sequence[int]) -> list[str]:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with self.began:
            self.asked.append(list(requests))
            self.pending.append(gate)
            self.began.notify_all()
        await gate
        return [str(one) for one in requests]

    async def until_asked(self, queries: int) -> None:
        async with asyncio.timeout(5), self.began:
            await self.began.wait_for(lambda: len(self.asked) >= queries)


async def ask(group: BatchLoader[int, str], *requests: int) -> list[asyncio.Task[str]]:
    asking = [asyncio.create_task(group.load(one)) for one in requests]
    await asyncio.sleep(0)
    return asking


async def test_an_idle_group_asks_at_once_and_what_comes_in_one_turn_together() -> None:
    store = Store()
    group = BatchLoader(store.read, size=4, in_flight=2)
    asking = await ask(group, 1, 2, 3)
    await store.until_asked(1)
    store.pending[0].set_result(None)
    assert await asyncio.gather(*asking) == ["1", "2", "3"]
    assert store.asked == [[1, 2, 3]]


async def test_what_comes_soon_after_leaves_together_although_none_is_in_flight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.pusher.inbox.batch_loader.MAX_BATCH_WAIT_S", 0.2)
    store = Store()
    group = BatchLoader(store.read, size=4, in_flight=2)
    first = await ask(group, 1)
    await store.until_asked(1)
    store.pending[0].set_result(None)
    await asyncio.gather(*first)
    later = [*await ask(group, 2), *await ask(group, 3)]
    await store.until_asked(2)
    store.pending[1].set_result(None)
    assert await asyncio.gather(*later) == ["2", "3"]
    assert store.asked == [[1], [2, 3]]


async def test_no_more_than_so_many_are_in_flight() -> None:
    store = Store()
    group = BatchLoader(store.read, size=2, in_flight=1)
    asking = await ask(group, 1, 2, 3, 4, 5)
    for number in range(3):
        await store.until_asked(number + 1)
        assert len(store.asked) == number + 1
        store.pending[number].set_result(None)
    assert await asyncio.gather(*asking) == ["1", "2", "3", "4", "5"]
    assert store.asked == [[1, 2], [3, 4], [5]]


async def test_a_full_query_does_not_wait_for_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.pusher.inbox.batch_loader.MAX_BATCH_WAIT_S", 60)
    store = Store()
    group = BatchLoader(store.read, size=2, in_flight=2)
    await ask(group, 1)
    await store.until_asked(1)
    await ask(group, 2, 3)
    await store.until_asked(2)
    assert store.asked == [[1], [2, 3]]


async def test_a_slow_query_holds_nobody_up() -> None:
    store = Store()
    group = BatchLoader(store.read, size=9, in_flight=2)
    await ask(group, 1)
    await store.until_asked(1)
    (quick,) = await ask(group, 2)
    await store.until_asked(2)
    store.pending[1].set_result(None)
    assert await quick == "2"
    await ask(group, 3)
    await store.until_asked(3)


async def test_an_error_is_everyones_and_the_group_goes_on() -> None:
    store = Store()
    group = BatchLoader(store.read, size=4, in_flight=1)
    asking = await ask(group, 1, 2)
    await store.until_asked(1)
    store.pending[0].set_exception(ConnectionError("away"))
    for one in asking:
        with pytest.raises(ConnectionError):
            await one
    (after,) = await ask(group, 3)
    await store.until_asked(2)
    store.pending[1].set_result(None)
    assert await after == "3"
