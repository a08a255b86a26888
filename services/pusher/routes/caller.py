"""The subscriber of a REST call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from clarion.errors import Unauthorized
from clarion.tokens.subscriber import SubscriberToken

if TYPE_CHECKING:
    from services.pusher.engine import Engine

bearer = HTTPBearer(
    scheme_name="subscriber", bearerFormat="JWT", description="A subscriber token", auto_error=False
)


async def subscriber(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> SubscriberToken:
    """The claims of the bearer token; counts one request. Raises `Unauthorized` and `TooMany`."""
    if credentials is None:
        raise Unauthorized("A subscriber token is needed.", code="token_missing")
    engine: Engine = request.app.state.pusher
    claims = await engine.verifier.verify(credentials.credentials)
    engine.quota.charge(request.scope, claims)
    return claims


Subscriber = Annotated[SubscriberToken, Depends(subscriber)]
