"""Immediate notice of keys that are no longer valid (`NOTIFY clarion_keys, '<hex hash>'`).

A broken LISTEN connection looks like a working one: a pooler, a proxy or a lost route may swallow
notifications. So the watch tests itself with a notification that it sends through the pool and must
receive. Without a connection that keeps its session, it polls instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg
import structlog

from clarion.errors import ConfigurationError, StoreUnavailable
from clarion.lifecycle.background import backoff_s
from clarion.records.api_keys import KEYS_CHANNEL
from clarion.store.connecting import Connector
from clarion.store.database import AWAY, Database
from services.gateway.metrics import KEY_WATCH_LOSSES

KNOWN_FOR_S = 60.0
UNWATCHED_FOR_S = 2.0
"""How long a key is trusted while notices may be lost."""

PROVE_EVERY_S = 5.0
PROOF_S = 5.0
ASK_EVERY_S = 1.0
MAX_PAUSE_S = 2.0
OVERLAP = timedelta(seconds=30)
"""How much later a transaction may commit than another that began after it."""

REVOKED = "SELECT hash, revoked_at FROM api_keys WHERE revoked_at > $1"

log = structlog.get_logger("clarion.gateway")


class KeyWatch:
    """Calls `on_change` with an invalidated key, `on_gap` after notices may have been lost."""

    def __init__(
        self,
        database: Database,
        *,
        on_change: Callable[[bytes], None],
        on_gap: Callable[[], None],
        prove_every_s: float = PROVE_EVERY_S,
        proof_s: float = PROOF_S,
    ) -> None:
        self._database = database
        self._on_change = on_change
        self._on_gap = on_gap
        self._prove_every_s = prove_every_s
        self._proof_s = proof_s
        self.is_proven = False
        """Whether notices arrive now."""

    @property
    def known_for_s(self) -> float:
        """How long a lookup may be trusted."""
        return KNOWN_FOR_S if self.is_proven else UNWATCHED_FOR_S

    async def run(self) -> None:
        """Watch until cancelled; reconnect when the connection is lost."""
        failures = 0
        while True:
            try:
                connector = self._database.listener("clarion-gateway-keys")
                await (self._ask() if connector is None else self._listen(connector))
            except (*AWAY, asyncpg.PostgresError, StoreUnavailable, ConfigurationError) as error:
                failures = 1 if self.is_proven else failures + 1
                self._lose(error)
            finally:
                self.is_proven = False
            await asyncio.sleep(min(backoff_s(failures), MAX_PAUSE_S))

    def _lose(self, error: BaseException) -> None:
        KEY_WATCH_LOSSES.inc()
        log.warning(
            "key_watch_lost",
            error=type(error).__name__,
            sqlstate=getattr(error, "sqlstate", None),
            known_for_s=UNWATCHED_FOR_S,
        )

    def _prove(self) -> None:
        if not self.is_proven:
            self._on_gap()
            self.is_proven = True
            log.info("key_watch_proven")

    async def _listen(self, connector: Connector) -> None:
        connection = await connector.connect()
        channel = f"clarion_watch_{uuid4().hex}"
        received, lost = asyncio.Event(), asyncio.Event()
        try:
            connection.add_termination_listener(_setting(lost))
            await connection.add_listener(KEYS_CHANNEL, self._on_notice)
            await connection.add_listener(channel, _setting(received))
            while True:
                received.clear()
                await self._notify(channel)
                async with asyncio.timeout(self._proof_s):
                    await received.wait()
                self._prove()
                if await _is_set(lost, self._prove_every_s):
                    raise ConnectionError("The connection has ended.")
        finally:
            connection.terminate()

    async def _notify(self, channel: str) -> None:
        async with self._database.driver() as tx:
            await tx.execute(f"NOTIFY {channel}")

    def _on_notice(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            self._on_change(bytes.fromhex(str(payload)))
        except ValueError:
            self._on_gap()

    async def _ask(self) -> None:
        async with self._database.driver() as tx:
            since: datetime = await tx.fetchval("SELECT now()")
        seen: set[tuple[bytes, datetime]] = set()
        while True:
            async with self._database.driver() as tx:
                rows = await tx.fetch(REVOKED, since - OVERLAP)
            ended = {(bytes(row["hash"]), row["revoked_at"]) for row in rows}
            for digest, _ in ended - seen:
                self._on_change(digest)
            since = max([since, *(at for _, at in ended)])
            seen = ended
            self._prove()
            await asyncio.sleep(ASK_EVERY_S)


def _setting(happened: asyncio.Event) -> Callable[..., None]:
    def callback(*_: object) -> None:
        happened.set()

    return callback


async def _is_set(happened: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            return await happened.wait()
    except TimeoutError:
        return False
