"""Alembic's entry: online only, one migrator at a time, short lock waits."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from clarion.store.tables import metadata

LOCK_WAIT = "SET lock_timeout = '2s'"
ONE_MIGRATOR = "SELECT pg_advisory_xact_lock(hashtext('clarion.migrate'))"


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        connection.execute(text(ONE_MIGRATOR))
        connection.execute(text(LOCK_WAIT))
        context.run_migrations()


async def run_online() -> None:
    engine = create_async_engine(context.config.attributes["url"], poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(run_online())
