"""`POST /v1/events`: what goes in, what is answered, what reaches the broker."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from clarion.telemetry.trace import trace_id_of
from tests.support.gateway import Published, gateway_client, make_key

BATCH = "application/cloudevents-batch+json"


async def test_one_event_is_in_the_queue_when_202_is_answered(bus: Bus, database: Database) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    body = b'{ "type":"order.shipped","source":"shop","id":"o-1",\n"data":{"n":1.50,"s":"\\u00e4"}}'
    published = Published(bus)
    async with gateway_client(bus, database) as client:
        answer = await client.post("/v1/events", content=body, headers={"traceparent": trace})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "ids": ["o-1"]})
    (entry,) = await published.entries(1)
    assert (entry.id, entry.source, entry.tenant) == ("o-1", "shop", "default")
    assert trace_id_of(entry.traceparent) == trace_id_of(trace)
    assert entry.traceparent == answer.headers["traceparent"]
    assert bytes(entry.event) == body
    assert abs((datetime.now(UTC) - entry.accepted_at).total_seconds()) < 60


async def test_an_event_without_id_and_source_gets_both(
    memory_bus: Bus, database: Database
) -> None:
    published = Published(memory_bus)
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post("/v1/events", json={"type": "a"})
    (entry,) = await published.entries(1)
    assert answer.json()["ids"] == [entry.id]
    assert UUID(entry.id).version == 7
    assert entry.source == "api"


async def test_an_array_leaves_in_few_envelopes_and_is_answered_in_order(
    bus: Bus, database: Database
) -> None:
    events = [{"type": "a", "id": f"e{n}"} for n in range(1_000)]
    published = Published(bus)
    async with gateway_client(bus, database) as client:
        answer = await client.post("/v1/events", json=events)
    ids = [event["id"] for event in events]
    assert answer.json() == {"accepted": 1_000, "ids": ids}
    envelopes: list[Any] = []
    while sum(map(len, envelopes)) < 1_000:
        envelopes += await published.envelopes()
    assert sorted(map(len, envelopes)) == [232, 256, 256, 256]
    assert sorted(entry.id for envelope in envelopes for entry in envelope) == sorted(ids)


async def test_urgent_events_of_an_array_go_to_their_own_queue(
    memory_bus: Bus, database: Database
) -> None:
    normal, urgent = Published(memory_bus), Published(memory_bus, "urgent")
    events = [{"type": "a", "id": "1"}, {"type": "a", "id": "2", "lane": "urgent"}]
    async with gateway_client(memory_bus, database) as client:
        assert (await client.post("/v1/events", json=events)).json()["ids"] == ["1", "2"]
    assert [entry.id for entry in await normal.entries(1)] == ["1"]
    assert [entry.id for entry in await urgent.entries(1)] == ["2"]


async def test_one_id_twice_in_an_array_is_answered_twice(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post("/v1/events", json=[{"type": "a", "id": "x"}] * 2)
    assert answer.json() == {"accepted": 2, "ids": ["x", "x"]}


@pytest.mark.parametrize("given", ["key-1", '"key-1"'])
async def test_idempotency_key_is_the_id(memory_bus: Bus, database: Database, given: str) -> None:
    published = Published(memory_bus)
    async with gateway_client(memory_bus, database) as client:
        headers = {"idempotency-key": given}
        answer = await client.post("/v1/events", json={"type": "a"}, headers=headers)
        same = await client.post("/v1/events", json={"type": "a", "id": "key-1"}, headers=headers)
        other = await client.post("/v1/events", json={"type": "a", "id": "2"}, headers=headers)
        array = await client.post("/v1/events", json=[{"type": "a"}], headers=headers)
    assert answer.json()["ids"] == same.json()["ids"] == ["key-1"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_differs")
    assert (array.status_code, array.json()["code"]) == (400, "idempotency_key_on_array")
    assert [entry.id for entry in await published.entries(2)] == ["key-1", "key-1"]


def sdk_event() -> CloudEvent:
    return CloudEvent(
        {
            "id": "ce-1",
            "source": "/shop/ä",
            "type": "order.shipped",
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "time": datetime(2026, 11, 20, 12, tzinfo=UTC),
            "to": "user:42,topic:vips",
            "channels": "inbox,email",
            "title": "Your order, on its way",
            "myextension": "tolerated",
        },
        {"number": 7},
    )


@pytest.mark.parametrize("convert", [to_structured_event, to_binary_event])
async def test_a_cloudevent_of_the_official_sdk_becomes_an_event(
    memory_bus: Bus, database: Database, convert: Any
) -> None:
    message = convert(sdk_event())
    published = Published(memory_bus)
    async with gateway_client(memory_bus, database) as client:
        answer = await client.post("/v1/events", content=message.body, headers=message.headers)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "ids": ["ce-1"]})
    (entry,) = await published.entries(1)
    assert entry.source == "/shop/ä"
    made = json.loads(bytes(entry.event))
    assert datetime.fromisoformat(made.pop("time")) == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert made == {
        "id": "ce-1",
        "source": "/shop/ä",
        "type": "order.shipped",
        "to": ["user:42", "topic:vips"],
        "channels": ["inbox", "email"],
        "content": {"title": "Your order, on its way"},
        "data": {"number": 7},
    }


async def test_a_batch_of_cloudevents_is_all_or_none(memory_bus: Bus, database: Database) -> None:
    good = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    bad = {"specversion": "0.3", "id": "2", "source": "s", "type": "t"}
    published = Published(memory_bus)
    async with gateway_client(memory_bus, database) as client:
        headers = {"content-type": BATCH}
        refused = await client.post("/v1/events", content=json.dumps([good, bad]), headers=headers)
        taken = await client.post("/v1/events", content=json.dumps([good]), headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "[1].specversion", "message": "must be 1.0"}]
    assert taken.json() == {"accepted": 1, "ids": ["1"]}
    assert [len(envelope) for envelope in await published.envelopes()] == [1]


async def test_the_tenant_of_an_event_is_that_of_the_key(
    memory_bus: Bus, database: Database
) -> None:
    key = await make_key(database, tenant="acme")
    published = Published(memory_bus)
    async with gateway_client(memory_bus, database) as client:
        headers = {"authorization": f"Bearer {key}"}
        assert (await client.post("/v1/events", json={"type": "a"}, headers=headers)).is_success
    assert [entry.tenant for entry in await published.entries(1)] == ["acme"]


async def test_a_broker_that_is_away_is_answered_503_at_once(
    memory_bus: Bus, database: Database
) -> None:
    async with gateway_client(memory_bus, database) as client:
        await memory_bus.close()
        answer = await client.post("/v1/events", json={"type": "a"})
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        await memory_bus.start()
        assert (await client.post("/v1/events", json={"type": "a"})).status_code == 202


async def test_pages_of_allowed_origins_may_call(memory_bus: Bus, database: Database) -> None:
    origins = ["https://app.example.com"]
    async with gateway_client(memory_bus, database, allowed_origins=origins) as client:
        asked = {"origin": origins[0], "access-control-request-method": "POST"}
        preflight = await client.options("/v1/events", headers=asked)
        call = await client.post("/v1/events", json={"type": "a"}, headers={"origin": origins[0]})
        foreign = await client.post(
            "/v1/events", json={"type": "a"}, headers={"origin": "https://evil.example"}
        )
    allowed = "access-control-allow-origin"
    assert (preflight.status_code, preflight.headers[allowed]) == (200, origins[0])
    assert (call.status_code, call.headers[allowed]) == (202, origins[0])
    assert allowed not in foreign.headers


async def test_every_answer_bears_the_security_headers(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        answers: list[httpx2.Response] = [
            await client.post("/v1/events", json={"type": "a"}),
            await client.get("/v1/events"),
            await client.get("/v1/notifications"),
            await client.get("/healthz"),
        ]
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}
    assert {answer.headers["x-frame-options"] for answer in answers} == {"DENY"}
