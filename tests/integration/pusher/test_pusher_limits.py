"""How many sessions there may be, for how long, and what says when to come back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest
import websockets

from clarion.bus import Bus
from clarion.errors import ConfigurationError
from clarion.setting_names import ALL_NAMES
from clarion.store.database import Database
from services.pusher.settings import PusherSettings
from testbed.processes import wait_until
from tests.support.pusher import Client, Pusher, running_pusher, token

BEHIND_PROXY: dict[str, Any] = {
    "max_sessions_per_address": 2,
    "trusted_proxies": "127.0.0.0/8",
}


@asynccontextmanager
async def opened(
    pusher: Pusher, count: int, address: str | None = None
) -> AsyncIterator[list[Client]]:
    """So many sockets that have not said who they are."""
    headers = {"X-Forwarded-For": address} if address else {}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(pusher.connect(additional_headers=headers))
            for _ in range(count)
        ]


async def refused(pusher: Pusher, **headers: str) -> tuple[int, str, str | None]:
    """Status, code and `Retry-After` of a handshake that is refused."""
    with pytest.raises(websockets.InvalidStatus) as error:
        await websockets.connect(pusher.url, additional_headers=headers)
    response = error.value.response
    code = json.loads(response.body or b"")["code"]
    return response.status_code, code, response.headers.get("Retry-After")


async def test_an_address_is_refused_at_the_handshake_proven_or_not(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database, max_sessions_per_address=2) as pusher:
        async with opened(pusher, 1), pusher.feed("user-1"):
            assert await refused(pusher) == (429, "too_many_from_address", "5")
            assert await refused(pusher, **{"X-Forwarded-For": "192.0.2.9"}) == (
                429,
                "too_many_from_address",
                "5",
            )
        await wait_until(lambda: not pusher.engine.sessions, 5, "no session")
        async with opened(pusher, 2):
            pass


async def test_behind_a_trusted_proxy_addresses_count_apart(
    memory_bus: Bus, database: Database
) -> None:
    async with (
        running_pusher(memory_bus, database, **BEHIND_PROXY) as pusher,
        opened(pusher, 2, "192.0.2.1"),
        opened(pusher, 2, "192.0.2.1, 192.0.2.2"),
        opened(pusher, 1, "2001:db8::1"),
        opened(pusher, 1, "2001:db8::2"),
    ):
        for full in ("192.0.2.1", "6.6.6.6, 192.0.2.2", "2001:db8::3"):
            answer = await refused(pusher, **{"X-Forwarded-For": full})
            assert answer == (429, "too_many_from_address", "5")


async def test_a_tenant_has_its_share_and_leaves_it_when_it_goes(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database, max_sessions_per_tenant=2) as pusher:
        async with pusher.feed("user-1"), pusher.feed("user-2"):
            async with pusher.connect("user-3") as third:
                assert await third.closed() == (1013, "tenant_full")
            async with pusher.connect() as other:
                await other.send({"type": "auth", "token": token("user-1", tenant="other")})
                await other.hello()
                assert (await other.next())["type"] == "welcome"
        await wait_until(lambda: not pusher.engine.sessions, 5, "no session")
        async with pusher.feed("user-3"), pusher.feed("user-4"):
            pass


async def test_renewal_takes_no_second_place(memory_bus: Bus, database: Database) -> None:
    limits = {"max_sessions_per_tenant": 1, "max_sessions_per_subscriber": 1}
    async with running_pusher(memory_bus, database, **limits) as pusher:
        async with pusher.feed("user-1") as client:
            for n in range(3):
                await client.send({"type": "auth", "token": token("user-1"), "ref": n})
                assert await client.next() == {"type": "ok", "ref": n}
        await wait_until(lambda: not pusher.engine.sessions, 5, "no session")
        async with pusher.feed("user-1"):
            pass


async def test_handshakes_come_at_a_bounded_rate(memory_bus: Bus, database: Database) -> None:
    async with (
        running_pusher(memory_bus, database, handshakes_per_s=1) as pusher,
        opened(pusher, 1),
    ):
        assert await refused(pusher) == (503, "too_many_handshakes", "2")


async def test_an_old_session_is_told_to_come_back_and_misses_nothing(
    memory_bus: Bus, database: Database
) -> None:
    async with running_pusher(memory_bus, database, max_session_age_s=1) as pusher:
        async with pusher.feed("user-1") as client:
            frame = await client.next()
            assert frame["type"] == "reconnect"
            assert 0 <= frame["after_ms"] < 5_000
            assert await client.closed() == (1012, "going_away")
        async with pusher.feed("user-1", since=0) as again:
            assert again.past[-1] == {"type": "caught_up", "version": 0}


async def test_calls_past_the_limit_are_429_and_cost_no_other_subscriber_a_thing(
    memory_bus: Bus, database: Database
) -> None:
    origin = "https://app.example.com"
    async with (
        running_pusher(
            memory_bus, database, max_requests_per_minute=3, allowed_origins=[origin]
        ) as pusher,
        httpx2.AsyncClient(base_url=pusher.http, headers={"Origin": origin}) as http,
    ):

        async def ask(
            subscriber: str, method: str = "GET", path: str = "/v1/inbox", **more: Any
        ) -> httpx2.Response:
            headers = {"Authorization": f"Bearer {token(subscriber)}"}
            return await http.request(method, path, headers=headers, **more)

        answers = [
            await ask("user-1"),
            await ask("user-1", "POST", "/v1/tickets"),
            await ask("user-1", "POST", "/v1/inbox/read", json={"ids": []}),
            await ask("user-1", "POST", "/v1/inbox/read", json={"up_to": 1}),
        ]
        other = await ask("user-2")
        forged = await http.get("/v1/inbox", headers={"Authorization": "Bearer forged"})

    assert [one.status_code for one in answers] == [200, 201, 422, 429]
    for one, remaining in zip(answers, (2, 1, 0, 0), strict=True):
        assert one.headers["RateLimit-Policy"] == '"subscriber";q=3;w=60'
        assert one.headers["RateLimit"].startswith(f'"subscriber";r={remaining};t=')
        exposed = one.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"ratelimit", "ratelimit-policy", "retry-after"} <= set(exposed)
    refusal = answers[-1]
    assert refusal.json()["code"] == "too_many_requests"
    assert refusal.headers["RateLimit"].endswith(f";t={refusal.headers['Retry-After']}")
    assert (other.status_code, other.headers["RateLimit"]) == (200, '"subscriber";r=2;t=20')
    assert (forged.status_code, "RateLimit" in forged.headers) == (401, False)


async def test_networks_are_read_and_what_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLARION_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1, fd00::/8")
    read = PusherSettings.read(ALL_NAMES).trusted_proxies
    assert [str(one) for one in read] == ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]
    monkeypatch.setenv("CLARION_TRUSTED_PROXIES", "10.0.0.1/8")
    with pytest.raises(ConfigurationError, match="CLARION_TRUSTED_PROXIES: write networks"):
        PusherSettings.read(ALL_NAMES)
