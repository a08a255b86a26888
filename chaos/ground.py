"""What the fleet stands on: a node of RabbitMQ, a PostgreSQL, providers, and a folder of logs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote

import asyncpg

from chaos.fleet import Fleet, Member
from chaos.line import Line, Streams
from chaos.part import PARTS
from chaos.providers import SEND_TIMEOUT_S, FlakyMailbox, FlakyTwilio, Post
from clarion.store.migrate import migrate
from tests.support.postgres import PostgresNode
from tests.support.rabbitmq import BrokerNode, find_node
from tests.support.smtp import running_smtp
from tests.support.stack import API_KEY, TOKEN_SECRET
from tests.support.twilio import SID, TOKEN, running_twilio

DURABLE = ("fsync = 'on'", "full_page_writes = 'on'", "synchronous_commit = 'on'")
"""Tests switch these off; here a commit must outlive a SIGKILL."""


@dataclass
class Ground:
    """Everything that faults and judges need."""

    fleet: Fleet
    broker: BrokerNode
    postgres: PostgresNode
    mail: Post
    messages: Post
    folder: Path


@asynccontextmanager
async def open_ground(seed: int, folder: Path) -> AsyncIterator[Ground]:
    """Start it all, the fleet too; end it all, whatever happens."""
    async with AsyncExitStack() as stack:
        broker = await _open_broker(stack, folder)
        postgres = await _open_postgres(stack)
        mail, messages = Post(Random(f"{seed} mail")), Post(Random(f"{seed} sms"))
        box = await stack.enter_async_context(running_smtp(folder, box=FlakyMailbox(mail)))
        twilio = await stack.enter_async_context(running_twilio(FlakyTwilio(messages)))
        settings = {
            "CLARION_API_KEY": API_KEY,
            "CLARION_TOKEN_SECRET": TOKEN_SECRET,
            "CLARION_SEND_TIMEOUT_S": str(SEND_TIMEOUT_S),
            "CLARION_EMAIL": box.url,
            "CLARION_SMS": f"twilio://{SID}:{quote(TOKEN, safe='')}@?from=%2B15005550006"
            f"&base={quote(twilio.base)}",
        }
        members = {
            name: await _member(stack, name, settings, broker.node.amqp_port, postgres, folder)
            for name in PARTS
        }
        fleet = Fleet(members)
        stack.push_async_callback(fleet.kill)
        await fleet.start()
        yield Ground(fleet, broker, postgres, mail, messages, folder)


async def _member(
    stack: AsyncExitStack,
    name: str,
    settings: dict[str, str],
    amqp_port: int,
    postgres: PostgresNode,
    folder: Path,
) -> Member:
    async def to_broker() -> Streams:
        return await asyncio.open_connection("127.0.0.1", amqp_port)

    async def to_database() -> Streams:
        return await asyncio.open_unix_connection(socket_of(postgres))

    lines = {"broker": Line(to_broker), "database": Line(to_database)}
    for line in lines.values():
        await line.start()
        stack.push_async_callback(line.close)
    own = {
        "CLARION_AMQP_URL": f"amqp://guest:guest@127.0.0.1:{lines['broker'].port}/",
        "CLARION_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{lines['database'].port}/postgres",
    }
    return Member(name, settings | own, lines, folder / f"{name}.log")


async def _open_broker(stack: AsyncExitStack, folder: Path) -> BrokerNode:
    node = find_node()()
    stack.callback(node.close)
    await asyncio.to_thread(node.start)
    broker = BrokerNode(node)
    stack.callback(broker.close)
    log = getattr(node, "log_directory", None)
    if isinstance(log, Path):
        stack.callback(lambda: shutil.copytree(log, folder / "rabbitmq", dirs_exist_ok=True))
    return broker


async def _open_postgres(stack: AsyncExitStack) -> PostgresNode:
    postgres = PostgresNode()
    stack.callback(postgres.stop)
    await asyncio.to_thread(postgres.start)
    await migrate(postgres.url)
    connection = await asyncpg.connect(postgres.url)
    try:
        for setting in DURABLE:
            await connection.execute(f"ALTER SYSTEM SET {setting}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    return postgres


def socket_of(postgres: PostgresNode) -> str:
    """The path of its Unix socket."""
    return f"{postgres.url.rpartition('host=')[2]}/.s.PGSQL.5432"
