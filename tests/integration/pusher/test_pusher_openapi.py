"""The pusher's OpenAPI document is true: what is generated from it meets no other answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from clarion.bus import open_bus
from clarion.store.database import Database
from tests.support.inbox_writer import InboxWriter
from tests.support.pusher import running_pusher, token

EXAMPLES = 12
NOTHING_TO_SEND: dict[GenerationMode, tuple[type[Exception], ...]] = {
    GenerationMode.POSITIVE: (),
    GenerationMode.NEGATIVE: (Unsatisfiable,),  # a call without parameters cannot be made wrong
}
GENERAL: Any = checks
OF_OPENAPI: Any = openapi_checks
CHECKS: list[Any] = [
    GENERAL.not_a_server_error,
    OF_OPENAPI.status_code_conformance,
    OF_OPENAPI.content_type_conformance,
    OF_OPENAPI.response_schema_conformance,
]
CALLS = {
    "POST /v1/tickets",
    "GET /v1/inbox",
    "GET /v1/inbox/changes",
    *(f"POST /v1/inbox/{verb}" for verb in ("read", "unread", "seen", "archive", "unarchive")),
}


@pytest.fixture
def served_url(postgres_url: str) -> Iterator[str]:
    """A pusher with an inbox of 60 items, in a thread of its own, for a client that blocks."""
    started = threading.Event()
    urls: list[str] = []
    stop: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        bus = open_bus(["memory://"], publish_timeout_s=5)
        await bus.start()
        database = Database(postgres_url, pool_size=4, timeout_s=5, application_name="test")
        await InboxWriter(database, bus).store("user-1", [str(n) for n in range(60)], data={"n": 1})
        async with running_pusher(bus, database) as pusher:
            urls.append(pusher.http)
            stop.append(asyncio.Event())
            loops.append(asyncio.get_running_loop())
            started.set()
            await stop[0].wait()
        await bus.close()
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    yield urls[0]
    loops[0].call_soon_threadsafe(stop[0].set)
    thread.join(30)


def document_of(url: str) -> str:
    return f"{url}/v1/inbox/openapi.json"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_is_undocumented_and_none_is_5xx(served_url: str, mode: GenerationMode) -> None:
    schema: Any = schemathesis.openapi.from_url(document_of(served_url))
    schema = schema.exclude(path="/v1/live/sse")  # which would never end; test_pusher_stream
    tried: set[str] = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        with suppress(*NOTHING_TO_SEND[mode]):
            check_all(operation.as_strategy(generation_mode=mode))
            tried.add(operation.label)
    assert tried >= CALLS


def check_all(cases: Any) -> None:
    """Send what is generated, with a token and without, and judge each answer."""
    holder = {"authorization": f"Bearer {token('user-1')}"}

    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    def check(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers=holder)
        case.call_and_validate(checks=CHECKS, headers={"authorization": "Bearer forged"})

    check()


def test_every_call_of_the_design_is_documented(served_url: str) -> None:
    document = httpx2.get(document_of(served_url)).json()
    assert document["openapi"].startswith("3.1")
    calls = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert calls >= CALLS


def test_every_call_of_the_design_documents_its_limit(served_url: str) -> None:
    paths = httpx2.get(document_of(served_url)).json()["paths"]
    for call in CALLS:
        method, path = call.split()
        answers = paths[path][method.lower()]["responses"]
        good = answers["201" if path == "/v1/tickets" else "200"]
        assert set(good["headers"]) == {"RateLimit", "RateLimit-Policy"}
        assert set(answers["429"]["headers"]) == {"RateLimit", "RateLimit-Policy", "Retry-After"}
