"""`POST /v1/tickets`: one session each, on any pusher, for half a minute."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.tickets import Tickets
from tests.support.pusher import Pusher, running_pusher, token


async def made(pusher: Pusher, **claims: Any) -> str:
    headers = {"Authorization": f"Bearer {token('ada', **claims)}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as http:
        answer = await http.post("/v1/tickets")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    left = datetime.fromisoformat(answer.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=10) < left <= timedelta(seconds=31)
    return answer.json()["ticket"]


async def test_a_ticket_opens_one_socket_and_no_more(memory_bus: Bus, database: Database) -> None:
    async with (
        running_pusher(memory_bus, database) as one,
        running_pusher(memory_bus, database) as other,
    ):
        query = f"?ticket={await made(one)}"
        async with other.connect(query=query) as client:
            await client.hello()
            await client.until("caught_up")
        for pusher in (one, other):
            async with pusher.connect(query=query) as client:
                assert await client.closed() == (4401, "ticket_invalid")


async def test_a_ticket_opens_one_stream(memory_bus: Bus, database: Database) -> None:
    async with (
        running_pusher(memory_bus, database) as pusher,
        httpx2.AsyncClient(base_url=pusher.http) as http,
    ):
        url = f"/v1/live/sse?ticket={await made(pusher)}"
        async with http.stream("GET", url) as response:
            assert response.status_code == 200
        answer = await http.get(url)
        assert (answer.status_code, answer.json()["code"]) == (401, "ticket_invalid")


async def test_of_many_at_once_one_gets_in(memory_bus: Bus, database: Database) -> None:
    async with running_pusher(memory_bus, database) as pusher:
        ticket = await made(pusher)
        tickets = [Tickets(database, pusher.engine.revocations) for _ in range(20)]
        results = await asyncio.gather(
            *(one.redeem(ticket) for one in tickets), return_exceptions=True
        )
    assert [one.subscriber for one in results if isinstance(one, SubscriberToken)] == ["ada"]


async def test_the_session_ends_with_the_token(memory_bus: Bus, database: Database) -> None:
    async with running_pusher(memory_bus, database) as pusher:
        query = f"?ticket={await made(pusher, ttl_s=3)}"
        async with pusher.connect(query=query) as client:
            assert await client.closed(20) == (4401, "token_expired")


async def test_a_ticket_runs_out(memory_bus: Bus, database: Database) -> None:
    """And its row goes with the next that is made."""
    async with running_pusher(memory_bus, database) as pusher:
        query = f"?ticket={await made(pusher)}"
        async with database.driver() as connection:
            await connection.execute("UPDATE tickets SET expires_at = now() - interval '1 s'")
        await made(pusher)
        async with database.driver() as connection:
            assert await connection.fetchval("SELECT count(*) FROM tickets") == 1
        async with pusher.connect(query=query) as client:
            assert await client.closed() == (4401, "ticket_invalid")


@pytest.mark.parametrize("stale", [True, False])
async def test_no_ticket_is_stored_as_it_is(
    memory_bus: Bus, database: Database, stale: bool
) -> None:
    async with running_pusher(memory_bus, database) as pusher:
        ticket = await made(pusher)
        async with database.driver() as connection:
            row = await connection.fetchval("SELECT tickets::text FROM tickets")
            if stale:
                await connection.execute("UPDATE tickets SET expires_at = now()")
        assert ticket not in row
        assert ticket.removeprefix("tkt_") not in row
        async with pusher.connect(query=f"?ticket={ticket}") as client:
            if stale:
                assert await client.closed() == (4401, "ticket_invalid")
            else:
                await client.hello()
                await client.until("caught_up")


async def test_it_takes_a_token(memory_bus: Bus, database: Database) -> None:
    async with (
        running_pusher(memory_bus, database) as pusher,
        httpx2.AsyncClient(base_url=pusher.http) as http,
    ):
        answer = await http.post("/v1/tickets")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
