"""A server whose side of the live protocol is spoken by the test, and a page with a client."""

from __future__ import annotations

import asyncio
import base64
import json
import mimetypes
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from testbed.served_app import served_app

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 30

SUBPROTOCOL = "clarion.v1"
PAGE = b"<!doctype html><html lang=en><title>test</title><link rel=icon href='data:,'><main></main>"

QUICK = "/quick"
"""Before `/web/...`: the same, but these limits are short."""

QUICK_LIMITS = {
    "TOKEN_TIMEOUT_MS": 300,
    "LEADER_TIMEOUT_MS": 4_000,
    "LEADER_SILENCE_MS": 300,
    "RENEW_RETRY_MS": 10,
}

START = """async ({ tokens, backoff, share }) => {
  const { Clarion } = await import("/web/client/clarion.js");
  window.asked = 0;
  const token = () => tokens[Math.min(window.asked++, tokens.length - 1)];
  window.clarion = new Clarion({ token, backoff, share });
  window.states = [];
  window.arrived = [];
  window.clarion.on("state", (change) => window.states.push(change));
  window.clarion.on("notification", ({ item }) => window.arrived.push(item.id));
  window.clarion.connect();
}"""


class Session:
    """One socket of the page."""

    def __init__(self, socket: WebSocket) -> None:
        self.subprotocols: list[str] = socket.scope["subprotocols"]
        self._socket = socket
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Accept it and read it to its end."""
        await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in self.subprotocols else None)
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            self._frames.put_nowait(message["text"])
        self._frames.put_nowait(None)
        self._ended.set()

    async def receive(self) -> Any:
        """The next frame that is no acknowledgement: those come when a second is over."""
        while (frame := await self._next())["type"] == "ack":
            pass
        return frame

    async def acknowledged(self) -> int:
        """The version of the next acknowledgement."""
        while (frame := await self._next())["type"] != "ack":
            pass
        return frame["version"]

    async def _next(self) -> Any:
        async with asyncio.timeout(WITHIN_S):
            text = await self._frames.get()
        if text is None:
            raise ConnectionError("the page has closed the socket")
        return json.loads(text)

    async def send(self, *frames: dict[str, Any]) -> None:
        for frame in frames:
            await self._socket.send_text(json.dumps(frame))

    async def send_raw(self, *messages: str | bytes) -> None:
        """Messages that need not be frames."""
        for one in messages:
            kind = "text" if isinstance(one, str) else "bytes"
            await self._socket.send({"type": "websocket.send", kind: one})

    async def close(self, code: int, reason: str = "") -> None:
        await self._socket.close(code, reason)

    async def opened(self) -> tuple[Any, Any]:
        """The frames that every session begins with."""
        return await self.receive(), await self.receive()

    async def ended(self) -> None:
        """Returns when the page has let go of it."""
        async with asyncio.timeout(WITHIN_S):
            await self._ended.wait()


class ScriptedServer:
    """Serves `web/`; each socket becomes a `Session` in the hands of the test."""

    def __init__(self) -> None:
        self.sessions: asyncio.Queue[Session] = asyncio.Queue()
        self.url = ""
        self.page = PAGE
        self.scripts: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    async def session(self) -> Session:
        """The next socket."""
        async with asyncio.timeout(WITHIN_S):
            return await self.sessions.get()

    async def handle(self, socket: WebSocket) -> None:
        session = Session(socket)
        self.sessions.put_nowait(session)
        await session.run()

    async def answer(self, request: Request) -> Response:
        """The page, a script or a file of `web/`."""
        path = request.url.path
        if path == "/":
            return Response(self.page, media_type="text/html", headers=self.headers)
        if path in self.scripts:
            body, kind = self.scripts[path].encode(), "text/javascript"
        else:
            body, kind = static_file(path), mimetypes.guess_type(path)[0] or "text/plain"
        # A sandboxed frame is of no origin
        return Response(body, media_type=kind, headers={"Access-Control-Allow-Origin": "*"})


def static_file(path: str) -> bytes:
    """A file of `web/`."""
    body = (ROOT / path.removeprefix(QUICK).lstrip("/")).read_bytes()
    if path == f"{QUICK}/web/client/limits.js":
        for name, milliseconds in QUICK_LIMITS.items():
            body = re.sub(rf"(?<={name} = )[\d_]+".encode(), str(milliseconds).encode(), body)
    return body


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """Runs until the end of the block."""
    scripted = ScriptedServer()
    app = Starlette(
        routes=[
            WebSocketRoute("/v1/live", scripted.handle),
            Route("/{path:path}", scripted.answer),
        ]
    )
    # A page that is still open is asked for nothing at the end, and no idle connection is closed
    # under a request
    limits = {"timeout_keep_alive": 600, "timeout_graceful_shutdown": 1}
    async with served_app(app, ws_ping_interval=None, **limits) as port:
        scripted.url = f"http://127.0.0.1:{port}"
        yield scripted


async def start_client(
    page: Page,
    server: ScriptedServer,
    *,
    tokens: Sequence[str] = ("a-token",),
    backoff: dict[str, int] | None = None,
) -> Session:
    """Open a page with a client that connects; its first socket. A token that names nobody is
    shared with no other tab."""
    await page.goto(server.url)
    await run_client(page, tokens, backoff=backoff)
    return await server.session()


async def start_tab(
    page: Page,
    server: ScriptedServer,
    subscriber: str = "ada",
    *,
    tokens: Sequence[str] = (),
    share: bool = True,
) -> None:
    """Open a page with a client of this subscriber; whether it connects is the tabs' affair."""
    await page.goto(server.url)
    await run_client(page, tokens or [jwt(3_600, subscriber)], share=share)


