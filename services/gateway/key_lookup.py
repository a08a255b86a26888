"""Keys in the database: looked up in groups, and heard of when they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import asyncpg
import structlog
from sqlalchemy import select

from clarion.errors import Problem, StoreUnavailable
from clarion.lifecycle.background import backoff_s
from clarion.store.database import AWAY, Database
from clarion.store.tables import api_keys
from clarion.tokens.api_keys import ApiKey
from services.gateway.key_cache import KeyRecord

CHANNEL = "clarion_keys"
MAX_WAITING = 2_000
MAX_GROUP = 500
BUSY_WAITING = 100
PING_EVERY_S = 15.0

log = structlog.get_logger("clarion.gateway")

Answer = asyncio.Future[KeyRecord | Problem | None]


class KeyLookup:
    """At most one query at a time; what is asked meanwhile shares the next. However many unknown
    keys are tried, the database sees one small query after another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[bytes, Answer] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether many keys wait for the database."""
        return len(self._waiting) >= BUSY_WAITING

    async def find(self, digest: bytes) -> KeyRecord | None:
        """The key with this hash unless it was revoked. Raises `StoreUnavailable`."""
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
                result = await self._query(group)
                for digest in group:
                    found = result.get(digest) if isinstance(result, dict) else result
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
            async with self._database.transaction() as connection:
                rows = (await connection.execute(statement)).all()
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
            for row in rows
        }


class KeyWatch:
    """Hears at once of keys that were made or revoked (`NOTIFY clarion_keys, '<hex hash>'`)."""

    def __init__(
        self, url: str, *, on_change: Callable[[bytes], None], on_gap: Callable[[], None]
    ) -> None:
        """`on_gap` is called whenever something may have gone unheard."""
        self._url = url
        self._on_change = on_change
        self._on_gap = on_gap

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is made again."""
        failures = 0
        while True:
            try:
                await self._listen()
            except (*AWAY, asyncpg.PostgresError) as error:
                failures += 1
                log.warning("key_watch_lost", error=type(error).__name__)
            await asyncio.sleep(backoff_s(failures))

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._url, timeout=5, server_settings={"application_name": "clarion-gateway-keys"}
        )
        try:
            await connection.add_listener(CHANNEL, self._heard)
            self._on_gap()
            while True:
                await asyncio.sleep(PING_EVERY_S)
                await connection.execute("SELECT 1", timeout=5)
        finally:
            connection.terminate()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            self._on_change(bytes.fromhex(str(payload)))
        except ValueError:
            self._on_gap()
