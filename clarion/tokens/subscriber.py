"""Subscriber tokens: short-lived JWTs that open one subscriber's feed in one tenant.

The algorithm is fixed by the key, never by the token: HS256 for the shared secret, RS256, ES256 or
EdDSA for the keys of a JWKS. `aud`, `exp`, `sub` and `tenant` are required; headers that point
to keys (`jku`, `x5u`, `jwk`) are ignored.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import jwt
import msgspec
from msgspec import Meta, Struct

from clarion.contracts.ids import SUBSCRIBER_ID_PATTERN, new_id
from clarion.errors import ConfigurationError, Unauthorized
from clarion.tokens.hs256 import BadSignature, signed_payload

AUDIENCE = "clarion"
MIN_SECRET_BYTES = 32
MAX_TOKEN_CHARACTERS = 8192
CLOCK_SKEW_S = 60.0
INVALID = "token_invalid"
"""How far in the future `iat` and `nbf` may lie: clocks of two machines differ."""
MAX_LIFE_S = 366 * 86_400.0
"""From `iat` (from now, where there is none) to `exp`: so long a revocation has to be kept."""

Clock = Callable[[], float]
Identifier = Annotated[str, Meta(pattern=SUBSCRIBER_ID_PATTERN)]


@dataclass(frozen=True, slots=True)
class SubscriberToken:
    """What a verified token says; times are epoch seconds, `issued_at` 0 where it does not say."""

    tenant: str
    subscriber: str
    issued_at: float
    expires_at: float
    jti: str | None
    publish: tuple[str, ...]


class TokenVerifier(Protocol):
    """Tells a token that holds from one that does not."""

    async def verify(self, token: str) -> SubscriberToken:
        """What the token says. Raises `Unauthorized` with the code `token_missing`,
        `token_invalid` or `token_expired`, and `Unavailable` where the keys to judge it by
        could not be fetched."""
        ...

    def verify_now(self, token: str) -> SubscriberToken | None:
        """As `verify`; `None` where the keys to judge it by may have to be fetched first."""
        ...


class Claims(Struct, frozen=True):
    """The claims that Clarion reads; others are allowed and ignored."""

    sub: Identifier
    tenant: Identifier
    exp: float
    iat: float = 0.0
    nbf: float = 0.0
    jti: Annotated[str, Meta(max_length=256)] | None = None
    publish: Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=100)] = []


class SignedClaims(Claims, frozen=True, kw_only=True):
    """With those that PyJWT judges where it reads a token."""

    aud: str | list[str]


class SecretVerifier:
    """HS256 with a secret shared with the gateway, or the one that it had before."""

    def __init__(
        self, secret: str, previous: str | None = None, *, clock: Clock = time.time
    ) -> None:
        self._key = checked_secret(secret)
        self._previous = checked_secret(previous) if previous else None
        self._clock = clock

    async def verify(self, token: str) -> SubscriberToken:
        """As `TokenVerifier.verify`."""
        return self.verify_now(token)

    def verify_now(self, token: str) -> SubscriberToken:
        """As `verify`: nothing is ever fetched."""
        try:
            return self._verify(token, self._key)
        except Unauthorized as refusal:
            if self._previous is None or refusal.code != INVALID:
                raise
        return self._verify(token, self._previous)

    def _verify(self, token: str, key: bytes) -> SubscriberToken:
        now = self._clock()
        try:
            payload = signed_payload(present(token), key)
        except (BadSignature, UnicodeEncodeError) as error:
            raise refused() from error
        if payload is None:
            return read_token(token, key, "HS256", now)
        return read_payload(payload, now)


def read_token(token: str, key: Any, algorithm: str, now: float) -> SubscriberToken:
    """Check signature and claims at the time `now`. Raises `Unauthorized`."""
    try:
        payload = jwt.decode(
            present(token),
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            options={
                "require": ["exp", "aud", "sub"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        claims = msgspec.convert(payload, Claims)
    except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError) as error:
        raise refused() from error
    return _current(claims, now)


def read_payload(payload: dict[str, Any], now: float) -> SubscriberToken:
    """As `read_token`, where the signature has been checked. Raises `Unauthorized`."""
    try:
        claims = msgspec.convert(payload, SignedClaims)
    except (msgspec.ValidationError, ValueError) as error:
        raise refused() from error
    audience = claims.aud
    if AUDIENCE not in (audience if isinstance(audience, list) else (audience,)):
        raise refused()
    if claims.jti is None and "jti" in payload:
        raise refused()
    return _current(claims, now)


def present(token: str) -> str:
    """The token, if there is one of a sane length. Raises `Unauthorized`."""
    if not token:
        raise Unauthorized("A subscriber token is needed.", code="token_missing")
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise refused()
    return token


def refused() -> Unauthorized:
    """One answer for whatever is wrong with a token: it tells a forger nothing."""
    return Unauthorized("The token is not valid here.", code=INVALID)


def _current(claims: Claims, now: float) -> SubscriberToken:
    if not all(map(math.isfinite, (claims.exp, claims.iat, claims.nbf))):
        raise refused()
    if max(claims.iat, claims.nbf) > now + CLOCK_SKEW_S:
        raise refused()
    if claims.exp - (claims.iat or now) > MAX_LIFE_S:
        raise refused()
    if claims.exp <= now:
        raise Unauthorized("The token has expired; ask for a new one.", code="token_expired")
    return SubscriberToken(
        tenant=claims.tenant,
        subscriber=claims.sub,
        issued_at=claims.iat,
        expires_at=claims.exp,
        jti=claims.jti,
        publish=tuple(claims.publish),
    )


def mint_token(
    secret: str,
    *,
    tenant: str,
    subscriber: str,
    ttl_s: int,
    publish: Sequence[str] = (),
    now: float | None = None,
) -> tuple[str, datetime]:
    """A new token and when it ends, `ttl_s` seconds after `now`. `iat` has microseconds: a token
    of the very second of a revocation is distinguished from older ones."""
    issued_at = round(time.time() if now is None else now, 6)
    ends_at = int(issued_at) + ttl_s
    claims: dict[str, object] = {
        "aud": AUDIENCE,
        "sub": subscriber,
        "tenant": tenant,
        "iat": issued_at,
        "exp": ends_at,
        "jti": new_id(),
    }
    if publish:
        claims["publish"] = list(publish)
    token = jwt.encode(claims, checked_secret(secret), algorithm="HS256")
    return token, datetime.fromtimestamp(ends_at, UTC)


def checked_secret(secret: str) -> bytes:
    """The secret as a key. Raises `ConfigurationError` where it is too short to hold."""
    key = secret.encode()
    if len(key) < MIN_SECRET_BYTES:
        raise ConfigurationError(
            f"CLARION_TOKEN_SECRET: give at least {MIN_SECRET_BYTES} bytes, such as the output "
            "of: openssl rand -hex 32"
        )
    try:
        return jwt.get_algorithm_by_name("HS256").prepare_key(key)
    except jwt.InvalidKeyError as error:
        raise ConfigurationError(
            "CLARION_TOKEN_SECRET: this is a public key, a certificate or a JWK, which others may "
            "know; give a secret."
        ) from error
