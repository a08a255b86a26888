"""Readers while others write, and while the database has no connection to spare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import httpx2
import msgspec
import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.envelope import Entry
from clarion.store.database import Database
from clarion.topology import events_queue
from services.notifier.plan import batch
from services.notifier.plan.batch import Batch, Planner
from services.pusher.inbox.history import FeedPosition, History
from testbed.processes import wait_until
from tests.support.gateway import at, gateway_client
from tests.support.gateway_rows import put_delivery, put_event, put_notification, put_parked
from tests.support.inbox_writer import InboxWriter
from tests.support.notifier import entry, event, rows
from tests.support.pusher import running_pusher, token

OURS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"

STORM = 1_000
AT_ONCE = 50


class Gate:
    """Holds the first transaction that comes to a step of plan until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self._step: Any = getattr(batch, step)
        monkeypatch.setattr(batch, step, self)

    async def __call__(self, *arguments: Any) -> Any:
        if not self.reached.is_set():
            self.reached.set()
            await self.open.wait()
        return await self._step(*arguments)


def plan(database: Database, identifier: str) -> asyncio.Task[Any]:
    """An event for user:42, being planned."""
    fields = msgspec.json.encode(entry(event(id=identifier)))
    one = msgspec.json.decode(fields, type=Entry)
    planner = Planner(database, carried=frozenset({"inbox"}))
    return asyncio.create_task(planner.plan(Batch("normal", events_queue("normal"), [one])))


async def changes_since(database: Database, version: int) -> list[tuple[int, str]]:
    """What a client reads that has seen `version`."""
    page = await History(database, pool_size=4).after(FeedPosition("default", "42", version))
    assert page.head == max([version, *(item.version for item in page.items)])
    return [(item.version, item.event_id) for item in page.items]


async def test_who_began_first_and_commits_last_is_read_last_and_not_skipped(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, "describe_recipients")
    first = plan(database, "first")
    await gate.reached.wait()
    await plan(database, "second")
    assert await changes_since(database, 0) == [(1, "second")]
    gate.open.set()
    await first
    assert await changes_since(database, 1) == [(2, "first")]


async def test_who_has_a_version_is_waited_for_by_all_later_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, "write_notifications")
    first = plan(database, "first")
    await gate.reached.wait()
    second = plan(database, "second")

    async def second_waits() -> bool:
        return bool(await rows(database, f"{OURS} AND wait_event_type = 'Lock'"))

    await wait_until(second_waits, 20, "the second transaction to wait for the inbox")
    assert await changes_since(database, 0) == []
    gate.open.set()
    await asyncio.gather(first, second)
    assert await changes_since(database, 0) == [(1, "first"), (2, "second")]


async def put_row(database: Database, path: str) -> str:
    """One more row of a list; its id."""
    if path == "/v1/parked":
        return str(await put_parked(database))
    uid = await put_event(database, at("12:00:00"))
    notification = await put_notification(database, uid)
    delivery = await put_delivery(database, notification)
    return str(notification if path == "/v1/notifications" else delivery)


@pytest.mark.parametrize("path", ["/v1/notifications", "/v1/deliveries", "/v1/parked"])
async def test_a_list_shows_each_row_once_though_rows_come_between_its_pages(
    path: str, memory_bus: Bus, database: Database
) -> None:
    dice = Random(3)
    there = [await put_row(database, path) for _ in range(25)]
    shown: list[str] = []
    cursor: str | None = ""
    async with gateway_client(memory_bus, database) as client:
        while cursor is not None:
            params = {"limit": dice.randint(1, 5)} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(path, params=params)).json()
            shown += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            for _ in range(dice.randint(0, 2)):
                await put_row(database, path)
    assert shown == sorted(there, reverse=True)


