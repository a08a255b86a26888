"""The broker and the database that contenders run on: fresh ones for each."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from bench.lib.results import DURABILITY
from testbed import processes
from testbed.postgres import DURABLE, Databases, PostgresNode
from testbed.rabbitmq import Broker, BrokerNode, find_node, given_broker


class Ground:
    """Hands out virtual hosts and databases."""

    def __init__(self, broker: Broker, databases: Databases) -> None:
        self._broker = broker
        self._databases = databases

    @asynccontextmanager
    async def fresh(self, *, migrated: bool = True) -> AsyncIterator[dict[str, str]]:
        """Settings that name a new virtual host and a new database."""
        vhost = self._broker.create_vhost()
        try:
            async with self._databases.fresh(migrated=migrated) as database_url:
                yield {
                    "CLARION_AMQP_URL": self._broker.url(vhost),
                    "CLARION_DATABASE_URL": database_url,
                }
        finally:
            self._broker.delete_vhost(vhost)

    async def servers(self) -> dict[str, str]:
        """The versions of both servers, and the settings of PostgreSQL that decide whether a
        commit outlives the machine, as the servers report them."""
        overview = self._broker.management.get("/overview").json()
        found = {"rabbitmq": str(overview["rabbitmq_version"])}
        async with self._databases.fresh(migrated=False) as url:
            connection = await asyncpg.connect(url)
            try:
                for name in ("server_version", *DURABILITY):
                    found[name] = await connection.fetchval(f"SHOW {name}")
            finally:
                await connection.close()
        found["postgresql"] = found.pop("server_version")
        return found


@asynccontextmanager
async def open_ground() -> AsyncIterator[Ground]:
    """Given services, else private ones, ended at the end."""
    given_amqp = os.environ.pop("CLARION_AMQP_URL", "")
    given_database = os.environ.pop("CLARION_DATABASE_URL", "")
    async with AsyncExitStack() as stack:
        stack.callback(processes.reaper().close)
        if given_amqp.startswith("amqp"):
            broker = given_broker(given_amqp.split(",")[0])
        else:
            node = find_node()()
            stack.callback(node.close)
            node.start()
            broker = BrokerNode(node)
        stack.callback(broker.close)
        if given_database.startswith("postgres"):
            databases = Databases(given_database)
        else:
            server = PostgresNode(DURABLE)
            stack.callback(server.stop)
            server.start()
            databases = Databases(server.url)
        await databases.prepare()
        stack.push_async_callback(databases.dispose)
        yield Ground(broker, databases)
