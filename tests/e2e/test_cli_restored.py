"""`clarion migrate --restored`, from a dump that was really restored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from clarion.store.migrate import migrate
from testbed.postgres import PostgresNode
from testbed.processes import free_port, start_process
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Frame, running_pusher


@pytest.fixture
def server() -> Iterator[PostgresNode]:
    node = PostgresNode()
    node.start()
    yield node
    node.stop()


def titles(frames: list[Frame]) -> list[str]:
    return sorted(one["item"]["title"] for one in frames if one["type"] == "notification")


async def clarion(*words: str, url: str, data: Path) -> tuple[int, str]:
    env = {
        "CLARION_AMQP_URL": "memory://",
        "CLARION_DATABASE_URL": url,
        "CLARION_TOKEN_SECRET": "s" * 32,
        "CLARION_DATA_DIR": str(data),
        "CLARION_PORT": str(free_port()),
    }
    process = await start_process([sys.executable, "-m", "services.cli", *words], env=env)
    return await process.wait(60), process.output()


async def restore(server: PostgresNode, dump: Path) -> None:
    """The whole database, in place of what it holds; its sessions are ended."""
    psql = str(Path(server.dump_command[0]).with_name("psql"))
    drop = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
    for words in (["-c", drop], ["-f", str(dump)]):
        process = await start_process([psql, "-d", server.url, "-q", *words])
        assert await process.wait(60) == 0, process.output()


async def test_a_restored_dump_is_told_by_doctor_and_resets_clients_once_it_is_said(
    server: PostgresNode, memory_bus: Bus, tmp_path: Path
) -> None:
    dump = tmp_path / "dump.sql"
    await migrate(server.url)
    database = Database(server.url, pool_size=4, timeout_s=5, application_name="test")
    writer = InboxWriter(database, memory_bus)
    await writer.write("user-1", "one")
    backup = await start_process([*server.dump_command, "-f", str(dump)])
    assert await backup.wait(60) == 0, backup.output()
    await writer.write("user-1", "lost")
    async with running_pusher(memory_bus, database) as pusher, pusher.feed("user-1") as client:
        epoch = client.past[0]["epoch"]
    await database.close()  # everything is stopped
    await restore(server, dump)

    status, before = await clarion("doctor", url=server.url, data=tmp_path)
    assert (status, "run: clarion migrate --restored" in before) == (1, True), before
    status, output = await clarion("migrate", "--restored", url=server.url, data=tmp_path)
    assert (status, "new epoch" in output) == (0, True), output
    status, after = await clarion("doctor", url=server.url, data=tmp_path)
    assert (status, "--restored" in after) == (0, False), after

    writer = InboxWriter(database, memory_bus)
    await writer.write("user-1", "new")
    async with (
        running_pusher(memory_bus, database) as pusher,
        pusher.connect("user-1") as client,
    ):
        await client.hello(2, epoch=epoch)
        frames = await client.until("caught_up")
        assert (frames[0]["reset"], titles(frames)) == (True, ["new", "one"])
        await clarion("migrate", "--restored", url=server.url, data=tmp_path)
        frames = await client.until("caught_up", 30)
        assert (frames[0]["reset"], titles(frames)) == (True, ["new", "one"])
    await database.close()


async def test_restored_and_partitions_do_not_go_together(tmp_path: Path) -> None:
    words = ("migrate", "--partitions", "--restored")
    status, output = await clarion(*words, url="postgresql://nobody@127.0.0.1:1/x", data=tmp_path)
    assert (status, "either" in output) == (2, True), output
