"""`clarion dev`, as a stranger meets it: start, paste the printed line, watch, stop."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import websockets

from clarion.tokens.subscriber import mint_token
from tests.support.processes import Process, run_directory, start_process, wait_until

CLARION = (sys.executable, "-m", "clarion.cli")
READY = "Stop with Ctrl-C."


@pytest.fixture
def run_data() -> Iterator[Path]:
    """A data directory that the embedded PostgreSQL's own user may enter."""
    directory = Path(tempfile.mkdtemp(prefix="dev-", dir=run_directory()))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def dev(
    data: Path, *options: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """A started `clarion dev` on a free port."""
    command = [*CLARION, "dev", "--port", "0", "--data", data, *options]
    async with await start_process(command, env=env, ready=READY, timeout_s=60) as process:
        yield process


def url_of(process: Process) -> str:
    found = re.search(r"Clarion runs at (\S+)", process.output())
    assert found is not None
    return found[1]


async def run(*command: str | Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit status and output of a command that ends by itself."""
    process = await start_process(command, env=env)
    return await process.wait(30), process.output()


def curl_line_of(process: Process) -> list[str]:
    return shlex.split(next(x for x in process.output().splitlines() if x.startswith("curl ")))


async def paste(line: list[str]) -> Any:
    """Run the line; where there is no curl, do what it says."""
    if shutil.which("curl"):
        status, output = await run(*line)
        assert status == 0, output
        return json.loads(output)
    headers = dict(line[i + 1].split(": ", 1) for i, x in enumerate(line) if x == "-H")
    async with httpx2.AsyncClient(headers=headers) as client:
        return (await client.post(line[2], content=line[line.index("-d") + 1])).json()


def kept_in(data: Path) -> set[str]:
    return {one.name for one in data.iterdir()}


def in_use(data: Path) -> list[str]:
    """Command lines of processes that work on a data directory."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(data) in words:
            found.append(words)
    return found


async def next_notification(url: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        asyncio.timeout(20),
        websockets.connect(
            f"{url.replace('http', 'ws')}/v1/live", additional_headers=headers
        ) as feed,
    ):
        await feed.send('{"type":"hello"}')
        async for text in feed:
            frame = json.loads(text)
            if frame["type"] == "notification":
                return frame
    raise AssertionError("the feed ended")


async def test_the_printed_line_makes_a_notification(run_data: Path) -> None:
    async with dev(run_data) as process:
        url = url_of(process)
        secret = (run_data / "token-secret").read_text().strip()
        token, _ = mint_token(secret, tenant="default", subscriber="ada", ttl_s=60)
        accepted = await paste(curl_line_of(process))
        frame = await next_notification(url, token)
        assert accepted == {"accepted": 1, "ids": [frame["item"]["event_id"]]}
        assert frame["item"]["title"] == "Your order is on its way"
        assert frame["unread"] == 1
        assert await process.stop() == 0
    assert in_use(run_data) == []
    assert not (run_data / "clarion.pid").exists()


async def test_key_and_secret_are_kept_for_their_owner_only(run_data: Path) -> None:
    async with dev(run_data) as process:
        first = curl_line_of(process)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    kept = {one: (run_data / one).read_text() for one in ("api-key", "token-secret")}
    assert {stat.S_IMODE((run_data / one).stat().st_mode) for one in kept} == {0o600}
    async with dev(run_data) as process:
        assert curl_line_of(process)[4] == first[4]
    assert {one: (run_data / one).read_text() for one in kept} == kept


async def test_credentials_of_the_environment_are_used_as_they_are(run_data: Path) -> None:
    env = {"CLARION_API_KEY": "a-key-of-my-own-0123456789-012345", "CLARION_TOKEN_SECRET": "x" * 32}
    async with dev(run_data, env=env) as process:
        assert "Authorization: Bearer a-key-of-my-own-0123456789-012345" in curl_line_of(process)
        token, _ = mint_token("x" * 32, tenant="default", subscriber="ada", ttl_s=60)
        await paste(curl_line_of(process))
        assert (await next_notification(url_of(process), token))["version"] == 1
    assert kept_in(run_data) == {"postgres"}


async def test_pages_and_the_demo_key_are_for_this_machine_only(run_data: Path) -> None:
    async with dev(run_data) as process, httpx2.AsyncClient(base_url=url_of(process)) as client:
        home = await client.get("/")
        script = await client.get("/web/client/clarion.js")
        demo = await client.get("/demo/config.json")
        rebound = await client.get("/demo/config.json", headers={"host": "evil.example"})
        outside = await client.get("/web/../pyproject.toml")
        key = {"authorization": f"Bearer {demo.json()['api_key']}"}
        allowed = await client.post("/v1/events", json={"type": "a"}, headers=key)
        forbidden = await client.put("/v1/subscribers/ada", json={}, headers=key)
    assert "<html" in home.text
    assert "unsafe" not in home.headers["content-security-policy"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["x-content-type-options"] == "nosniff"
    assert set(demo.json()) == {"api_key", "tenant"}
    assert (rebound.status_code, outside.status_code) == (404, 404)
    assert (allowed.status_code, forbidden.status_code) == (202, 403)


async def test_health_and_readiness_speak_for_all_three(run_data: Path) -> None:
    async with dev(run_data) as process, httpx2.AsyncClient(base_url=url_of(process)) as client:
        ready = (await client.get("/readyz")).json()
        metrics = (await client.get("/metrics")).text
        health = await client.get("/healthz")
    assert ready["status"] == "ok"
    assert {name.partition(".")[0] for name in ready["checks"]} == {"gateway", "notifier", "pusher"}
    assert health.status_code == 200
    assert "clarion_" in metrics


async def test_a_data_directory_has_one_server(run_data: Path) -> None:
    async with dev(run_data):
        status, output = await run(*CLARION, "dev", "--port", "0", "--data", run_data)
    assert status == 2
    assert "Another `clarion dev`" in output


async def test_commands_work_on_what_dev_keeps(run_data: Path) -> None:
    async with dev(run_data) as process:
        line = next(x for x in process.output().splitlines() if x.startswith("For `clarion`"))
        env = dict(one.split("=", 1) for one in shlex.split(line.partition(": export ")[2]))
        watching = [*CLARION, "watch", "ada"]
        async with await start_process(watching, env=env, ready="connected, 0 unread") as watch:
            emitted = [*CLARION, "emit", "order.paid", "--to", "user:ada", "--title", "Paid\x1b[2J"]
            status, identifier = await run(*emitted, env=env)
            assert (status, len(identifier.strip())) == (0, 36)
            await wait_until(lambda: "Paid [2J [order.paid] (1 unread)" in watch.output(), 10)
            watch.send_signal(signal.SIGINT)
            assert await watch.wait() == 0
        status, token = await run(*CLARION, "token", "ada", env=env)
        assert (status, token.splitlines()[-1].count(".")) == (0, 2)
        status, output = await run(*CLARION, "emit", "x", "--to", "nobody", env=env)
        assert status == 1
        assert "422, invalid" in output
        assert "to" in output


async def test_a_revoked_key_opens_nothing(run_data: Path) -> None:
    async with dev(run_data) as process:
        env = {"CLARION_DATA_DIR": str(run_data), "CLARION_URL": url_of(process)}
        create = [*CLARION, "keys", "create", "--name", "shop", "--scope", "events:write"]
        _, created = await run(*create, env=env)
        identifier, key = re.findall(r"Key (\S+) of|^(clr_\w+)$", created, re.MULTILINE)
        emit = [*CLARION, "emit", "x", "--to", "user:ada"]
        with_key = env | {"CLARION_API_KEY": key[1]}
        assert (await run(*emit, env=with_key))[0] == 0
        assert (await run(*CLARION, "keys", "revoke", identifier[0], env=env))[0] == 0

        async def is_refused() -> bool:
            status, output = await run(*emit, env=with_key)
            return status == 1 and "401" in output

        await wait_until(is_refused, 15, "the key refused")
        _, listed = await run(*CLARION, "keys", "list", env=env)
        assert re.search(r"revoked +shop +events:write", listed)
        assert key[1] not in listed
