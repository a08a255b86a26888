"""A pusher in this process, and who writes what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Pusher, running_pusher


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(memory_bus, database) as running:
        yield running


@pytest.fixture
def writer(memory_bus: Bus, database: Database) -> InboxWriter:
    return InboxWriter(database, memory_bus)


@pytest.fixture
async def no_database() -> AsyncIterator[Database]:
    """A database that is away: the way of an event does without."""
    database = Database(
        "postgresql://nobody@127.0.0.1:1/none", pool_size=2, timeout_s=1, application_name="test"
    )
    yield database
    await database.close()
