"""Authentication: `Authorization: Bearer <API key>` only, never in a URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from starlette.types import Scope

from clarion.errors import Forbidden, StoreUnavailable, Unauthorized
from clarion.store.database import Database
from clarion.tokens.api_keys import SCOPES, ApiKey, hash_api_key, is_api_key
from services.gateway.front.bad_keys import BadKeys
from services.gateway.front.key_cache import KeyCache, KeyRecord
from services.gateway.front.key_lookup import KeyLookup
from services.gateway.front.key_watch import KeyWatch
from services.gateway.metrics import KEY_LOOKUPS

DEFAULT_TENANT = "default"
GIVEN_KEY_ID = "environment"

Clock = Callable[[], float]


class Authenticator:
    """Turns an `Authorization` header into a key. Keys are compared by their SHA-256 only.

    While the database is unavailable, cached keys keep working; an unknown one raises
    `StoreUnavailable`.
    """

    def __init__(
        self,
        database: Database,
        given_key: str | None,
        bad_keys: BadKeys | None = None,
        *,
        own_keys: Mapping[str, ApiKey] | None = None,
        clock: Clock = time.time,
    ) -> None:
        """`given_key` is `CLARION_API_KEY`: tenant `default`, every scope, no expiry. `own_keys`
        are valid while this process runs."""
        self._bad_keys = bad_keys or BadKeys()
        self._cache = KeyCache()
        self._lookup = KeyLookup(database, lambda: self._cache.changes)
        self._clock = clock
        self._given = {hash_api_key(text): key for text, key in (own_keys or {}).items()}
        if given_key:
            self._given[hash_api_key(given_key)] = ApiKey(
                GIVEN_KEY_ID, DEFAULT_TENANT, "CLARION_API_KEY", frozenset(SCOPES)
            )
        self.watch = KeyWatch(database, on_change=self._cache.drop, on_gap=self._cache.distrust)

    async def identify(self, scope: Scope, authorization: bytes | None) -> ApiKey:
        """`authenticate` a request and count bad keys by its address. Also raises `TooMany`
        (`too_many_bad_keys`)."""
        try:
            digest = hash_api_key(_bearer(authorization))
            return self._remembered(digest) or await self.authenticate(
                authorization, before_busy_lookup=lambda: self._bad_keys.refuse_flood(scope)
            )
        except Unauthorized as refusal:
            self._bad_keys.count(scope, refusal.code)
            raise

    async def authenticate(
        self, authorization: bytes | None, *, before_busy_lookup: Callable[[], None] = lambda: None
    ) -> ApiKey:
        """Return the key. Raises `Unauthorized` (`key_missing`, `key_invalid`, `key_expired`) or
        `StoreUnavailable`. `before_busy_lookup` may refuse a key not yet known to be valid."""
        text = _bearer(authorization)
        digest = hash_api_key(text)
        remembered = self._remembered(digest)
        if remembered is not None:
            return remembered
        now = self._clock()
        if not is_api_key(text) or self._cache.is_unknown(digest, now):
            raise _invalid()
        if self._lookup.is_busy and self._cache.stale(digest) is None:
            before_busy_lookup()
        record = await self._look_up(digest)
        if record is None:
            raise _invalid()
        return _current(record, now)

    def _remembered(self, digest: bytes) -> ApiKey | None:
        """The key, if it is known without a query. Raises `Unauthorized` (`key_expired`)."""
        given = self._given.get(digest)
        if given is not None:
            return given
        now = self._clock()
        record = self._cache.fresh(digest, now, self.watch.known_for_s)
        return None if record is None else _current(record, now)

    async def _look_up(self, digest: bytes) -> KeyRecord | None:
        try:
            found = await self._lookup.find(digest)
            if found.generation != self._cache.changes:
                # the query began before a change, perhaps before this call: repeat it
                found = await self._lookup.find(digest)
        except StoreUnavailable:
            KEY_LOOKUPS.labels("unavailable").inc()
            stale = self._cache.stale(digest)
            if stale is None:
                raise
            return stale
        KEY_LOOKUPS.labels("unknown" if found.record is None else "known").inc()
        if found.generation == self._cache.changes:
            self._cache.learn(digest, found.record, self._clock())
        return found.record


def is_from_settings(key: ApiKey) -> bool:
    """Whether this is `CLARION_API_KEY`, the key of the installation's operator."""
    return key.id == GIVEN_KEY_ID


def require_scope(key: ApiKey, scope: str) -> None:
    """Raises `Forbidden` (`missing_scope`) with the name of the scope."""
    if scope not in key.scopes:
        raise Forbidden(f"This key does not have the scope {scope}.", code="missing_scope")


def _current(record: KeyRecord, now: float) -> ApiKey:
    if record.expires_at is not None and record.expires_at <= now:
        raise Unauthorized("The API key has expired.", code="key_expired")
    return record.key


def _bearer(authorization: bytes | None) -> str:
    if authorization is None:
        raise Unauthorized(
            "An API key is required: Authorization: Bearer clr_...", code="key_missing"
        )
    scheme, _, credential = authorization.partition(b" ")
    text = credential.strip().decode("latin-1")
    if scheme.lower() != b"bearer" or not text:
        raise Unauthorized(
            "An API key is required: Authorization: Bearer clr_...", code="key_missing"
        )
    return text


def _invalid() -> Unauthorized:
    return Unauthorized("The API key is not valid.", code="key_invalid")
