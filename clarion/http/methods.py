"""HEAD wherever GET works, OPTIONS, and which methods an address takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
PREFLIGHT = b"access-control-request-method"
"""With this header OPTIONS is a CORS preflight."""
IS_HEAD = "clarion.is_head"
"""In the scope of a HEAD, whose method the app sees as GET."""

MethodsOf = Callable[[Scope], list[str]]


class MethodsMiddleware:
    """Answers HEAD as GET without the body, and OPTIONS by `Allow`. `methods_of` gives the methods
    of the scope's path; none where there is nothing."""

    def __init__(self, app: ASGIApp, methods_of: MethodsOf) -> None:
        self.app = app
        self._methods_of = methods_of

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """An ASGI application."""
        if (
            scope["type"] != "http"
            or scope["method"] not in ("HEAD", "OPTIONS")
            or any(name == PREFLIGHT for name, _ in scope["headers"])
        ):
            return self.app(scope, receive, send)  # itself, for every request passes here
        return self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            inner = {**scope, "method": "GET", IS_HEAD: True}
            await self.app(inner, receive, _without_body(send))
        elif methods := self._methods_of(scope):
            headers = {"allow": ", ".join(sorted([*methods, "OPTIONS"]))}
            await Response(status_code=204, headers=headers)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def methods_at(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """The methods that these routes take at the scope's path, in order."""
    known = list(routes)
    found = {
        method
        for method in METHODS
        if any(one.matches({**scope, "method": method})[0] is Match.FULL for one in known)
    }
    return sorted(found | {"HEAD"} if "GET" in found else found)


def with_heads(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document with HEAD wherever it has GET."""
    for operations in document["paths"].values():
        if "get" in operations:
            operations["head"] = _head_of(operations["get"])
    return document


def _head_of(get: dict[str, Any]) -> dict[str, Any]:
    answers = {
        status: {name: part for name, part in answer.items() if name != "content"}
        for status, answer in get["responses"].items()
    }
    name = f"{get['operationId']}_head" if "operationId" in get else None
    summary = "The headers of GET, without a body"
    named = {"operationId": name} if name else {}
    return get | named | {"summary": summary, "responses": answers}


def _without_body(send: Send) -> Send:
    async def drop(message: Message) -> None:
        is_body = message["type"] == "http.response.body"
        await send({**message, "body": b""} if is_body else message)

    return drop
