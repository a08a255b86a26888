"""What the fleet stands on: RabbitMQ, PostgreSQL, providers, and a folder of logs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import quote

from chaos.fleet import Fleet, Member
from chaos.line import Line, Streams
from chaos.part import PARTS
from chaos.providers import SEND_TIMEOUT_S, FlakyMailbox, FlakyTwilio, Post
from clarion.store.migrate import migrate
from testbed.postgres import DURABLE, PostgresNode
from testbed.rabbitmq import BrokerNode, find_node, start_cluster
from testbed.smtp import running_smtp
from testbed.stack import API_KEY, TOKEN_SECRET
from testbed.twilio import SID, TOKEN, running_twilio


@dataclass
class Ground:
    """Everything that faults and judges need."""

    fleet: Fleet
    brokers: Sequence[BrokerNode]
    """One, or the nodes of a cluster."""
    postgres: PostgresNode
    mail: Post
    messages: Post
    folder: Path


@asynccontextmanager
async def open_ground(
    seed: int, folder: Path, nodes: int = 1, shards: int = 1
) -> AsyncIterator[Ground]:
    """Start it all, the fleet too; end it all, whatever happens."""
    async with AsyncExitStack() as stack:
        brokers = await _open_brokers(stack, folder, nodes)
        postgres = await _open_postgres(stack)
        mail, messages = Post(Random(f"{seed} mail")), Post(Random(f"{seed} sms"))
        box = await stack.enter_async_context(running_smtp(folder, box=FlakyMailbox(mail)))
        twilio = await stack.enter_async_context(running_twilio(FlakyTwilio(messages)))
        settings = {
            "CLARION_API_KEY": API_KEY,
            "CLARION_LIVE_SHARDS": str(shards),
            "CLARION_TOKEN_SECRET": TOKEN_SECRET,
            "CLARION_SEND_TIMEOUT_S": str(SEND_TIMEOUT_S),
            "CLARION_EMAIL": box.url,
            "CLARION_SMS": f"twilio://{SID}:{quote(TOKEN, safe='')}@?from=%2B15005550006"
            f"&base={quote(twilio.base)}",
        }
        ports = [broker.node.amqp_port for broker in brokers]
        members = {
            name: await _member(stack, name, settings, ports, postgres, folder) for name in PARTS
        }
        fleet = Fleet(members)
        stack.push_async_callback(fleet.kill)
        await fleet.start()
        yield Ground(fleet, brokers, postgres, mail, messages, folder)


CLOCK_JUMPS_S = {"notifier-0": "-600", "notifier-1": "20"}


async def _member(
    stack: AsyncExitStack,
    name: str,
    settings: dict[str, str],
    amqp_ports: Sequence[int],
    postgres: PostgresNode,
    folder: Path,
) -> Member:
    async def to_database() -> Streams:
        return await asyncio.open_unix_connection(socket_of(postgres))

    first = PARTS.index(name)  # each begins at another node
    ports = [amqp_ports[(first + n) % len(amqp_ports)] for n in range(len(amqp_ports))]
    lines = {
        "broker": [Line(partial(asyncio.open_connection, "127.0.0.1", port)) for port in ports],
        "database": [Line(to_database)],
    }
    for line in (*lines["broker"], *lines["database"]):
        await line.start()
        stack.push_async_callback(line.close)
    own = {
        "CLARION_AMQP_URL": ",".join(
            f"amqp://guest:guest@127.0.0.1:{line.port}/" for line in lines["broker"]
        ),
        "CLARION_DATABASE_URL": f"postgresql://postgres@127.0.0.1:"
        f"{lines['database'][0].port}/postgres",
    }
    if name in CLOCK_JUMPS_S:
        own["CLARION_CLOCK_JUMP_S"] = CLOCK_JUMPS_S[name]
    return Member(name, settings | own, lines, folder / f"{name}.log")


async def _open_brokers(stack: AsyncExitStack, folder: Path, number: int) -> list[BrokerNode]:
    if number == 1:
        nodes = [find_node()()]
        await asyncio.to_thread(nodes[0].start)
    else:
        nodes = await asyncio.to_thread(start_cluster, number)
    for node in nodes:
        stack.callback(node.close)
    brokers = [BrokerNode(node) for node in nodes]
    for n, broker in enumerate(brokers):
        stack.callback(broker.close)
        log = getattr(broker.node, "log_directory", None)
        if isinstance(log, Path):
            kept = folder / f"rabbitmq-{n}"
            stack.callback(partial(shutil.copytree, log, kept, dirs_exist_ok=True))
    return brokers


async def _open_postgres(stack: AsyncExitStack) -> PostgresNode:
    # A commit must outlive a SIGKILL
    postgres = PostgresNode(f"{DURABLE}max_connections = 80\n")
    postgres.shrink_wal()
    stack.callback(postgres.stop)
    await asyncio.to_thread(postgres.start)
    await migrate(postgres.url)
    return postgres


def socket_of(postgres: PostgresNode) -> str:
    """The path of its Unix socket."""
    return f"{postgres.url.rpartition('host=')[2]}/.s.PGSQL.5432"
