"""Who may open a socket, what closes it, and by which code."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
import websockets
from websockets.typing import Subprotocol

from clarion.bus import Bus
from clarion.store.database import Database
from clarion.store.migrate import migrate
from testbed.postgres import PostgresNode
from testbed.processes import wait_until
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import Client, Pusher, running_pusher, token


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(
        memory_bus,
        database,
        auth_timeout_s=0.5,
        max_frame_bytes=2048,
        max_sessions_per_subscriber=2,
        allowed_origins=["https://app.example.com"],
    ) as running:
        yield running


async def assert_caught_up(client: Client) -> None:
    await client.hello()
    assert (await client.until("caught_up"))[-1] == {"type": "caught_up", "version": 0}


async def test_a_token_in_the_header_opens(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await assert_caught_up(client)


async def test_a_token_in_the_subprotocol_opens(pusher: Pusher) -> None:
    offered = [Subprotocol("clarion.v1"), Subprotocol(f"bearer.{token('user-1')}")]
    async with pusher.connect(subprotocols=offered) as client:
        assert client.connection.subprotocol == "clarion.v1"
        await assert_caught_up(client)


async def test_a_token_in_the_query_opens(pusher: Pusher) -> None:
    async with pusher.connect(query=f"?token={token('user-1')}") as client:
        await assert_caught_up(client)


async def test_a_token_in_the_first_frame_opens(pusher: Pusher) -> None:
    async with pusher.connect() as client:
        await client.send({"type": "auth", "token": token("user-1"), "ref": "a"})
        assert await client.next() == {"type": "ok", "ref": "a"}
        await assert_caught_up(client)


async def test_auth_without_ref_is_not_answered(pusher: Pusher) -> None:
    async with pusher.connect() as client:
        await client.send({"type": "auth", "token": token("user-1")})
        await client.hello()
        assert (await client.next())["type"] == "welcome"


async def test_a_token_in_the_query_is_ignored_where_it_is_turned_off(
    memory_bus: Bus, database: Database
) -> None:
    async with (
        running_pusher(memory_bus, database, token_in_query=False, auth_timeout_s=0.2) as pusher,
        pusher.connect(query=f"?token={token('user-1')}") as client,
    ):
        assert await client.closed() == (4408, "auth_timeout")


async def test_no_token_in_time_is_4408(pusher: Pusher) -> None:
    async with pusher.connect() as client:
        assert await client.closed() == (4408, "auth_timeout")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("nonsense", "token_invalid"),
        ("", "token_missing"),
        (token("user-1", now=time.time() - 700), "token_expired"),
        (token("user-1")[:-3] + "abc", "token_invalid"),
        (token("a/b"), "token_invalid"),
    ],
)
async def test_a_bad_token_is_4401(pusher: Pusher, bad: str, reason: str) -> None:
    async with pusher.connect() as client:
        await client.send({"type": "auth", "token": bad})
        assert await client.closed() == (4401, reason)


async def test_a_token_without_signature_is_4401(pusher: Pusher) -> None:
    claims = {"sub": "user-1", "tenant": "default", "aud": "clarion", "exp": time.time() + 60}
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts]
    forged = b".".join([*encoded, b""]).decode()
    header = {"Authorization": f"Bearer {forged}"}
    async with pusher.connect(additional_headers=header) as client:
        assert await client.closed() == (4401, "token_invalid")


@pytest.mark.parametrize("frame", ['{"type":"hello"}', '{"type":"ping"}', "nonsense"])
async def test_anything_before_auth_is_4401(pusher: Pusher, frame: str) -> None:
    async with pusher.connect() as client:
        await client.connection.send(frame)
        assert await client.closed() == (4401, "token_missing")


async def test_expiry_is_4401_and_renewal_puts_it_off(
    pusher: Pusher, memory_bus: Bus, database: Database
) -> None:
    async with pusher.connect() as client, pusher.connect() as renewed:
        for one in (client, renewed):
            await one.send({"type": "auth", "token": token("user-1", ttl_s=2)})
        await renewed.send({"type": "auth", "token": token("user-1"), "ref": 1})
        assert await client.closed() == (4401, "token_expired")
        assert await renewed.next() == {"type": "ok", "ref": 1}
        await assert_caught_up(renewed)


async def test_renewal_for_another_subscriber_is_4403(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.send({"type": "auth", "token": token("user-2")})
        assert await client.closed() == (4403, "another_subscriber")


async def test_renewal_for_another_tenant_is_4403(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.send({"type": "auth", "token": token("user-1", tenant="other")})
        assert await client.closed() == (4403, "another_subscriber")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_origin_is_4403_and_nothing_is_processed(
    pusher: Pusher, origin: str
) -> None:
    async with pusher.connect("user-1", origin=origin) as client:
        assert await client.closed() == (4403, "origin_not_allowed")
        assert pusher.engine.hub.feeds == {}


async def test_the_own_host_and_listed_origins_open(pusher: Pusher) -> None:
    for origin in (pusher.http, pusher.http.replace("http", "https"), "https://app.example.com"):
        async with pusher.connect("user-1", origin=origin) as client:
            await assert_caught_up(client)


async def test_a_binary_message_is_1003(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.connection.send(b"\x00")
        assert await client.closed() == (1003, "unsupported_data")


async def test_an_oversize_message_is_4413(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.connection.send('{"type":"ping","ref":"' + "x" * 2048 + '"}')
        assert await client.closed() == (4413, "frame_too_large")


async def test_an_oversize_message_in_fragments_is_4413(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.connection.send("x" * 500 for _ in range(5))  # pyright: ignore[reportArgumentType] # an iterator of fragments
        assert await client.closed() == (4413, "frame_too_large")


async def test_fragments_are_one_message(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.connection.send(iter(['{"type":', '"ping",', '"ref":1}']))
        assert await client.next() == {"type": "pong", "ref": 1}


async def raw_socket(pusher: Pusher) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", pusher.port)
    request = (
        f"GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{pusher.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token('user-1')}\r\n\r\n"
    )
    writer.write(request.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    return reader, writer


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),
        (b"\x81\x02{}", 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (b"\xc1\x80\x00\x00\x00\x00", 1002),
        (b"\x80\x80\x00\x00\x00\x00", 1002),
        (b"\x09\x80\x00\x00\x00\x00", 1002),
        (b"\x88\x81\x00\x00\x00\x00\x00", 1002),
        (b"\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", 4413),
    ],
)
async def test_what_is_not_websocket_is_closed_by_the_table(
    pusher: Pusher, sent: bytes, code: int
) -> None:
    reader, writer = await raw_socket(pusher)
    writer.write(sent)
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer[0] == 0x88
    assert struct.unpack("!H", answer[2:4]) == (code,)
    writer.close()
    await writer.wait_closed()


async def test_a_ping_is_answered_with_its_payload(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        async with asyncio.timeout(5):
            await (await client.connection.ping(b"payload"))
        await client.send({"type": "ping", "ref": "x"})
        assert await client.next() == {"type": "pong", "ref": "x"}


async def test_a_peers_close_is_answered(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as client:
        await client.connection.close(1000, "bye")
        assert client.connection.close_code == 1000
    await wait_until(lambda: not pusher.engine.sessions, 5, "no session")
    assert pusher.engine.hub.feeds == {}


async def test_more_sessions_than_a_subscriber_may_have_is_4409(pusher: Pusher) -> None:
    async with pusher.connect("user-1") as one, pusher.connect("user-1") as two:
        await assert_caught_up(one)
        await assert_caught_up(two)
        async with pusher.connect("user-1") as three, pusher.connect("user-2") as other:
            assert await three.closed() == (4409, "too_many_sessions")
            await assert_caught_up(other)


async def test_more_sessions_than_a_process_has_is_1013(
    memory_bus: Bus, database: Database
) -> None:
    async with (
        running_pusher(memory_bus, database, max_sessions=1) as pusher,
        pusher.connect("user-1") as one,
        pusher.connect("user-2") as two,
    ):
        await assert_caught_up(one)
        assert await two.closed() == (1013, "server_full")


async def test_too_many_frames_is_4429(memory_bus: Bus, database: Database) -> None:
    async with (
        running_pusher(memory_bus, database, max_frames_per_minute=10) as pusher,
        pusher.connect("user-1") as client,
    ):
        for n in range(11):
            await client.send({"type": "ping", "ref": n})
        assert await client.closed() == (4429, "too_many_frames")


async def test_too_many_handshakes_are_503_with_retry_after(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database, handshakes_per_s=1) as pusher:
        async with pusher.connect("user-1") as client:
            await assert_caught_up(client)
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with pusher.connect("user-1"), pusher.connect("user-1"):
                pass
    response = refused.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert json.loads(response.body or b"")["code"] == "too_many_handshakes"


async def test_another_path_is_404(pusher: Pusher) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(pusher.url + "/other")
    response = refused.value.response
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(response.body or b"")["code"] == "not_found"


async def test_a_handshake_that_is_none_is_400(pusher: Pusher) -> None:
    headers = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "12"}
    async with httpx2.AsyncClient() as http:
        answer = await http.get(pusher.http + "/v1/live", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_handshake")
    assert answer.headers["sec-websocket-version"] == "13"


async def test_plain_http_is_426(pusher: Pusher) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(pusher.http + "/v1/live")
    assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")


@pytest.mark.parametrize(
    ("frame", "code", "ref"),
    [
        ("nonsense", "malformed", None),
        ("[]", "invalid", None),
        ("NaN", "malformed", None),
        ('{"type":"ping","ref":"\\ud800"}', "malformed", None),
        ('{"a":' + "[" * 2000, "malformed", None),
        ('{"type":"dance","ref":5}', "unknown_type", 5),
        ('{"ref":"x"}', "unknown_type", "x"),
        ('{"type":"hello","since":-1,"ref":1}', "invalid", 1),
        ('{"type":"hello","since":"1"}', "invalid", None),
        ('{"type":"hello","tomorrow":1,"since":[],"ref":2}', "invalid", 2),
        ('{"type":"read","ref":3}', "invalid", 3),
        ('{"type":"read","ids":[],"ref":3}', "invalid", 3),
        ('{"type":"read","ids":["x"],"ref":"4"}', "invalid", "4"),
        (
            '{"type":"read","ids":["018f0000-0000-7000-8000-000000000000"],"up_to":1}',
            "invalid",
            None,
        ),
        ('{"type":"ping","ref":"' + "r" * 300 + '"}', "invalid", None),
        ('{"type":"ping","ref":' + "1" * 300 + "}", "invalid", None),
    ],
)
async def test_a_bad_frame_is_answered_and_the_next_good_one_works(
    pusher: Pusher, frame: str, code: str, ref: object
) -> None:
    async with pusher.connect("user-1") as client:
        await client.connection.send(frame)
        error = await client.next()
        assert {"type": "error", "code": code, "ref": ref} == {
            key: error.get(key) for key in ("type", "code", "ref")
        }
        await assert_caught_up(client)


async def test_frames_and_fields_of_tomorrow_are_passed_over(
    pusher: Pusher, writer: InboxWriter
) -> None:
    await writer.write("user-1", "one", "two")
    async with pusher.connect("user-1") as client:
        await client.send({"type": "tomorrow", "version": 9, "items": [1]})
        await client.hello(0, tomorrow={"type": "read", "up_to": 2})
        frames = await client.until("caught_up")
        await client.send({"type": "tomorrow", "up_to": 2})
        await client.send({"type": "ping", "tomorrow": 1, "ref": 1})
        assert await client.next() == {"type": "pong", "ref": 1}
        await client.send({"type": "seen", "up_to": 1, "tomorrow": 2, "ref": 2})
        changed, ok = await client.until("ok")
    assert [(one["version"], one.get("unread")) for one in frames] == [
        (2, 2),
        (1, 2),
        (2, 2),
        (2, None),
    ]
    assert (changed["verb"], changed["up_to"]) == ("seen", 1)
    assert (changed["version"], changed["unread"], ok["ref"]) == (3, 2, 2)


async def test_more_ids_than_a_command_may_have_is_an_error(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database) as pusher, pusher.connect("u") as client:
        ids = [f"018f0000-0000-7000-8000-{n:012d}" for n in range(1001)]
        await client.send({"type": "read", "ids": ids, "ref": 1})
        error = await client.next()
        assert (error["type"], error["code"], error["ref"]) == ("error", "invalid", 1)


async def test_ids_of_another_subscriber_change_nothing(
    pusher: Pusher, memory_bus: Bus, database: Database
) -> None:
    writer = InboxWriter(database, memory_bus)
    frame = (await writer.write("user-2", "theirs"))[0]
    item = json.loads(frame.body)["item"]["id"]
    async with pusher.feed("user-1") as client, pusher.feed("user-2") as other:
        for verb in ("read", "seen", "archive", "unarchive", "unread"):
            await client.send({"type": verb, "ids": [item], "ref": verb})
            assert await client.next() == {"type": "ok", "ref": verb}
        await other.hello(since=0)
        _, same, _ = await other.until("caught_up")
    assert same["item"] == json.loads(frame.body)["item"]


async def test_a_database_that_is_away_is_said_and_closed_with_1013(
    memory_bus: Bus, private_postgres: PostgresNode
) -> None:
    await migrate(private_postgres.url)
    database = Database(
        private_postgres.url, pool_size=4, timeout_s=5, application_name="clarion-test"
    )
    async with running_pusher(memory_bus, database) as pusher:
        async with pusher.connect("user-1") as client:
            await assert_caught_up(client)
            private_postgres.stop()
            await client.send({"type": "read", "up_to": 1, "ref": 1})
            error = await client.next()
            assert (error["type"], error["code"], error["ref"]) == ("error", "unavailable", 1)
            await client.hello(ref=2)
            error = await client.next()
            assert (error["type"], error["code"], error["ref"]) == ("error", "unavailable", 2)
            assert await client.closed() == (1013, "unavailable")
        private_postgres.start()
        async with pusher.connect("user-1") as client:
            await assert_caught_up(client)
    await database.close()


@pytest.mark.parametrize("by_frame", [False, True])
async def test_keys_that_cannot_be_fetched_are_no_reason_to_stay_away(
    memory_bus: Bus, database: Database, by_frame: bool
) -> None:
    header = jwt_part({"alg": "RS256", "kid": "1"})
    said = f"{header}.{jwt_part({'sub': 'user-1'})}.c2ln"
    headers = {} if by_frame else {"Authorization": f"Bearer {said}"}
    async with (
        running_pusher(memory_bus, database, token_jwks_url="http://127.0.0.1:1/keys") as pusher,
        pusher.connect(additional_headers=headers) as client,
    ):
        if by_frame:
            await client.send({"type": "auth", "token": said})
        frame = await client.next()
        assert (frame["type"], frame["code"]) == ("error", "unavailable")
        assert await client.closed() == (1013, "unavailable")


def jwt_part(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
