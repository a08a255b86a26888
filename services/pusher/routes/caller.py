"""Whose inbox a REST call is about."""

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
    """Whose inbox a request is about; it counts as one of the subscriber's. Raises `Unauthorized`,
    and `TooMany` where the subscriber has made as many as one may."""
    if credentials is None:
        raise Unauthorized("A subscriber token is needed.", code="token_missing")
    engine: Engine = request.app.state.pusher
    claims = await engine.verifier.verify(credentials.credentials)
    engine.quota.charge(request.scope, claims)
    return claims


Subscriber = Annotated[SubscriberToken, Depends(subscriber)]
