"""Request bodies within a bound, for apps whose framework has none."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.errors import Refused, TooLarge, TooSlow
from clarion.http.json_bodies import sound_json
from clarion.http.problems import problem_response

METHODS_WITH_BODY = ("POST", "PUT", "PATCH")
BODY_TIMEOUT_S = 30.0
LINGER_S = 2.0


class BoundedBodyMiddleware:
    """Reads bodies of at most `max_bytes` before the app is asked: 413 for larger ones, 408
    for those that do not arrive in time, and what `sound_json` refuses."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http" or scope["method"] not in METHODS_WITH_BODY:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await self._read(scope, receive)
            body = sound_json(_content_type(scope), body)
        except TimeoutError:
            await refuse(TooSlow("The body did not arrive in time."), receive, send)
        except Refused as problem:
            await refuse(problem, receive, send)
        else:
            await self._app(scope, replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit():
            self._check(int(announced))
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            self._check(len(body))
            if not message.get("more_body", False):
                return body

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLarge(f"The body is larger than {self._max_bytes} bytes.")


def _content_type(scope: Scope) -> str:
    found: bytes = dict(scope["headers"]).get(b"content-type", b"")
    return found.decode("latin-1")


def replay(body: bytes, receive: Receive) -> Receive:
    """`receive` of a body that was read before."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


async def refuse(problem: Refused, receive: Receive, send: Send) -> None:
    """Answer while the body may still be on its way, and end the connection."""
    response = problem_response(problem)
    response.headers["connection"] = "close"
    start = {"status": response.status_code, "headers": response.raw_headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await discard(receive)
    await send({"type": "http.response.body", "body": b""})


async def discard(receive: Receive) -> None:
    """Throw away what still arrives, for a short while: a client that is sending can then read
    the answer, which a connection closed under its hands would destroy."""
    try:
        async with asyncio.timeout(LINGER_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
