"""The WebSocket handshake (RFC 6455, section 4): a request in, a response out, no I/O.

A refused request gets an HTTP response. A foreign origin is accepted and then closed with a code,
because browsers hide HTTP responses to a handshake from the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from clarion.contracts.frames import SUBPROTOCOL
from clarion.errors import NotFound, Problem, Refused
from clarion.http.origins import AllowedOrigins
from clarion.http.problems import CONTENT_TYPE, problem_body
from clarion.http.security_headers import SECURITY_HEADERS
from clarion.telemetry.trace import continue_trace, trace_id_of
from services.pusher.wire.credentials import token_in_header, token_in_subprotocols, value_in_query
from services.pusher.wire.upgrade_request import WEBSOCKET_VERSION, UpgradeRequest

PATH = "/v1/live"
OPENING = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: "
)


class UpgradeRequired(Refused):
    """An HTTP request for a WebSocket address."""

    status = 426
    title = "Upgrade required"
    default_code = "upgrade_required"


@dataclass(frozen=True, slots=True)
class AcceptedHandshake:
    """The response, and the credentials of the request."""

    response: bytes
    token: str | None
    ticket: str | None
    is_foreign: bool
    """From a page whose origin is not allowed."""


class Handshake:
    """A parsed request; `path` and `trace_id` are available before `accept`."""

    def __init__(self, data: bytes) -> None:
        """Raises `BadRequest` for a malformed request."""
        self._request = UpgradeRequest(data)
        self.path, _, self._query = self._request.target.partition("?")

    @property
    def trace_id(self) -> str:
        """From the request, or new."""
        traceparent = self._request.all("traceparent")
        return trace_id_of(continue_trace(traceparent[0] if traceparent else None))

    @property
    def forwarded_for(self) -> Sequence[str]:
        """The `X-Forwarded-For` headers; set by proxies, or by the client itself."""
        return self._request.all("x-forwarded-for")

    @property
    def origin(self) -> str:
        """The `Origin` header; empty where the client is no browser."""
        return ", ".join(self._request.all("origin"))

    @property
    def hosts(self) -> Sequence[str]:
        """The `Host` headers."""
        return self._request.all("host")

    def check_path(self) -> None:
        """Raises `NotFound` for a path other than that of the live feed."""
        if self.path != PATH:
            raise NotFound("There is no WebSocket at this address.")

    def accept(self, *, allowed_origins: AllowedOrigins, query_tokens: bool) -> AcceptedHandshake:
        """The response that opens the socket, without extensions. Raises `BadRequest`."""
        accept = self._request.accept()
        offered = self._request.tokens("sec-websocket-protocol")
        lines = [OPENING + accept]
        if SUBPROTOCOL in offered:
            lines.append(f"Sec-WebSocket-Protocol: {SUBPROTOCOL}")
        response = "\r\n".join([*lines, "", ""]).encode()
        is_foreign = self._is_foreign(allowed_origins)
        token = self._token(offered, query_tokens)
        ticket = value_in_query(self._query, "ticket") if token is None else None
        return AcceptedHandshake(response, token, ticket, is_foreign)

    def _token(self, offered: Sequence[str], query_tokens: bool) -> str | None:
        authorization = self._request.all("authorization")
        token = token_in_header(authorization[0] if authorization else None)
        if token is None:
            token = token_in_subprotocols(offered)
        if token is None and query_tokens and self._query:
            token = value_in_query(self._query, "token")
        return token

    def _is_foreign(self, allowed_origins: AllowedOrigins) -> bool:
        origin = self._request.one("origin")
        return origin is not None and not allowed_origins.may_listen(origin, self.hosts)


def refusal(problem: Problem, trace_id: str) -> bytes:
    """An HTTP response that ends the connection."""
    body = problem_body(problem, trace_id, method="GET", route=PATH)
    headers = {
        "content-type": CONTENT_TYPE,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "connection": "close",
        "sec-websocket-version": WEBSOCKET_VERSION,
        **{name.decode(): value.decode() for name, value in SECURITY_HEADERS},
    }
    if problem.retry_after_s is not None:
        headers["retry-after"] = str(problem.retry_after_s)
    phrase = HTTPStatus(problem.status).phrase
    lines = [f"HTTP/1.1 {problem.status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
