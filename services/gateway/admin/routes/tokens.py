"""Subscriber tokens, used by browsers at the pusher."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from clarion.contracts.announcement import feed_key
from clarion.errors import Conflict
from clarion.http.problems import problem_responses
from clarion.tokens.subscriber import mint_token
from clarion.topology import shard_of
from services.gateway.admin.access import Deps, TokenWriter
from services.gateway.admin.directory.schemas import Token, TokenBody

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])


@router.post(
    "",
    status_code=201,
    response_model=Token,
    response_model_exclude_unset=True,
    responses=problem_responses(400, 401, 403, 409, 413, 415, 422, 503),
    summary="Mint a token that opens one subscriber's feed",
)
async def post_token(body: TokenBody, deps: Deps, key: TokenWriter) -> dict[str, Any]:
    """409 `tokens_signed_elsewhere` if the installation trusts a JWKS instead of a secret."""
    secret = deps.settings.token_secret
    if secret is None:
        raise Conflict(
            "Tokens are signed elsewhere: this installation has no CLARION_TOKEN_SECRET.",
            code="tokens_signed_elsewhere",
        )
    token, expires_at = mint_token(
        secret,
        tenant=key.tenant,
        subscriber=body.subscriber,
        ttl_s=body.ttl_s or deps.settings.token_ttl_s,
        publish=body.publish,
    )
    deps.minted.note(key, body.subscriber, expires_at, list(body.publish))
    shards = deps.settings.live_shards
    placed = {"shard": shard_of(feed_key(key.tenant, body.subscriber), shards)}
    return {"token": token, "expires_at": expires_at} | (placed if shards > 1 else {})
