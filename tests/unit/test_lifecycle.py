"""Background loops: restarted, reported, ended."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from clarion.lifecycle import background
from clarion.lifecycle.background import BackgroundTasks, backoff_s
from testbed.processes import wait_until


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(_failures: int) -> float:
        return 0.0

    monkeypatch.setattr(background, "backoff_s", at_once)


async def test_a_loop_that_crashes_starts_again() -> None:
    turns: list[int] = []

    async def loop() -> None:
        turns.append(len(turns))
        if len(turns) < 3:
            raise RuntimeError("a bad turn")
        await asyncio.Event().wait()

    tasks = BackgroundTasks()
    tasks.start("loop", loop)
    await wait_until(lambda: len(turns) == 3, 5)
    assert tasks.status() == {"loop": "running"}
    await tasks.stop(1)


async def test_a_loop_that_returns_has_ended() -> None:
    async def loop() -> None:
        pass

    tasks = BackgroundTasks()
    tasks.start("loop", loop)
    await wait_until(lambda: tasks.status() == {"loop": "It has ended."}, 5)
    await tasks.stop(1)


async def test_draining_waits_for_a_loop_to_end_by_itself() -> None:
    done = asyncio.Event()
    finished: list[str] = []

    async def loop() -> None:
        await done.wait()
        finished.append("in order")

    tasks = BackgroundTasks()
    tasks.start("loop", loop)
    asyncio.get_running_loop().call_soon(done.set)
    await tasks.drain(5)
    assert finished == ["in order"]


async def test_stopping_does_not_wait_for_ever_and_says_once_what_was_cut() -> None:
    """Nothing is wrong with the process then: it was told to stop, and stops."""
    released = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    async def obedient() -> None:
        await released.wait()

    tasks = BackgroundTasks()
    for name, loop in {"second": stubborn, "obedient": obedient, "first": stubborn}.items():
        tasks.start(name, loop)
    await asyncio.sleep(0)
    with structlog.testing.capture_logs() as lines:
        await tasks.stop(0.1)
    released.set()
    assert lines == [
        {
            "event": "background_task_cut",
            "log_level": "warning",
            "tasks": ["first", "second"],
            "timeout_s": 0.1,
        }
    ]


@pytest.mark.parametrize("failures", [1, 5, 1000])
def test_waits_are_jittered_and_bounded(failures: int) -> None:
    waits = {backoff_s(failures) for _ in range(50)}
    assert len(waits) > 1
    assert all(0 < wait <= 30 for wait in waits)
