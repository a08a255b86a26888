"""The OpenAPI document is true: whatever is generated from it meets no undocumented answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from clarion.bus import open_bus
from clarion.store.database import Database
from services.gateway.app import create_app
from testbed.processes import free_port, wait_until
from tests.support.gateway import KEY, settings_of

EXAMPLES = 8
NOTHING_TO_SEND: dict[GenerationMode, tuple[type[Exception], ...]] = {
    GenerationMode.POSITIVE: (),
    GenerationMode.NEGATIVE: (Unsatisfiable,),  # a call without parameters cannot be made wrong
}
HEADERS = {"authorization": f"Bearer {KEY}"}
GENERAL: Any = checks
OF_OPENAPI: Any = openapi_checks
CHECKS: list[Any] = [
    GENERAL.not_a_server_error,
    OF_OPENAPI.status_code_conformance,
    OF_OPENAPI.content_type_conformance,
    OF_OPENAPI.response_schema_conformance,
]


@pytest.fixture
def served_url(postgres_url: str) -> Iterator[str]:
    """A gateway in a thread of its own, for a client that blocks."""
    port = free_port()
    started = threading.Event()
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        bus = open_bus(["memory://"], publish_timeout_s=5)
        await bus.start()
        database = Database(postgres_url, pool_size=4, timeout_s=5, application_name="test")
        app = create_app(settings_of(), bus=bus, database=database)
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, ws="none"))
        servers.append(server)
        serving = asyncio.create_task(server.serve())
        await wait_until(lambda: server.started, 15, "a started server")
        started.set()
        await serving
        await bus.close()
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    yield f"http://127.0.0.1:{port}"
    servers[0].should_exit = True
    thread.join(30)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_is_undocumented_and_none_is_5xx(served_url: str, mode: GenerationMode) -> None:
    schema: Any = schemathesis.openapi.from_url(f"{served_url}/openapi.json")
    tried: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        with suppress(*NOTHING_TO_SEND[mode]):
            check_all(operation.as_strategy(generation_mode=mode))
            tried.append(operation.label)
    assert "POST /v1/events" in tried


def check_all(cases: Any) -> None:
    """Send what is generated and judge each answer."""

    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    def check(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers=HEADERS)

    check()


def test_every_call_of_the_design_is_documented(served_url: str) -> None:
    document = httpx2.get(f"{served_url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    calls = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert calls >= {
        "POST /v1/events",
        "GET /v1/events/{event_id}",
        "GET /v1/notifications",
        "GET /v1/notifications/{notification_id}",
        "POST /v1/events/{event_id}/cancel",
        "POST /v1/notifications/{notification_id}/cancel",
        "GET /v1/deliveries",
        "POST /v1/deliveries/{delivery_id}/retry",
        "POST /v1/deliveries/redrive",
        "GET /v1/captures",
        "GET /v1/parked",
        "GET /v1/parked/{parked_id}",
        "POST /v1/parked/{parked_id}/redrive",
        "DELETE /v1/parked/{parked_id}",
        "POST /v1/tokens",
        "GET /v1/subscribers",
        "PUT /v1/subscribers/{subscriber_id}",
        "GET /v1/subscribers/{subscriber_id}",
        "DELETE /v1/subscribers/{subscriber_id}",
        "DELETE /v1/subscribers/{subscriber_id}/sessions",
        "PUT /v1/topics/{topic_id}/subscribers/{subscriber_id}",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }
    events = document["paths"]["/v1/events"]["post"]
    assert set(events["responses"]) >= {"202", "400", "401", "403", "413", "415", "422", "503"}
    assert "\\Z" not in httpx2.get(f"{served_url}/openapi.json").text
