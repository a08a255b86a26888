"""Subscriber tokens and tickets in a request."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

BEARER_SUBPROTOCOL = "bearer."


def token_in_header(authorization: str | None) -> str | None:
    """The token of `Authorization: Bearer ...`."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def token_in_subprotocols(offered: Sequence[str]) -> str | None:
    """The token of `Sec-WebSocket-Protocol: clarion.v1, bearer.<token>`."""
    for value in offered:
        if value.startswith(BEARER_SUBPROTOCOL):
            return value.removeprefix(BEARER_SUBPROTOCOL)
    return None


def value_in_query(query: str, name: str) -> str | None:
    """The token of `?token=`, the ticket of `?ticket=`."""
    if name not in query:
        return None
    return next(iter(parse_qs(query, keep_blank_values=True).get(name, ())), None)
