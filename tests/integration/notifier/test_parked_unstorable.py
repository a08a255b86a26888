"""A dead letter that PostgreSQL refuses is kept all the same, and its neighbours as they came."""

from __future__ import annotations

from typing import Any

import aio_pika
import pytest

from clarion.bus.protocol import Bus
from clarion.contracts.parking import CUT
from clarion.store.database import Database
from clarion.topology import PARKED
from tests.support.gateway import gateway_client
from tests.support.notifier import rows, running_notifiers, wait_for_rows

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.content_type = 'text/refused' THEN RAISE EXCEPTION 'refused'; END IF;
  IF NEW.content_type = 'text/slow' THEN PERFORM pg_sleep(60); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON parked FOR EACH ROW EXECUTE FUNCTION refuse()
"""

NUL = "nul \0 inside"


async def bury(amqp_url: str, letters: list[dict[str, Any]]) -> None:
    """As a broker does that gives up a message, or anybody who may write there."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(PARKED, ensure=False)
        for letter in letters:
            await exchange.publish(aio_pika.Message(**letter), routing_key="")


@pytest.mark.parametrize(
    "odd",
    [
        {"content_type": NUL},
        {"headers": {"x-first-death-reason": NUL}},
        {"headers": {"x-first-death-queue": NUL}},
        {"headers": {NUL[:20]: NUL, "traceparent": NUL}},
        {"headers": {"ce-id": NUL, "ce-source": NUL, "ce-type": NUL}},
        {"headers": {"n": 2**63 - 1, "list": [1.5, None, {"a": NUL}], "raw": bytearray(b"\0\xff")}},
        {"message_id": NUL, "type": NUL, "app_id": NUL, "correlation_id": NUL},
        {"body": NUL.encode() + b"\xff\xfe"},
        {"content_type": "text/refused"},
        {"content_type": "text/slow"},
    ],
    ids=lambda odd: " ".join(odd),
)
async def test_it_is_kept_and_strands_nobody(
    odd: dict[str, Any], rabbitmq_bus: Bus, amqp_url: str, database: Database, postgres_url: str
) -> None:
    async with database.driver() as tx:
        await tx.execute(REFUSE)
    plain = [{"body": f"plain {n}".encode(), "content_type": "text/plain"} for n in range(8)]
    letters = [*plain[:4], {"body": b"odd", **odd}, *plain[4:]]
    await bury(amqp_url, letters)
    hasty = Database(postgres_url, pool_size=4, timeout_s=1, application_name="clarion-test")
    async with (
        gateway_client(rabbitmq_bus, database) as client,
        running_notifiers(rabbitmq_bus, hasty),
    ):
        stored = await wait_for_rows(database, "SELECT * FROM parked ORDER BY id", len(letters))
        listed = (await client.get("/v1/parked")).json()["items"]
    await hasty.close()
    assert sorted(one["body"] for one in stored) == sorted(one["body"] for one in letters)
    assert len(listed) == len(letters)
    bare = [one for one in stored if CUT in one["headers"]]
    refused = odd.get("content_type") in ("text/refused", "text/slow")
    assert [one["body"] for one in bare] == [b"odd"] * refused
    assert await rows(database, "SELECT 1 FROM events") == []
