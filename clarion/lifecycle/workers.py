"""Several processes of one service that answer as one: metrics of all, readiness of all.

They share a port, so a request reaches any of them. Each has a private Unix socket in a directory
made by the supervisor; the process that gets a request asks the others. Counts are written to a
file before they are reported, so that no sum goes down when a process dies: its successor starts
with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.http.operations import readiness
from clarion.telemetry.merging import Families, merged

ANSWER_TIMEOUT_S = 3.0
"""A little longer than a service's own checks may take."""
WRITE_EVERY_S = 5.0
MAX_ANSWER_BYTES = 64 * 1024**2
METRICS, READYZ = "/metrics", "/readyz"

log = structlog.get_logger("clarion.lifecycle")


@dataclass(frozen=True, slots=True)
class Worker:
    """The number of one process among several of a service."""

    listener: int
    """Descriptor of the listening socket that all share."""
    directory: Path
    number: int
    count: int

    @property
    def others(self) -> list[int]:
        """The numbers of the others."""
        return [one for one in range(self.count) if one != self.number]

    def socket_of(self, number: int) -> Path:
        """Where a worker answers the others."""
        return self.directory / f"{number}.sock"

    def counts_of(self, number: int) -> Path:
        """What a worker, and those before it in its place, have counted."""
        return self.directory / f"{number}.json"


class WorkerOperations:
    """An ASGI app in front of a service's: `/metrics` and `/readyz` of all workers."""

    def __init__(self, app: ASGIApp, worker: Worker) -> None:
        self._app = app
        self._worker = worker
        self._before = _read_counts(worker.counts_of(worker.number))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            if scope["path"] == METRICS:
                await (await self._metrics())(scope, receive, send)
                return
            if scope["path"] == READYZ:
                await (await self._readyz())(scope, receive, send)
                return
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Answer the other workers, and write down what is counted, while this is open."""
        path = self._worker.socket_of(self._worker.number)
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, str(path))
        writing = asyncio.create_task(self._write_regularly())
        try:
            yield
        finally:
            writing.cancel()
            server.close()
            path.unlink(missing_ok=True)
            self._own_metrics()

    async def _metrics(self) -> Response:
        answers = await asyncio.gather(*map(self._metrics_of, self._worker.others))
        body = merged([self._own_metrics(), *answers]).exposition()
        return Response(body, headers={"content-type": CONTENT_TYPE_LATEST})

    async def _metrics_of(self, number: int) -> Families:
        answer = await self._ask(number, METRICS)
        if answer is not None:
            with contextlib.suppress(ValueError):
                return Families.read(answer)
        return _read_counts(self._worker.counts_of(number))

    def _own_metrics(self) -> Families:
        own = merged([Families.of_this_process(), self._before])
        path = self._worker.counts_of(self._worker.number)
        fresh = path.with_suffix(".new")
        try:
            fresh.write_text(own.kept().dump())
            fresh.replace(path)
        except OSError as error:
            log.warning("counts_not_written", error=type(error).__name__)
        return own

    async def _readyz(self) -> Response:
        asked = [self._own_checks(), *map(self._checks_of, self._worker.others)]
        return readiness(_joined(await asyncio.gather(*asked)))

    async def _own_checks(self) -> dict[str, str]:
        return await _checks_of_app(self._app)

    async def _checks_of(self, number: int) -> dict[str, str]:
        answer = await self._ask(number, READYZ)
        if answer is None:
            return {"workers": f"Worker {number} does not answer."}
        return {
            name: said if said == "ok" else f"Worker {number}: {said}"
            for name, said in json.loads(answer).items()
        }

    async def _ask(self, number: int, what: str) -> str | None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(
                    str(self._worker.socket_of(number)), limit=MAX_ANSWER_BYTES
                )
                try:
                    writer.write(what.encode() + b"\n")
                    return (await reader.read()).decode() or None
                finally:
                    writer.close()
        except (OSError, TimeoutError, UnicodeDecodeError):
            return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                asked = (await reader.readline()).decode().strip()
                if asked == METRICS:
                    writer.write(self._own_metrics().dump().encode())
                elif asked == READYZ:
                    writer.write(json.dumps(await self._own_checks()).encode())
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # the asking process treats silence as an answer
        finally:
            writer.close()

    async def _write_regularly(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            self._own_metrics()


def _read_counts(path: Path) -> Families:
    try:
        return Families.read(path.read_text())
    except (OSError, ValueError):
        return Families()


def _joined(several: list[dict[str, str]]) -> dict[str, str]:
    """Each check is `ok` where it is everywhere; else it is what the first says that it is not."""
    together: dict[str, str] = {"workers": "ok"}
    for checks in several:
        for name, said in checks.items():
            if together.get(name, "ok") == "ok":
                together[name] = said
    return together


async def _checks_of_app(app: ASGIApp) -> dict[str, str]:
    """What the service's own `/readyz` says."""
    body = b""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal body
        body += message.get("body", b"")

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": READYZ,
        "raw_path": READYZ.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
    }
    await app(scope, receive, send)
    checks: Mapping[str, str] = json.loads(body)["checks"]
    return dict(checks)
