"""Keys in the database, looked up in groups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import select

from clarion.errors import Problem, StoreUnavailable
from clarion.store.database import Database
from clarion.store.tables import api_keys
from clarion.tokens.api_keys import ApiKey
from services.gateway.front.key_cache import KeyRecord

MAX_WAITING = 2_000
MAX_GROUP = 500
BUSY_WAITING = 100

log = structlog.get_logger("clarion.gateway")

Generation = Callable[[], int]


class Found(NamedTuple):
    """The result of a query; `generation` is from before the query."""

    record: KeyRecord | None
    generation: int


Answer = asyncio.Future[Found | Problem]


class KeyLookup:
    """At most one query at a time; lookups during it share the next. However many unknown keys are
    tried, the database gets one small query after another."""

    def __init__(self, database: Database, generation: Generation) -> None:
        """`generation` grows whenever a pending answer may be out of date."""
        self._database = database
        self._generation = generation
        self._waiting: dict[bytes, Answer] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether many keys wait for the database."""
        return len(self._waiting) >= BUSY_WAITING

    async def find(self, digest: bytes) -> Found:
        """The key with this hash unless revoked. Raises `StoreUnavailable`.

        The answer may come from the earlier query of another caller.
        """
        answer = self._waiting.get(digest)
        if answer is None:
            if len(self._waiting) >= MAX_WAITING:
                raise StoreUnavailable("Too many unknown keys are being looked up.")
            answer = self._waiting[digest] = asyncio.get_running_loop().create_future()
            if self._task is None:
                self._task = asyncio.create_task(self._run())
        found = await asyncio.shield(answer)
        if isinstance(found, Problem):
            raise StoreUnavailable("The key cannot be looked up now.") from found
        return found

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = list(self._waiting)[:MAX_GROUP]
                generation = self._generation()
                result = await self._query(group)
                for digest in group:
                    found = (
                        Found(result.get(digest), generation)
                        if isinstance(result, dict)
                        else result
                    )
                    self._waiting.pop(digest).set_result(found)
        finally:
            self._task = None

    async def _query(self, digests: Sequence[bytes]) -> dict[bytes, KeyRecord] | Problem:
        columns = api_keys.c
        statement = select(
            columns.hash,
            columns.id,
            columns.tenant,
            columns.name,
            columns.scopes,
            columns.expires_at,
        ).where(columns.hash.in_(digests), columns.revoked_at.is_(None))
        try:
            found = await self._database.run_core(lambda connection: connection.execute(statement))
        except Problem as problem:
            return problem
        except Exception:
            log.exception("key_lookup_broke")
            return StoreUnavailable("The key cannot be looked up now.")
        return {
            bytes(row.hash): KeyRecord(
                ApiKey(str(row.id), row.tenant, row.name, frozenset(row.scopes)),
                row.expires_at.timestamp() if row.expires_at else None,
            )
            for row in found.all()
        }
