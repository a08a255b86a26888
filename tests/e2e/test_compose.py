"""docker-compose.yml without an engine: its schema, and its commands run as processes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from clarion.tokens.subscriber import mint_token
from tests.support.compose import (
    COMPOSE,
    ComposeService,
    MissingVariable,
    compose_services,
    required_variables,
)
from tests.support.processes import (
    Process,
    free_port,
    run_directory,
    start_process,
    wait_until,
)

ROOT = COMPOSE.parent
BIN = Path(sys.executable).parent
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
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
            processes["nginx"] = await stack.enter_async_context(await start_nginx(ports))
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        front = urls["nginx"] if NGINX else ""
        yield Installation(front or urls["gateway"], front or urls["pusher"], inbox, processes)


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
        await ready(f"http://127.0.0.1:{ports[service.name]}/readyz", process)
    else:
        assert await process.wait(60) == 0, process.output()
    return process


async def ready(url: str, process: Process) -> None:
    async with httpx2.AsyncClient() as client:

        async def answers() -> bool:
            return (await client.get(url)).status_code == 200

        await wait_until(answers, 60, f"{url}: {process!r}")


async def start_nginx(ports: dict[str, int]) -> Process:
    """The file's nginx with the addresses of this test."""
    config = run_directory() / "nginx.conf"
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    for name in ("gateway", "pusher"):
        text = text.replace(f"server {name}:8000;", f"server 127.0.0.1:{ports[name]};")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{ports['nginx']};")
    text = re.sub(r"/tmp/", f"{run_directory()}/nginx-", text)
    text = text.replace("root /usr/share/nginx/html;", f"root {ROOT};")
    config.write_text(text)
    assert NGINX is not None
    checked = await start_process([NGINX, "-t", "-c", config])
    assert await checked.wait() == 0, checked.output()
    process = await start_process([NGINX, "-c", config, "-g", "daemon off;"])
    await ready(f"http://127.0.0.1:{ports['nginx']}/healthz", process)
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
