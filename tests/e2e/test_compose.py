"""docker-compose.yml without an engine: its schema, and its commands run as processes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from clarion.tokens.subscriber import mint_token
from testbed.compose import (
    COMPOSE,
    ComposeService,
    MissingVariable,
    compose_services,
    required_variables,
)
from testbed.nginx import NGINX, answering, start_nginx
from testbed.processes import (
    Process,
    free_port,
    run_directory,
    start_process,
    wait_until,
)

BIN = Path(sys.executable).parent
SERVICES = ("gateway", "notifier", "pusher")
VARIABLES = {
    "POSTGRES_PASSWORD": "a" * 48,
    "RABBITMQ_PASSWORD": "b" * 48,
    "CLARION_API_KEY": "clr_" + "c" * 40,
    "CLARION_TOKEN_SECRET": "d" * 64,
}


class Inbox:
    """Keeps the mail it is given."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 kept"


@dataclass
class Installation:
    """What the file describes, running."""

    api: str
    live: str
    mail: Inbox
    processes: dict[str, Process]

    @property
    def key(self) -> dict[str, str]:
        return {"authorization": f"Bearer {VARIABLES['CLARION_API_KEY']}"}

    @property
    def token(self) -> str:
        secret = VARIABLES["CLARION_TOKEN_SECRET"]
        return mint_token(secret, tenant="default", subscriber="ada", ttl_s=300)[0]


@pytest.fixture
async def installation(amqp_url: str, empty_postgres_url: str) -> AsyncIterator[Installation]:
    ports = {name: free_port() for name in (*SERVICES, "nginx", "mail")}
    inbox = Inbox()
    mail = Controller(inbox, hostname="127.0.0.1", port=ports["mail"])
    places = {"CLARION_AMQP_URL": amqp_url, "CLARION_DATABASE_URL": empty_postgres_url}
    processes: dict[str, Process] = {}
    mail.start()
    async with AsyncExitStack() as stack:
        stack.callback(mail.stop)
        for service in compose_services(VARIABLES).values():
            if service.command:
                process = await start(service, ports, places)
                processes[service.name] = await stack.enter_async_context(process)
        if NGINX:
            front = await start_nginx(ports["nginx"], ports["gateway"], [ports["pusher"]])
            processes["nginx"] = await stack.enter_async_context(front)
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        api, live = (urls["nginx" if NGINX else one] for one in ("gateway", "pusher"))
        yield Installation(api, live, inbox, processes)


async def start(service: ComposeService, ports: dict[str, int], places: dict[str, str]) -> Process:
    """The service's own command and environment; only addresses are those of this test."""
    environment = service.environment | {
        name: place for name, place in places.items() if name in service.environment
    }
    if "CLARION_EMAIL" in environment:
        host = f"127.0.0.1:{ports['mail']}"
        environment["CLARION_EMAIL"] = environment["CLARION_EMAIL"].replace("mailpit:1025", host)
    if service.name in ports:
        environment["CLARION_PORT"] = str(ports[service.name])
    command = [BIN / service.command[0], *service.command[1:]]
    process = await start_process(command, env=environment, cwd=run_directory())
    if service.name in ports:
        await answering(f"http://127.0.0.1:{ports[service.name]}/readyz", process)
    else:
        assert await process.wait(60) == 0, process.output()
    return process


async def live_item(url: str, **options: Any) -> Any:
    """The next notification of the feed at `url`."""
    async with asyncio.timeout(20), websockets.connect(url, **options) as feed:
        await feed.send('{"type":"hello"}')
        async for text in feed:
            frame = json.loads(text)
            if frame["type"] == "notification":
                return frame["item"]
    raise AssertionError("the feed ended")


async def check_the_front(installation: Installation) -> None:
    """Pages, API and feed on one origin, and problem documents where a service is away."""
    async with httpx2.AsyncClient(base_url=installation.api, headers=installation.key) as client:
        home = await client.get("/")
        script = await client.get("/web/client/clarion.js")
        metrics = await client.get("/metrics")
        large = await client.post("/v1/events", content=b"x" * 2_000_000)
        inbox = await client.get("/v1/inbox")
        assert await installation.processes["gateway"].stop() == 0
        away = await client.get("/v1/notifications")
    assert "unsafe" not in home.headers["content-security-policy"]
    assert "javascript" in script.headers["content-type"]
    assert [metrics.status_code, inbox.status_code] == [404, 401]
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert (away.status_code, away.json()["code"]) == (503, "unavailable")
    assert away.headers["retry-after"] == "2"
    foreign = installation.live.replace("http", "ws") + "/v1/live?token=" + installation.token
    with pytest.raises((websockets.InvalidStatus, websockets.ConnectionClosed)):
        await live_item(foreign, origin="https://evil.example")


async def test_the_file_is_valid_by_its_schema() -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    process = await start_process(command)
    assert await process.wait(60) == 0, process.output()


def test_no_secret_has_a_default() -> None:
    assert required_variables() == set(VARIABLES)
    for name in VARIABLES:
        with pytest.raises(MissingVariable, match=name):
            compose_services({**VARIABLES, name: ""})


def test_the_services_wait_for_schema_and_broker() -> None:
    services = compose_services(VARIABLES)
    backends = {"migrate": "service_completed_successfully", "rabbitmq": "service_healthy"}
    assert {name: services[name].waits_for for name in SERVICES} == dict.fromkeys(
        SERVICES, backends
    )
    assert services["migrate"].waits_for == {"postgres": "service_healthy"}
    assert list(services)[-1] == "nginx"


def test_the_pusher_believes_its_proxy_and_nobody_outside() -> None:
    environment = compose_services(VARIABLES)["pusher"].environment
    trusted = [ip_network(one) for one in environment["CLARION_TRUSTED_PROXIES"].split(",")]
    for address, is_trusted in (("172.18.0.7", True), ("192.168.16.2", True), ("8.8.8.8", False)):
        assert any(ip_address(address) in network for network in trusted) is is_trusted


@pytest.mark.timeout(300)
async def test_an_event_goes_all_the_way(installation: Installation) -> None:
    event = {
        "type": "order.shipped",
        "to": {"id": "ada", "email": "ada@example.com"},
        "content": {"title": "On its way", "body": "Tomorrow."},
        "channels": ["inbox", "email"],
    }
    async with httpx2.AsyncClient(base_url=installation.api, headers=installation.key) as client:
        accepted = await client.post("/v1/events", json=event)
    assert accepted.status_code == 202
    live = installation.live.replace("http", "ws") + "/v1/live?token=" + installation.token
    item = await live_item(live, origin=installation.live)
    assert [item["event_id"]] == accepted.json()["ids"]
    await wait_until(lambda: installation.mail.mails, 20, "the email")
    assert [(mail["To"], mail["Subject"]) for mail in installation.mail.mails] == [
        ("ada@example.com", "On its way")
    ]
    if NGINX:
        await check_the_front(installation)
    for name in set(installation.processes) - {"migrate", "gateway"}:
        assert await installation.processes[name].stop() == 0, name
    outputs = [process.output() for process in installation.processes.values()]
    assert [output for output in outputs if installation.token in output] == []
