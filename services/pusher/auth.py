"""Where a subscriber token may stand, and whom it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from clarion.errors import Unauthorized
from clarion.tokens.subscriber import SubscriberToken

if TYPE_CHECKING:
    from services.pusher.engine import Engine

BEARER_SUBPROTOCOL = "bearer."

bearer = HTTPBearer(
    scheme_name="subscriber", bearerFormat="JWT", description="A subscriber token", auto_error=False
)


def token_in_header(authorization: str | None) -> str | None:
    """The token of `Authorization: Bearer ...`."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def token_in_subprotocols(offered: Sequence[str]) -> str | None:
    """The token of `Sec-WebSocket-Protocol: clarion.v1, bearer.<token>`."""
    for one in offered:
        if one.startswith(BEARER_SUBPROTOCOL):
            return one.removeprefix(BEARER_SUBPROTOCOL)
    return None


def value_in_query(query: str, name: str) -> str | None:
    """The token of `?token=`, the ticket of `?ticket=`."""
    if name not in query:
        return None
    return next(iter(parse_qs(query, keep_blank_values=True).get(name, ())), None)


async def subscriber(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> SubscriberToken:
    """Whose inbox a request is about; it counts as one of the subscriber's. Raises `Unauthorized`,
    and `TooMany` where the subscriber has made as many as one may."""
    if credentials is None:
        raise Unauthorized("A subscriber token is needed.", code="token_missing")
    engine: Engine = request.app.state.pusher
    said = await engine.verifier.verify(credentials.credentials)
    engine.quota.charge(request.scope, said)
    return said


Subscriber = Annotated[SubscriberToken, Depends(subscriber)]