async def run_client(
    page: Page, tokens: Sequence[str], *, share: bool = True, backoff: dict[str, int] | None = None
) -> None:
    """Start the page's client."""
    backoff = backoff or {"baseMs": 1, "capMs": 5}
    await page.evaluate(START, {"tokens": list(tokens), "backoff": backoff, "share": share})


def jwt(
    lifetime_s: int,
    subscriber: str | None = None,
    *,
    tenant: str = "default",
    issued_at: int = 1_000,
) -> str:
    """As much of a token as the client looks at."""
    said = {"iat": issued_at, "exp": issued_at + lifetime_s}
    who = {"sub": subscriber, "tenant": tenant} if subscriber else {}
    claims = json.dumps(said | who).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sig"


async def start_live(page: Page, server: ScriptedServer, *items: dict[str, Any]) -> Session:
    """A client that has these items as its snapshot and is live."""
    session = await start_client(page, server)
    await session.opened()
    await session.send(*replay(*items))
    await until(page, "clarion.state.state === 'live'")
    return session


async def hold_time(page: Page) -> None:
    """From the next navigation on, time passes in this page by `page.clock.run_for` alone: a slow
    machine changes nothing."""
    now = time.time()
    await page.clock.install(time=now)
    await page.clock.pause_at(now + 1)


async def until(page: Page, condition: str, timeout_s: int = WITHIN_S) -> None:
    """Returns once a JavaScript expression is true in the page."""
    await page.wait_for_function(f"() => {condition}", timeout=timeout_s * 1000)


def item(number: int, version: int | None = None, **changed: Any) -> dict[str, Any]:
    """The item of event `number`, which took version `number` unless said otherwise."""
    unset = ("category", "body", "url", "data", "seen_at", "read_at", "archived_at")
    return {
        "id": f"item-{number:03}",
        "event_id": f"event-{number:03}",
        "type": "order.shipped",
        "title": f"Order {number}",
        "lane": "normal",
        "version": version or number,
        "created_at": f"2026-01-01T00:{number:02}:00Z",
        **dict.fromkeys(unset),
        "snoozed_until": None,
        **changed,
    }


def notification(one: dict[str, Any], unread: int) -> dict[str, Any]:
    return {"type": "notification", "version": one["version"], "unread": unread, "item": one}


def welcome(version: int, unread: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "welcome",
        "version": version,
        "unread": unread,
        "session": "s",
        "heartbeat_s": 25,
        **more,
    }


def replay(*items: dict[str, Any], unread: int | None = None, **more: Any) -> list[dict[str, Any]]:
    """A whole replay; all items count as unread unless said otherwise."""
    count = len(items) if unread is None else unread
    version = max((one["version"] for one in items), default=0)
    frames = [notification(one, count) for one in items]
    return [welcome(version, count, **more), *frames, {"type": "caught_up", "version": version}]