async def test_an_inbox_shows_each_item_once_though_it_changes_between_its_pages(
    memory_bus: Bus, database: Database
) -> None:
    dice = Random(4)
    writer = InboxWriter(database, memory_bus)
    there = [f"{n}" for n in range(25)]
    await writer.store("42", there)
    shown: list[dict[str, Any]] = []
    cursor: str | None = ""
    headers = {"Authorization": f"Bearer {token('42')}"}
    async with (
        running_pusher(memory_bus, database) as pusher,
        httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client,
    ):
        while cursor is not None:
            params = {"limit": dice.randint(1, 5)} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/inbox", params={"state": "all"} | params)).json()
            shown += page["items"]
            cursor = page["next_cursor"]
            await writer.store("42", ["new"])
            for verb in ("read", "unread", "archive", "unarchive"):
                ids = [dice.choice(shown)["id"], page["items"][-1]["id"]]
                (await client.post(f"/v1/inbox/{verb}", json={"ids": ids})).raise_for_status()
    assert [item["title"] for item in shown] == there[::-1]


@pytest.fixture
async def small_pool(postgres_url: str) -> AsyncIterator[Database]:
    """Two connections, for which one waits 0.3 s at most."""
    opened = Database(postgres_url, pool_size=2, timeout_s=0.3, application_name="clarion-small")
    yield opened
    await opened.close()


async def hold(database: Database, until: asyncio.Event, held: asyncio.Semaphore) -> None:
    """Keep one connection."""
    async with database.driver():
        held.release()
        await until.wait()


async def test_without_a_free_connection_the_answer_is_a_quick_503_and_the_process_is_alive(
    memory_bus: Bus, small_pool: Database
) -> None:
    headers = {"Authorization": f"Bearer {token('42')}"}
    async with (
        gateway_client(memory_bus, small_pool) as gateway,
        running_pusher(memory_bus, small_pool) as pusher,
        httpx2.AsyncClient(base_url=pusher.http, headers=headers) as subscriber,
    ):
        calls = [(gateway, "/v1/notifications"), (subscriber, "/v1/inbox")]
        assert [(await client.get(path)).status_code for client, path in calls] == [200, 200]
        until, held = asyncio.Event(), asyncio.Semaphore(0)
        holders = [asyncio.create_task(hold(small_pool, until, held)) for _ in range(2)]
        for _ in holders:
            await held.acquire()
        answers = await asyncio.gather(
            *(client.get(path) for client, path in calls for _ in range(20))
        )
        alive = [(await client.get("/healthz")).status_code for client, _ in calls]
        ready = [(await client.get("/readyz")).status_code for client, _ in calls]
        until.set()
        await asyncio.gather(*holders, return_exceptions=True)
        again = [(await client.get(path)).status_code for client, path in calls]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {
        (503, "database_unavailable")
    }
    assert all("retry-after" in one.headers for one in answers)
    assert (alive, ready, again) == ([200, 200], [503, 503], [200, 200])


async def storm(client: httpx2.AsyncClient, paths: Sequence[str], dice: Random) -> int:
    """Ask `STORM` times and cancel each somewhere on its way; how many were cancelled."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(path: str) -> bool:
        async with turns:
            asking = asyncio.create_task(client.get(path))
            for _ in range(dice.randint(1, 30)):
                await asyncio.sleep(0)
            await asyncio.sleep(dice.choice([0, 0.001, 0.005]))
            asking.cancel()
            (answer,) = await asyncio.gather(asking, return_exceptions=True)
            return isinstance(answer, asyncio.CancelledError)

    return sum(await asyncio.gather(*(ask(dice.choice(paths)) for _ in range(STORM))))


async def test_a_thousand_cancelled_requests_leave_no_connection_busy(
    memory_bus: Bus, database: Database
) -> None:
    uid = await put_event(database, at("12:00:00"))
    notification = await put_notification(database, uid)
    async with gateway_client(memory_bus, database) as client:
        paths = ["/v1/notifications", f"/v1/notifications/{notification}", "/v1/events/o-1"]
        cancelled = await storm(client, paths, Random(5))

        async def at_rest() -> bool:
            busy = await rows(database, f"{OURS} AND state <> 'idle' AND pid <> pg_backend_pid()")
            return busy == []

        await wait_until(at_rest, 20, "no connection busy")
        pool: Any = database.engine.pool
        assert pool.checkedout() == 0
        answers = await asyncio.gather(*(client.get(paths[0]) for _ in range(AT_ONCE)))
    assert cancelled > STORM / 4
    assert {one.status_code for one in answers} == {200}
