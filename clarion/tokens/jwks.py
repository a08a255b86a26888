"""Tokens signed by somebody else: public keys from a JWKS address.

Keys are cached; old and new ones are valid side by side while the issuer rotates. A token with an
unknown `kid` causes at most one fetch in `MIN_FETCH_INTERVAL_S`: a forger cannot make us flood the
issuer. Where the issuer is away, known keys go on being used for `MAX_STALE_S`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt
import msgspec
import structlog

from clarion.errors import ConfigurationError, Unavailable
from clarion.tokens.hs256 import is_plain
from clarion.tokens.subscriber import (
    Clock,
    SecretVerifier,
    SubscriberToken,
    TokenVerifier,
    present,
    read_token,
    refused,
)

MAX_AGE_S = 300.0
MAX_STALE_S = 3600.0
MIN_FETCH_INTERVAL_S = 30.0
FETCH_TIMEOUT_S = 5.0
MAX_DOCUMENT_BYTES = 256 * 1024
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

log = structlog.get_logger("clarion.tokens")


class JwksVerifier:
    """Verifies by the keys found at `url`. Nothing is fetched before the first token."""

    def __init__(self, url: str, *, clock: Clock = time.time) -> None:
        self._url = checked_url(url)
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def verify(self, token: str) -> SubscriberToken:
        """As `TokenVerifier.verify`."""
        key = await self._key_for(key_id_of(token))
        return read_token(token, key.key, key.algorithm_name, self._clock())

    def verify_now(self, token: str) -> None:
        """As `TokenVerifier.verify_now`: never at once."""

    async def _key_for(self, kid: str | None) -> jwt.PyJWK:
        key = self._pick(kid)
        if key is None or self._age() > MAX_AGE_S:
            await self._refresh()
            key = self._pick(kid)
        if self._age() > MAX_STALE_S:
            raise Unavailable(
                "The keys that tokens are checked by cannot be fetched now.",
                code="token_keys_unavailable",
                retry_after_s=int(MIN_FETCH_INTERVAL_S),
            )
        if key is None:
            raise refused()
        return key

    def _pick(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self) -> None:
        async with self._fetching:
            if self._clock() - self._tried_at < MIN_FETCH_INTERVAL_S:
                return
            self._tried_at = self._clock()
            try:
                self._keys = usable_keys(await fetch(self._url))
                self._fetched_at = self._clock()
            except (httpx2.HTTPError, TimeoutError, ValueError) as error:
                log.warning("jwks_fetch_failed", error=type(error).__name__)


class EitherVerifier:
    """A token that names a key (`kid`) goes to the JWKS, any other to the secret."""

    def __init__(self, secret: SecretVerifier, keys: JwksVerifier) -> None:
        self._secret = secret
        self._keys = keys

    async def verify(self, token: str) -> SubscriberToken:
        """As `TokenVerifier.verify`."""
        chosen = self._secret if key_id_of(token) is None else self._keys
        return await chosen.verify(token)

    def verify_now(self, token: str) -> SubscriberToken | None:
        """As `TokenVerifier.verify_now`: at once where the token is of Clarion's own form."""
        return self._secret.verify_now(token) if is_plain(token) else None


def open_verifier(
    *, secret: str | None, jwks_url: str | None, previous: str | None = None
) -> TokenVerifier:
    """The verifier that the settings ask for. Raises `ConfigurationError` where there is none."""
    if secret and jwks_url:
        return EitherVerifier(SecretVerifier(secret, previous), JwksVerifier(jwks_url))
    if jwks_url:
        return JwksVerifier(jwks_url)
    if secret:
        return SecretVerifier(secret, previous)
    raise ConfigurationError(
        "Set CLARION_TOKEN_SECRET (at least 32 bytes) or CLARION_TOKEN_JWKS_URL: "
        "without one no subscriber token can be checked."
    )


def key_id_of(token: str) -> str | None:
    """The `kid` in the token's header. Raises `Unauthorized` where it is no token."""
    try:
        kid = jwt.get_unverified_header(present(token)).get("kid")
    except jwt.InvalidTokenError as error:
        raise refused() from error
    return kid if isinstance(kid, str) else None


def checked_url(url: str) -> str:
    """`url`, if it is https or stays on this machine. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    loopback = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
    if not parts.hostname or not (parts.scheme == "https" or loopback):
        raise ConfigurationError(
            "CLARION_TOKEN_JWKS_URL: write an https:// address (http:// on this machine only)."
        )
    return url


async def fetch(url: str) -> bytes:
    """The document at `url`. Raises `TimeoutError`, `httpx2.HTTPError` or `ValueError`."""
    body = bytearray()
    async with (
        asyncio.timeout(FETCH_TIMEOUT_S),
        httpx2.AsyncClient(timeout=FETCH_TIMEOUT_S, follow_redirects=False) as client,
        client.stream("GET", url) as response,
    ):
        if response.status_code != HTTPStatus.OK:
            raise ValueError("the answer is not 200")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise ValueError("the document is too large")
    return bytes(body)


def usable_keys(document: bytes) -> dict[str, jwt.PyJWK]:
    """The signing keys by `kid`; what we cannot or must not use is left out.

    Raises `ValueError` where it is no key set.
    """
    found = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    if not isinstance(found, list):
        raise ValueError("there is no list of keys")
    keys: dict[str, jwt.PyJWK] = {}
    for entry in msgspec.convert(found, list[dict[str, Any]]):
        key = _usable(entry)
        if key is not None:
            keys[str(entry.get("kid", ""))] = key
    return keys


def _usable(entry: dict[str, Any]) -> jwt.PyJWK | None:
    if entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
        return None
    try:
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if key.algorithm_name in ALGORITHMS else None
