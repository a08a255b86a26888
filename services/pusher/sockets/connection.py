"""The common part of a WebSocket and an event stream: passes the callbacks of the transport to the
session, and the end of the session to the transport.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from services.pusher.engine import Engine
    from services.pusher.session.session import Session


class SessionConnection(asyncio.Protocol):
    """A connection in uvicorn's `connections` that uvicorn no longer handles."""

    __slots__ = ("_connections", "_engine", "_session", "_transport")

    def __init__(self, engine: Engine, connections: set[object]) -> None:
        self._engine = engine
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def eof_received(self) -> bool | None:
        """The peer has ended: the transport closes once our data is written."""
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """As `asyncio.Protocol`."""
        self._connections.discard(self)
        self._transport = None
        if self._session is not None:
            self._session.on_connection_lost()

    def pause_writing(self) -> None:
        """As `asyncio.Protocol`."""
        if self._session is not None:
            self._session.on_writing_paused()

    def resume_writing(self) -> None:
        """As `asyncio.Protocol`."""
        if self._session is not None:
            self._session.on_writing_resumed()

    def shutdown(self) -> None:
        """uvicorn stops: the first call begins the drain of all sessions."""
        self._engine.drain.begin()

    def abort(self) -> None:
        """As `SessionTransport`."""
        if self._transport is not None:
            self._transport.abort()
