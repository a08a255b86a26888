"""Every example of a request is taken by the real service, as the documentation shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from services.cli.api_document import shared_document
from tests.support.gateway import gateway_client
from tests.support.pusher import running_pusher, token

Json = dict[str, Any]

PATHS = shared_document()["paths"]
TO_PUSHER = ("/v1/live", "/v1/inbox", "/v1/tickets", "/v1/preferences")
MUST_EXIST = {"/v1/subscribers/ada": {"email": "ada@example.com"}, "/v1/topics/order-4711": {}}


def examples(*, of_pusher: bool) -> Iterator[tuple[str, str, str, Any]]:
    """Method, address, content type and body of each request that the document shows."""
    for path, methods in PATHS.items():
        for method, operation in methods.items() if path.startswith(TO_PUSHER) is of_pusher else ():
            address = address_of(path, operation)
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                named = content.get("examples", {"the": {"value": content.get("example")}})
                for one in named.values():
                    yield method.upper(), address, kind, one["value"]


def address_of(path: str, operation: Json) -> str:
    """The path with the examples of its parameters."""
    given = {one["name"]: one for one in operation.get("parameters", ())}
    return re.sub(r"{(\w+)}", lambda found: str(given[found[1]]["example"]), path)


async def send(
    client: httpx2.AsyncClient, method: str, address: str, kind: str, body: Any
) -> httpx2.Response:
    """A new key each time: the same body may be shown twice."""
    request = client.build_request(method, address, json=body, headers={"content-type": kind})
    if any(one["name"] == "Idempotency-Key" for one in parameters_at(address, method)):
        request.headers["idempotency-key"] = uuid4().hex
    return await client.send(request)


def parameters_at(address: str, method: str) -> list[Json]:
    found = PATHS.get(address, {}).get(method.lower(), {})
    return found.get("parameters", []) if address.startswith(TO_PUSHER) else []


async def test_the_gateway_takes_every_example(memory_bus: Bus, database: Database) -> None:
    sent: list[str] = []
    refused: dict[str, str] = {}
    async with gateway_client(memory_bus, database) as client:
        for method, address, kind, body in examples(of_pusher=False):
            for path, known in MUST_EXIST.items():
                assert (await client.put(path, json=known)).status_code == 200
            answer = await send(client, method, address, kind, body)
            sent.append(f"{method} {address} {kind}")
            if not answer.is_success:
                refused[sent[-1]] = answer.text
    assert refused == {}
    assert len(sent) >= 10


async def test_the_pusher_takes_every_example(memory_bus: Bus, database: Database) -> None:
    sent: list[str] = []
    refused: dict[str, str] = {}
    headers = {"authorization": f"Bearer {token('ada')}"}
    async with (
        running_pusher(memory_bus, database) as pusher,
        httpx2.AsyncClient(base_url=pusher.http, headers=headers) as client,
    ):
        for method, address, kind, body in examples(of_pusher=True):
            answer = await send(client, method, address, kind, body)
            sent.append(f"{method} {address} {kind}")
            if not answer.is_success:
                refused[sent[-1]] = answer.text
    assert refused == {}
    assert len(sent) >= 5


@pytest.mark.parametrize("of_pusher", [True, False])
def test_every_call_that_takes_a_body_has_an_example(of_pusher: bool) -> None:
    shown = {(method, address) for method, address, _, _ in examples(of_pusher=of_pusher)}
    wanted = {
        (method.upper(), address_of(path, operation))
        for path, methods in PATHS.items()
        for method, operation in methods.items()
        if "requestBody" in operation and path.startswith(TO_PUSHER) is of_pusher
    }
    assert shown == wanted
