"""`/docs` of each service, as HTTP: headers, caches, what is relative and what is there."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from clarion.bus import Bus
from clarion.http.merged_document import read_merged
from clarion.store.database import Database
from services.cli.dev.compose import ComposedApp
from services.cli.dev.pages import create_pages
from services.gateway.app import create_app
from tests.support.gateway import gateway_client, settings_of
from tests.support.pusher import running_pusher

IMMUTABLE = "public, max-age=31536000, immutable"


@asynccontextmanager
async def client_of(
    service: str, bus: Bus, database: Database
) -> AsyncIterator[httpx2.AsyncClient]:
    """Without any credentials."""
    if service == "gateway":
        async with gateway_client(bus, database) as client:
            del client.headers["authorization"]
            yield client
        return
    async with (
        running_pusher(bus, database) as pusher,
        httpx2.AsyncClient(base_url=pusher.http) as client,
    ):
        yield client


def places_in(page: str) -> dict[str, str]:
    """What the page loads, and the document, by the end of the name."""
    found = re.findall(r'(?:src|href|data-document)="([^"]*)"', page)
    return {one.rpartition("/")[2]: one for one in found if not one.startswith("data:")}


@pytest.mark.parametrize("service", ["gateway", "pusher"])
async def test_the_page_and_all_that_it_loads_are_there(
    memory_bus: Bus, database: Database, service: str
) -> None:
    async with client_of(service, memory_bus, database) as client:
        page = await client.get("/docs")
        head = await client.head("/docs")
        again = await client.get("/docs", headers={"if-none-match": page.headers["etag"]})
        slash = await client.get("/docs/")
        places = places_in(page.text)
        loaded = {name: await client.get(f"/{place}") for name, place in places.items()}
        by_head = await client.head(f"/{places['swagger-ui-bundle.js']}")
        missing = [await client.get(path) for path in ("/docs/x", "/docs/0/page.js", "/docs/a/b/c")]
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    policies = page.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "script-src 'self';" in policies[0]
    assert "unsafe" not in policies[0]
    assert page.headers.get_list("x-content-type-options") == ["nosniff"]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == page.headers["content-length"]
    assert (again.status_code, again.content) == (304, b"")
    assert (slash.status_code, slash.headers["location"]) == (308, "../docs")
    assert {name: one.status_code for name, one in loaded.items()} == dict.fromkeys(places, 200)
    assert set(loaded) == {
        "swagger-ui.css", "page.css", "swagger-ui-bundle.js", "page.js", "openapi.json"
    }  # fmt: skip
    assert loaded["page.js"].headers["cache-control"] == IMMUTABLE
    assert by_head.headers["cache-control"] == IMMUTABLE
    document = loaded["openapi.json"]
    assert document.headers["cache-control"] == "no-cache"
    assert document.headers["etag"]
    assert ("/v1/inbox" in document.json()["paths"]) is (service == "pusher")
    assert {one.status_code for one in missing} == {404}


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("br", None),
    ],
)
async def test_programs_are_packed_for_those_who_take_it(
    memory_bus: Bus, database: Database, accepted: str, encoding: str | None
) -> None:
    async with client_of("gateway", memory_bus, database) as client:
        place = places_in((await client.get("/docs")).text)["swagger-ui.css"]
        request = client.stream("GET", f"/{place}", headers={"accept-encoding": accepted})
        async with request as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "accept-encoding"
    assert b".swagger-ui" in (gzip.decompress(raw) if encoding else raw)


async def test_one_origin_has_one_document(memory_bus: Bus, database: Database) -> None:
    gateway = create_app(settings_of(), bus=memory_bus, database=database)
    app = ComposedApp({"gateway": gateway, "pusher": gateway}, create_pages())
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://clarion") as client:
        document = await client.get("/openapi.json")
        page = await client.get("/docs")
    assert document.json() == read_merged()
    assert {"/v1/events", "/v1/inbox", "/v1/live"} <= set(document.json()["paths"])
    assert set(document.json()["components"]["securitySchemes"]) == {"apiKey", "subscriber"}
    assert page.status_code == 200
