"""What the history answers, and that every list is served by an index."""

from __future__ import annotations

from typing import Any

import httpx2

from clarion.bus.protocol import Bus
from clarion.contracts.ids import new_id
from clarion.store.database import Database
from tests.support.gateway import at, gateway_client, make_key
from tests.support.gateway_rows import (
    TRACE_ID,
    put_attempt,
    put_capture,
    put_delivery,
    put_event,
    put_notification,
    put_parked,
)

SEND = {"decision": "send", "reason": "requested"}


async def test_an_event_tells_what_became_of_it(memory_bus: Bus, database: Database) -> None:
    skipped = [{"channel": "email", "decision": "skip", "reason": "no_address"}]
    held = {
        "channel": "inbox",
        "decision": "hold",
        "reason": "send_at",
        "until": "2026-11-20T13:00:00Z",
    }
    event = await put_event(
        database,
        at("12:00:00.5"),
        event_id="a/b c",
        unreached=[{"subscriber": "43", "decisions": skipped}],
    )
    reached = await put_notification(database, event, decisions=[held])
    delivery = await put_delivery(database, reached, state="dead", reason="attempts_used_up")
    async with gateway_client(memory_bus, database) as client:
        answer = await client.get("/v1/events/a%2Fb%20c")
        other_source = await client.get("/v1/events/a%2Fb%20c", params={"source": "x"})
        same_source = await client.get("/v1/events/a%2Fb%20c", params={"source": "shop"})
        of_one = await client.get("/v1/events/a%2Fb%20c", params={"subscriber": "43"})
        of_another = await client.get("/v1/events/a%2Fb%20c", params={"subscriber": "44"})
    moment = "2026-11-20T12:00:00.500000Z"
    assert (
        answer.json()
        == same_source.json()
        == {
            "id": "a/b c",
            "source": "shop",
            "type": "order.shipped",
            "category": "orders",
            "lane": "normal",
            "to": "user:42",
            "data": {"n": 1},
            "accepted_at": moment,
            "planned_at": moment,
            "state": "planned",
            "parked": None,
            "recipients": [
                {
                    "subscriber": "42",
                    "notification_id": str(reached),
                    "decisions": [held | {"until": "2026-11-20T13:00:00.000000Z"}],
                    "deliveries": [
                        {
                            "id": str(delivery),
                            "channel": "email",
                            "state": "dead",
                            "reason": "attempts_used_up",
                            "provider": "smtp",
                        }
                    ],
                },
                {
                    "subscriber": "43",
                    "notification_id": None,
                    "decisions": [skipped[0] | {"until": None}],
                    "deliveries": [],
                },
            ],
            "more_recipients": False,
            "more_to_plan": False,
            "conflicts": [],
            "timeline": [
                {
                    "at": moment,
                    "what": "accepted",
                    "channel": None,
                    "detail": "Event order.shipped was accepted",
                },
                {
                    "at": moment,
                    "what": "planned",
                    "channel": None,
                    "detail": "Recipients and channels were decided",
                },
                {
                    "at": moment,
                    "what": "not_reached",
                    "channel": None,
                    "detail": "1 recipient gets nothing: email no_address",
                },
            ],
            "trace_id": TRACE_ID,
        }
    )
    assert other_source.status_code == 404
    assert of_one.json()["recipients"] == answer.json()["recipients"][1:]
    assert of_another.json()["recipients"] == []


