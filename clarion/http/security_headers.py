"""Headers that every answer of a service bears."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""An API serves nothing to render: a browser that is led to it must not run anything."""
NO_STORE = (b"cache-control", b"no-store")
"""Tokens, captures and personal history must not be cached on the way."""
API_PREFIX = "/v1/"


class SecurityHeadersMiddleware:
    """Adds those of `SECURITY_HEADERS` that an answer does not bear by itself, and `NO_STORE` to
    answers of the API that say nothing of caches."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                own = {name.lower() for name, _ in headers}
                headers.extend(one for one in SECURITY_HEADERS if one[0] not in own)
                if scope["path"].startswith(API_PREFIX) and b"cache-control" not in own:
                    headers.append(NO_STORE)
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, add_headers if scope["type"] == "http" else send)
