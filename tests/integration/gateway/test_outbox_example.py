"""The relay of `examples/outbox` brings every row of an outbox to Clarion."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from tests.support.gateway import Published, gateway_client
from tests.support.sources import ROOT

FOLDER = ROOT / "examples" / "outbox"
ROWS = "SELECT sent_at IS NOT NULL, refusal->>'code' FROM outbox ORDER BY position"


def relay() -> Any:
    spec = spec_from_file_location("relay", FOLDER / "relay.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_good_rows_are_sent_and_bad_ones_kept_for_a_person(
    memory_bus: Bus, database: Database
) -> None:
    published = Published(memory_bus)
    events = [{"type": "t", "id": "1"}, {"type": "not a type", "id": "2"}, {"type": "t", "id": "3"}]
    async with database.driver() as tx, gateway_client(memory_bus, database) as client:
        await tx.execute((FOLDER / "outbox.sql").read_text())
        for event in events:
            await tx.execute(
                "INSERT INTO outbox (event) VALUES ($1::text::jsonb)", json.dumps(event)
            )
        assert await relay().relay_once(tx, client) == 0
        assert [tuple(row) for row in await tx.fetch(ROWS)] == [
            (True, None),
            (False, "invalid"),
            (True, None),
        ]
        assert await relay().relay_once(tx, client) > 0
        await tx.execute("DROP TABLE outbox")
        assert [one.id for one in await published.entries(2)] == ["1", "3"]


async def test_rows_wait_while_clarion_is_away(memory_bus: Bus, database: Database) -> None:
    await memory_bus.close()
    async with database.driver() as tx, gateway_client(memory_bus, database) as client:
        await tx.execute((FOLDER / "outbox.sql").read_text())
        await tx.execute(
            "INSERT INTO outbox (event) VALUES ($1::text::jsonb)", '{"type": "t", "id": "1"}'
        )
        assert await relay().relay_once(tx, client) >= 1
        assert [tuple(row) for row in await tx.fetch(ROWS)] == [(False, None)]
        await tx.execute("DROP TABLE outbox")