async def test_a_notification_tells_all_that_happened_in_order(
    memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"), planned_at=at("12:00:00.01"))
    notification = await put_notification(
        database,
        event,
        version=7,
        created_at=at("12:00:00.01"),
        seen_at=at("12:05:00"),
        read_at=at("12:06:00"),
        changes=[
            {"at": "2026-11-20T12:05:00Z", "what": "seen", "by": "REST", "version": 6, "was": 3},
            {"at": "2026-11-20T12:06:00Z", "what": "read", "by": "REST", "version": 7, "was": 6},
        ],
        decisions=[{"channel": "inbox", **SEND}, {"channel": "email", **SEND}],
    )
    delivery = await put_delivery(
        database, notification, created_at=at("12:00:00.01"), updated_at=at("12:00:31")
    )
    tried: dict[str, Any] = {"delivery": delivery, "duration_ms": 1000}
    await put_attempt(
        database, started_at=at("12:00:30"), n=2, provider_id="<m@x>", code="250", **tried
    )
    await put_attempt(
        database,
        started_at=at("12:00:01"),
        n=1,
        outcome="retry",
        code="451",
        detail="Busy",
        **tried,
    )
    async with gateway_client(memory_bus, database) as client:
        answer = (await client.get(f"/v1/notifications/{notification}")).json()
    assert answer["event"] == {
        "source": "shop",
        "id": "o-1",
        "time": "2026-11-20T12:00:00.000000Z",
    }
    assert answer["deliveries"] == [
        {
            "id": str(delivery),
            "channel": "email",
            "state": "sent",
            "reason": None,
            "provider": "smtp",
            "due_at": None,
            "attempts": [
                {
                    "n": 1,
                    "provider": "smtp",
                    "started_at": "2026-11-20T12:00:01.000000Z",
                    "duration_ms": 1000,
                    "outcome": "retry",
                    "code": "451",
                    "detail": "Busy",
                    "provider_id": None,
                },
                {
                    "n": 2,
                    "provider": "smtp",
                    "started_at": "2026-11-20T12:00:30.000000Z",
                    "duration_ms": 1000,
                    "outcome": "sent",
                    "code": "250",
                    "detail": None,
                    "provider_id": "<m@x>",
                },
            ],
        }
    ]
    assert [(one["at"][11:], one["what"], one["channel"]) for one in answer["timeline"]] == [
        ("12:00:00.000000Z", "accepted", None),
        ("12:00:00.010000Z", "planned", None),
        ("12:00:00.010000Z", "decided", "inbox"),
        ("12:00:00.010000Z", "decided", "email"),
        ("12:00:00.010000Z", "in_inbox", "inbox"),
        ("12:00:00.010000Z", "queued", "email"),
        ("12:00:02.000000Z", "attempted", "email"),
        ("12:00:31.000000Z", "attempted", "email"),
        ("12:05:00.000000Z", "seen", "inbox"),
        ("12:06:00.000000Z", "read", "inbox"),
    ]
    names = ("title", "body", "url", "data", "version", "subscriber", "event_id", "lane")
    assert {name: answer[name] for name in names} == {
        "title": "Your order",
        "body": "is on its way",
        "url": "/orders/1",
        "data": {"n": 1},
        "version": 7,
        "subscriber": "42",
        "event_id": "o-1",
        "lane": "normal",
    }


async def test_filters_find_what_they_name(memory_bus: Bus, database: Database) -> None:
    event = await put_event(database, at("12:00:00"))
    plain = await put_notification(database, event, created_at=at("12:00:00"))
    mailed = await put_notification(
        database,
        event,
        subscriber="43",
        version=None,
        type="t2",
        category="news",
        title="100% off_",
        read_at=at("13:00:00"),
        created_at=at("13:00:00"),
        decisions=[{"channel": "email", **SEND}],
    )
    await put_delivery(database, mailed, state="failed")
    both = [str(mailed), str(plain)]
    expected: list[tuple[dict[str, str], list[str]]] = [
        ({}, both),
        ({"subscriber": "43"}, both[:1]),
        ({"event": "o-1"}, both),
        ({"event": "o-2"}, []),
        ({"type": "order.shipped"}, both[1:]),
        ({"category": "news"}, both[:1]),
        ({"channel": "email"}, both[:1]),
        ({"channel": "inbox"}, both[1:]),
        ({"channel": "sms"}, []),
        ({"state": "failed"}, both[:1]),
        ({"state": "failed", "channel": "sms"}, []),
        ({"state": "read"}, both[:1]),
        ({"state": "unread", "channel": "inbox"}, both[1:]),
        ({"q": "% OFF_"}, both[:1]),
        ({"q": "way"}, both),
        ({"q": "_%"}, []),
    ]
    async with gateway_client(memory_bus, database) as client:
        for filters, ids in expected:
            assert (await found(client, filters)) == ids, filters


async def found(client: httpx2.AsyncClient, filters: dict[str, str]) -> list[str]:
    answer = await client.get("/v1/notifications", params=filters)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_since_and_until_bound_by_the_time_of_creation(
    memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"))
    made = await put_notification(database, event)
    async with gateway_client(memory_bus, database) as client:
        (item,) = (await client.get("/v1/notifications")).json()["items"]
        created_at = item["created_at"]
        bounds = [{"since": created_at}, {"until": created_at}]
        assert [await found(client, one) for one in bounds] == [[str(made)], []]


async def test_pages_show_each_once_though_more_arrive(memory_bus: Bus, database: Database) -> None:
    event = await put_event(database, at("12:00:00"))
    made = [str(await put_notification(database, event, version=n)) for n in range(7)]
    seen: list[str] = []
    cursor: str | None = ""
    async with gateway_client(memory_bus, database) as client:
        while cursor is not None:
            params = {"limit": "3", "subscriber": "42", "cursor": cursor}
            page = (await client.get("/v1/notifications", params=params)).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            await put_notification(database, event, version=100)
    assert seen == made[::-1]


async def test_a_cursor_holds_for_its_list_tenant_and_filter_and_for_every_gateway(
    memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"))
    for version in range(3):
        await put_notification(database, event, version=version)
    foreign = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    async with gateway_client(memory_bus, database) as client:
        page = (await client.get("/v1/notifications", params={"limit": 2})).json()
    good = {"cursor": page["next_cursor"]}
    async with gateway_client(memory_bus, database) as client:
        assert len((await client.get("/v1/notifications", params=good)).json()["items"]) == 1
        for answer in [
            await client.get("/v1/notifications", params={**good, "subscriber": "42"}),
            await client.get("/v1/captures", params=good),
            await client.get("/v1/notifications", params=good, headers=foreign),
            await client.get("/v1/notifications", params={"cursor": "AAAA"}),
        ]:
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_another_tenants_ids_answer_like_missing_ones(
    memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"))
    notification = await put_notification(database, event)
    delivery = await put_delivery(database, notification)
    await put_capture(database, delivery)
    await put_parked(database)
    headers = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    pairs = [
        ("/v1/events/o-1", "/v1/events/o-2"),
        (f"/v1/notifications/{notification}", f"/v1/notifications/{new_id()}"),
        ("/v1/notifications/not-an-id", f"/v1/notifications/{new_id()}"),
    ]
    async with gateway_client(memory_bus, database) as client:
        for foreign, missing in pairs:
            answers = [await client.get(path, headers=headers) for path in (foreign, missing)]
            assert [one.status_code for one in answers] == [404, 404]
            bodies = [{**one.json(), "trace_id": ""} for one in answers]
            assert bodies[0] == bodies[1]
        for path in ("/v1/notifications", "/v1/captures", "/v1/parked"):
            answer = await client.get(path, headers=headers)
            assert answer.json() == {"items": [], "next_cursor": None}


async def test_captures_are_found_by_whom_and_what_they_were_for(
    memory_bus: Bus, database: Database
) -> None:
    event = await put_event(database, at("12:00:00"))
    notification = await put_notification(database, event)
    delivery = await put_delivery(database, notification)
    capture = await put_capture(database, delivery, captured_at=at("12:00:01"))
    expected = {
        "id": str(capture),
        "delivery": str(delivery),
        "notification": str(notification),
        "subscriber": "42",
        "channel": "email",
        "recipient": "a@b.example",
        "message": {"subject": "Your order", "text": "is on its way"},
        "captured_at": "2026-11-20T12:00:01.000000Z",
    }
    async with gateway_client(memory_bus, database) as client:
        for good, bad in [
            ({"delivery": str(delivery)}, {"delivery": new_id()}),
            ({"channel": "email"}, {"channel": "sms"}),
            ({"recipient": "a@b.example"}, {"recipient": "x"}),
            ({"subscriber": "42"}, {"subscriber": "43"}),
        ]:
            assert (await client.get("/v1/captures", params=good)).json()["items"] == [expected]
            assert (await client.get("/v1/captures", params=bad)).json()["items"] == []


async def test_parked_messages_without_a_tenant_are_the_operators(
    memory_bus: Bus, database: Database
) -> None:
    unowned = await put_parked(database, tenant=None)
    own = await put_parked(database, tenant="acme")
    headers = {"authorization": f"Bearer {await make_key(database, tenant='acme')}"}
    async with gateway_client(memory_bus, database) as client:
        operator = (await client.get("/v1/parked")).json()["items"]
        tenant = (await client.get("/v1/parked", headers=headers)).json()["items"]
    assert [one["id"] for one in operator] == [str(unowned)]
    assert [one["id"] for one in tenant] == [str(own)]
    assert (tenant[0]["body"], tenant[0]["size"]) == ("\ufffd{", 2)


async def test_times_of_a_filter_are_bounded(memory_bus: Bus, database: Database) -> None:
    async with gateway_client(memory_bus, database) as client:
        for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-11-20T12:00:00"):
            for name in ("since", "until"):
                answer = await client.get("/v1/notifications", params={name: moment})
                assert answer.status_code == 422
                assert [one["field"] for one in answer.json()["errors"]] == [name]
