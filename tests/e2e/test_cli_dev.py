"""`clarion dev`, as a stranger meets it: start, paste the printed line, watch, stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import shlex
import shutil
import signal
import stat
import sys
import tempfile
import tty
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import websockets

from clarion.tokens.subscriber import mint_token
from services.cli.dev.demo_key import demo_key_of
from testbed.processes import Process, run_directory, start_process, wait_until
from tests.support.sources import ROOT

CLARION = (sys.executable, "-m", "services.cli")
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


def curl_line_of(output: str) -> str:
    return next(x for x in output.splitlines() if x.startswith("curl "))


async def paste(line: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Any:
    """Run the line in a shell; where there is no curl, do what it says."""
    if shutil.which("curl"):
        status, output = await run(
            "bash", "-c", f"cd {shlex.quote(str(cwd or ROOT))}; {line}", env=env
        )
        assert status == 0, output
        return json.loads(output)
    echo = f"cd {shlex.quote(str(cwd or ROOT))}; printf '%s\\0' {line}"
    _, output = await run("bash", "-c", echo, env=env)
    words = output.split("\0")
    headers = dict(words[i + 1].split(": ", 1) for i, x in enumerate(words) if x == "-H")
    async with httpx2.AsyncClient(headers=headers) as client:
        return (await client.post(words[2], content=words[words.index("-d") + 1])).json()


@asynccontextmanager
async def dev_on_terminal(data: Path, env: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """What a started `clarion dev` shows where its output is a terminal."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    process = await asyncio.create_subprocess_exec(
        *[*CLARION, "dev", "--port", "0", "--data", data],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **(env or {})},
        cwd=ROOT,
    )
    os.close(theirs)
    shown = b""
    try:
        async with asyncio.timeout(60):
            while READY.encode() not in shown:
                shown += await asyncio.to_thread(os.read, ours, 65_536)
        yield shown.decode()
    finally:
        process.terminate()
        reading = asyncio.create_task(asyncio.to_thread(_drain, ours))
        async with asyncio.timeout(30):
            await process.wait()
        await reading
        os.close(ours)


def _drain(terminal: int) -> None:
    with contextlib.suppress(OSError):  # the other side has closed it
        while os.read(terminal, 65_536):
            pass


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
        accepted = await paste(curl_line_of(process.output()))
        frame = await next_notification(url, token)
        assert accepted == {"accepted": 1, "ids": [frame["item"]["event_id"]]}
        assert frame["item"]["title"] == "Your order is on its way"
        assert frame["unread"] == 1
        assert await process.stop() == 0
    assert in_use(run_data) == []
    assert not (run_data / "clarion.pid").exists()


async def test_key_and_secret_are_kept_for_their_owner_only(run_data: Path) -> None:
    async with dev(run_data) as process:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    kept = {one: (run_data / one).read_text() for one in ("api-key", "token-secret")}
    assert {stat.S_IMODE((run_data / one).stat().st_mode) for one in kept} == {0o600}
    async with dev(run_data):
        pass
    assert {one: (run_data / one).read_text() for one in kept} == kept


async def test_credentials_of_the_environment_are_used_as_they_are(run_data: Path) -> None:
    env = {"CLARION_API_KEY": "a-key-of-my-own-" * 2, "CLARION_TOKEN_SECRET": "x" * 32}
    async with dev(run_data, env=env) as process:
        assert "a-key-of-my-own" not in process.output()
        token, _ = mint_token("x" * 32, tenant="default", subscriber="ada", ttl_s=60)
        await paste(curl_line_of(process.output()), env)
        assert (await next_notification(url_of(process), token))["version"] == 1
    assert kept_in(run_data) == {"postgres"}


async def test_a_key_of_the_environment_has_at_least_32_characters(run_data: Path) -> None:
    env = {"CLARION_API_KEY": "a-key-of-31-characters-is-short"}
    status, output = await run(*CLARION, "dev", "--port", "0", "--data", run_data, env=env)
    assert status == 2
    assert "CLARION_API_KEY" in output
    assert "Traceback" not in output
    assert kept_in(run_data) == set()


async def test_a_log_holds_no_key_and_says_where_it_is(tmp_path: Path, run_data: Path) -> None:
    data = os.path.relpath(run_data, ROOT)
    async with dev(Path(data)) as process:
        output = process.output()
        kept = [(run_data / name).read_text().strip() for name in ("api-key", "token-secret")]
        line = curl_line_of(output)
        accepted = await paste(line)
    assert f'"Authorization: Bearer $(cat {data}/api-key)"' in line
    assert f"The API key, for the page too, is in {data}/api-key." in output
    assert accepted["accepted"] == 1
    assert [one for one in [*kept, demo_key_of(kept[1])] if one in process.output()] == []


async def test_a_terminal_shows_the_key_and_a_link_that_has_the_page_s(run_data: Path) -> None:
    async with dev_on_terminal(run_data) as shown:
        api_key = (run_data / "api-key").read_text().strip()
        found = re.search(r"Open (http://127\.0\.0\.1:\d+)/#key=(clr_\w+) and send", shown)
        assert found is not None
        line = curl_line_of(shown)
        assert f"-H 'Authorization: Bearer {api_key}'" in line
        assert (await paste(line))["accepted"] == 1
        key = {"authorization": f"Bearer {found[2]}"}
        async with httpx2.AsyncClient(base_url=found[1], headers=key) as client:
            allowed = await client.post("/v1/events", json={"type": "a", "to": "user:ada"})
            forbidden = await client.put("/v1/subscribers/ada", json={})
    assert (allowed.status_code, forbidden.status_code) == (202, 403)


async def test_no_answer_holds_a_key(run_data: Path) -> None:
    async with dev(run_data) as process, httpx2.AsyncClient(base_url=url_of(process)) as client:
        home = await client.get("/")
        script = await client.get("/web/client/clarion.js")
        paths = ("/", "/demo/config.json", "/demo", "/web/demo/", "/api-key", "/.clarion/api-key")
        answers = [await client.get(path) for path in paths]
        outside = await client.get("/web/../pyproject.toml")
        secret = (run_data / "token-secret").read_text().strip()
        keys = [(run_data / "api-key").read_text().strip(), secret, demo_key_of(secret)]
    assert "<html" in home.text
    assert "unsafe" not in home.headers["content-security-policy"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["x-content-type-options"] == "nosniff"
    assert (answers[1].status_code, outside.status_code) == (404, 404)
    assert [one.url for one in answers if any(key in one.text for key in keys)] == []


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
