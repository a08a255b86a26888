"""The one loop that retries work while the environment prevents it."""

from __future__ import annotations

import asyncio

import pytest

from services.notifier.transient_retry import Stopped, TransientRetry


class _Away(Exception):
    pass


class _Act:
    def __init__(self, failures: int) -> None:
        self.calls = 0
        self._failures = failures

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise _Away
        return "done"


async def _ignore(error: Exception) -> None:
    assert isinstance(error, _Away)


async def test_what_fails_is_tried_until_it_succeeds() -> None:
    act = _Act(failures=2)
    retry = TransientRetry(asyncio.Event(), max_wait_s=0.01)
    assert (await retry.until_possible(act, _ignore), act.calls) == ("done", 3)


async def test_what_on_error_raises_ends_it() -> None:
    async def refuse(error: Exception) -> None:
        raise ValueError("refused") from error

    act = _Act(failures=1)
    with pytest.raises(ValueError, match="refused"):
        await TransientRetry(asyncio.Event(), max_wait_s=0.01).until_possible(act, refuse)
    assert act.calls == 1


async def test_a_stop_allows_the_first_try_and_no_other() -> None:
    stopping = asyncio.Event()
    stopping.set()
    retry, act = TransientRetry(stopping, max_wait_s=3600), _Act(failures=1)
    assert await retry.until_possible(_Act(failures=0), _ignore) == "done"
    with pytest.raises(Stopped):
        await retry.until_possible(act, _ignore)
    assert act.calls == 1


async def test_a_stop_ends_a_wait() -> None:
    stopping = asyncio.Event()

    async def stop(_: Exception) -> None:
        stopping.set()

    with pytest.raises(Stopped):
        await TransientRetry(stopping, max_wait_s=3600).until_possible(_Act(failures=1), stop)


async def test_records_are_written_even_while_it_stops() -> None:
    stopping = asyncio.Event()
    stopping.set()
    act = _Act(failures=2)
    retry = TransientRetry(stopping, max_wait_s=0.01)
    assert await retry.until_possible(act, _ignore, even_if_stopping=True) == "done"
