"""`clarion doctor --url` finds what a reverse proxy does wrong, and says the remedy."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

from clarion.bus import Bus
from clarion.errors import ConfigurationError
from clarion.store.database import Database
from services.cli.doctor.checks import findings_outside
from services.cli.doctor.command import text_of
from services.cli.doctor.public_address import PublicAddress
from testbed.nginx import NGINX, start_nginx
from testbed.processes import free_port, start_process
from tests.support.pusher import SECRET, running_pusher, token
from tests.support.served_gateway import running_gateway

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx is installed")

PASSES_HOST = "proxy_set_header Host $http_host;"
UPGRADES = "proxy_set_header Upgrade $http_upgrade;"
UNBUFFERED = "proxy_buffering off;"
BODY = "client_max_body_size 1m;"
TO_PUSHER = "location ^~ /v1/live {\n            proxy_pass http://pusher;"

FAULTS = [
    pytest.param(
        {PASSES_HOST: "proxy_set_header Host $host;"},
        ["FAIL WebSocket: The origin is refused", "FAIL event stream: The origin is refused"],
        ["Host $http_host"],
        id="Host without its port",
    ),
    pytest.param(
        {PASSES_HOST: ""},
        ["FAIL WebSocket: The origin is refused", "FAIL event stream: The origin is refused"],
        ["Host $http_host"],
        id="Host of the upstream",
    ),
    pytest.param(
        {UPGRADES: ""},
        ["FAIL WebSocket: The handshake is answered with 426, not 101."],
        ["proxy_http_version 1.1"],
        id="upgrade swallowed",
    ),
    pytest.param(
        {"proxy_http_version 1.1;": "proxy_http_version 1.0;"},
        ["FAIL WebSocket: The handshake is answered with 426, not 101."],
        ["proxy_http_version 1.1"],
        id="HTTP/1.0 upstream",
    ),
    pytest.param(
        # this nginx keeps what comes without chunks only
        {
            "proxy_http_version 1.1;": "proxy_http_version 1.0;",
            UNBUFFERED: "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;",
        },
        ["FAIL WebSocket:", "FAIL event stream: No event arrives within"],
        ["proxy_buffering off"],
        id="stream buffered",
    ),
    pytest.param(
        {UNBUFFERED: f"{UNBUFFERED} gzip on; gzip_min_length 0; gzip_types text/event-stream;"},
        ["FAIL event stream: A proxy compresses it."],
        ["compression"],
        id="stream compressed",
    ),
    pytest.param(
        {BODY: "client_max_body_size 100k;"},
        ["FAIL body limit: A body of 1048576 bytes is refused by a proxy."],
        ["client_max_body_size"],
        id="small bodies",
    ),
    pytest.param(
        {TO_PUSHER: TO_PUSHER.replace("pusher;", "gateway;")},
        ["FAIL pusher at /v1/live: Another server answers there (with 401, not 426)."],
        ["Correct the routes of the proxy"],
        id="feed sent to the gateway",
    ),
]


@pytest.fixture
async def services(memory_bus: Bus, database: Database) -> AsyncIterator[tuple[int, int]]:
    """The ports of gateway and pusher."""
    async with (
        running_gateway(memory_bus, database) as gateway,
        running_pusher(memory_bus, database) as pusher,
    ):
        yield gateway, pusher.port


async def told(url: str, listen_as: str | None) -> str:
    """What the doctor prints."""
    found = [text_of(one) async for one in findings_outside(PublicAddress.parse(url), listen_as)]
    return "\n".join(found)


@pytest.mark.parametrize(("changes", "faults", "remedies"), FAULTS)
async def test_each_fault_of_a_proxy_is_named_with_its_remedy(
    services: tuple[int, int],
    changes: dict[str, str],
    faults: list[str],
    remedies: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.cli.doctor.live_feed.TIMEOUT_S", 3.0)
    port, (gateway, pusher) = free_port(), services
    async with await start_nginx(port, gateway, [pusher], changes):
        output = await told(f"http://127.0.0.1:{port}", token("ada"))
    assert [line for line in output.splitlines() if line.startswith("FAIL")] == [
        line for line in output.splitlines() if any(line.startswith(one) for one in faults)
    ]
    assert output.count("FAIL") == len(faults), output
    assert all(one in output for one in remedies), output


async def test_a_proxy_that_does_right_is_well(services: tuple[int, int]) -> None:
    port, (gateway, pusher) = free_port(), services
    async with await start_nginx(port, gateway, [pusher]):
        command = (sys.executable, "-m", "services.cli", "doctor", "--url")
        address = f"http://127.0.0.1:{port}/"
        env = {"CLARION_TOKEN_SECRET": SECRET}
        process = await start_process((*command, address), env=env)
        status, output = await process.wait(60), process.output()
        without = await told(address, None)
        wrong = await told(address, "a.b.c")
    assert (status, "FAIL" in output, "All is well." in output) == (0, False, True), output
    assert "WebSocket: A page of this address opens a feed." in output
    assert "event stream: Its events arrive at once." in output
    assert "HTTP/1.1 is spoken." in output
    assert "FAIL" not in without, without
    assert "no token was tried" in without
    assert wrong.count("FAIL") == 2
    assert "the token is not valid" in wrong
    assert "a.b.c" not in wrong


async def test_an_address_where_nothing_is_ends_with_status_1() -> None:
    command = (sys.executable, "-m", "services.cli", "doctor", "--url")
    process = await start_process((*command, f"http://127.0.0.1:{free_port()}"), env={})
    assert await process.wait(60) == 1
    output = process.output()
    assert "FAIL gateway at /v1/events: It does not answer: ConnectError." in output
    assert "1 to fix." in output


async def test_a_path_in_front_is_kept(services: tuple[int, int]) -> None:
    port, (gateway, pusher) = free_port(), services
    inner = "location ^~ /v1/live {"
    prefixed = "rewrite ^/clarion(/.*)$ $1 last;\n        " + inner
    async with await start_nginx(port, gateway, [pusher], {inner: prefixed}):
        output = await told(f"http://127.0.0.1:{port}/clarion", token("ada"))
    assert "FAIL" not in output, output


@pytest.mark.parametrize(
    "url", ["example.com", "ftp://example.com", "https://", "https://user:canary@example.com"]
)
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write the public address") as refused:
        PublicAddress.parse(url)
    assert "canary" not in str(refused.value)
