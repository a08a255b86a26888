"""Those who mean harm: closed by the table, nothing changed, nothing logged, nothing kept."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from clarion.bus import Bus
from clarion.bus.memory import MemoryBus
from clarion.lifecycle import bounded_http
from clarion.store.database import Database
from clarion.topology import events_queue
from testbed.processes import wait_until
from tests.support.attackers import FLOODS, attack_by_ids, attack_by_size, flood
from tests.support.fuzz import Tally, fuzz
from tests.support.inbox_writer import InboxWriter
from tests.support.notifier import rows
from tests.support.pusher import Pusher, running_pusher
from tests.support.raw_socket import raw_socket

ALL = "SELECT * FROM notifications ORDER BY id"
HEADS = "SELECT * FROM inboxes ORDER BY subscriber"
KEPT_BYTES = 512 * 1024
ROUNDS = 150
SOAKED_ROUNDS = 6_000


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(
        memory_bus, database, auth_timeout_s=1, handshakes_per_s=10_000
    ) as running:
        yield running


@pytest.fixture
async def victim(memory_bus: Bus, database: Database) -> str:
    """The id of an item of somebody else."""
    (frame,) = await InboxWriter(database, memory_bus).write("victim", "theirs")
    return str(json.loads(frame.body)["item"]["id"])


async def gone(pusher: Pusher) -> None:
    """Nothing is left of those who were there."""
    await wait_until(lambda: not pusher.engine.sessions, 30, "no session")
    assert pusher.engine.hub.feeds == {}


@pytest.mark.soak
async def test_bytes_of_every_kind_change_nothing_and_are_not_logged(
    pusher: Pusher,
    database: Database,
    victim: str,
    caplog: pytest.LogCaptureFixture,
    pytestconfig: pytest.Config,
) -> None:
    rounds = SOAKED_ROUNDS if pytestconfig.getoption("--soak") else ROUNDS
    before = (await rows(database, ALL), await rows(database, HEADS))
    caplog.set_level(logging.WARNING)
    with capture_logs() as logged:
        tally = await fuzz(pusher, 1, rounds=rounds, victim=victim)
        await gone(pusher)
    assert (tally.strange, tally.rounds) == ([], rounds)
    assert [one for one in logged if one["log_level"] in ("warning", "error")] == []
    assert [one for one in caplog.records if one.levelno >= logging.ERROR or one.exc_info] == []
    assert (await rows(database, ALL), await rows(database, HEADS)) == before
    async with pusher.feed("somebody") as client:
        assert client.past[-1] == {"type": "caught_up", "version": 0}


async def test_memory_is_where_it_was(pusher: Pusher, victim: str) -> None:
    await fuzz(pusher, 2, rounds=ROUNDS // 3, victim=victim)
    await gone(pusher)
    tracemalloc.start()
    try:
        await fuzz(pusher, 2, rounds=ROUNDS // 3, victim=victim)
        await gone(pusher)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < KEPT_BYTES


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_tiny_frames_is_4429(pusher: Pusher, kind: str) -> None:
    frames = await flood(pusher, kind, Tally(), at_most=100_000)
    assert frames[-1].code == 4429
    assert len(frames) <= pusher.engine.settings.max_frames_per_minute + 100
    await gone(pusher)


async def test_a_message_past_the_bound_is_4413_however_it_comes(pusher: Pusher) -> None:
    tally = Tally()
    for seed in range(12):
        await attack_by_size(pusher, random.Random(seed), "", tally)
    assert tally.strange == []
    await gone(pusher)


async def test_who_never_says_who_he_is_is_4408_and_forgotten(pusher: Pusher) -> None:
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(raw_socket(pusher, None)) for _ in range(50)]
        ends = [await one.rest() for one in silent]
    assert [[frame.code for frame in frames] for frames in ends] == [[4408]] * 50
    await gone(pusher)


async def test_heads_that_never_end_are_408_and_hold_nobody_up(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_TIMEOUT_S", 1.0)
    slow = [await asyncio.open_connection("127.0.0.1", pusher.port) for _ in range(50)]
    for _, writer in slow:
        writer.write(b"GET /v1/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    async with pusher.feed("user-1") as client:
        assert client.past[-1]["type"] == "caught_up"
    for reader, writer in slow:
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
    assert not pusher.engine.sessions


async def test_another_users_ids_in_every_command_change_nothing(
    pusher: Pusher, database: Database, memory_bus: MemoryBus, victim: str
) -> None:
    before = (await rows(database, ALL), await rows(database, HEADS))
    tally = Tally()
    await attack_by_ids(pusher, random.Random(0), victim, tally)
    assert tally.strange == []
    assert (await rows(database, ALL), await rows(database, HEADS)) == before
    subscription = memory_bus.subscribe(events_queue("normal"), prefetch=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await subscription.take(1)
    await subscription.close()
