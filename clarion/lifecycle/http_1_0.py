"""Peers that speak HTTP/1.0, as some reverse proxies do: no chunked encoding, the end of the
connection is the end of a body without a length, and no upgrade."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.lifecycle.uvicorn_internals import RequestResponseCycle, UvicornHttp


def may_chunk(scope: Any) -> bool:
    """Whether the peer of a request understands chunked encoding."""
    return str(scope.get("http_version", "1.1")) >= "1.1"


def unchunked(app: ASGIApp, cycle: RequestResponseCycle) -> Any:
    """`app` for a peer that does not: a body of unknown length ends with the connection."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_until_close = False

        async def send_plain(message: Message) -> None:
            nonlocal is_until_close
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                is_until_close = b"content-length" not in names
                cycle.chunked_encoding = False if is_until_close else None
            elif is_until_close:  # uvicorn counts down a missing length
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_plain)

    return answer


class VersionedHttp(UvicornHttp):
    """uvicorn's, which answers every peer as one of HTTP/1.1."""

    def may_upgrade(self) -> bool:
        """An HTTP/1.0 peer cannot mean it (RFC 9110, section 7.8)."""
        return may_chunk(self.scope) and super().may_upgrade()

    def wrap(self, app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
        """As `UvicornHttp`."""
        return app if may_chunk(cycle.scope) else unchunked(app, cycle)
