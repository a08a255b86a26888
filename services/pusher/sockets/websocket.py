"""The WebSocket side of the pusher, as a protocol class for uvicorn (`--ws module:LiveProtocol`).

uvicorn parses the HTTP request, sees the upgrade, makes one of these, gives it the transport and
the request as bytes, and from then on the transport is ours. Nothing of ASGI is in the way of a
frame. The engine comes through the app's lifespan state.
"""

from __future__ import annotations

import asyncio
from socket import socket
from typing import Any, cast

from websockets.frames import Opcode

from clarion.errors import Problem
from clarion.lifecycle.uvicorn_internals import Config, ServerState
from clarion.telemetry.trace import new_traceparent, trace_id_of
from services.pusher.feed.states import Link
from services.pusher.metrics import HANDSHAKES
from services.pusher.session.client_frames import read_frame
from services.pusher.session.dispatcher import MAX_WAITING
from services.pusher.session.session import Session
from services.pusher.sockets.connection import Connection
from services.pusher.wire import frames
from services.pusher.wire.close_codes import TOO_MANY_FRAMES, Violation
from services.pusher.wire.frame_reader import Inbound, Received
from services.pusher.wire.handshake import Accepted, Handshake, refusal
from services.pusher.wire.write_buffer import HIGH_WATER_BYTES, LOW_WATER_BYTES, NO_FD

STATE_KEY = "pusher"


class LiveProtocol(Connection):
    """One connection."""

    __slots__ = ("_inbound", "_is_paused")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(app_state[STATE_KEY], cast("set[object]", server_state.connections))
        self._inbound: Inbound | None = None
        self._is_paused = False

    # From the transport

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol`; the first data is the whole upgrade request."""
        if self._session is None:
            self._shake(data)
        elif self._inbound is not None:
            self._session.heard_at = self._engine.clock()
            self._inbound.feed(data)
            self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """As `asyncio.Protocol`."""
        self._inbound = None
        super().connection_lost(exc)

    # From uvicorn

    def shutdown(self) -> None:
        """As `Connection`; what is no session yet has nothing to drain."""
        super().shutdown()
        if self._session is None and self._transport is not None:
            self._transport.close()

    # From the session

    def half_close(self) -> None:
        """As `context.Wire`."""
        self._inbound = None
        self.resume_reading()
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def resume_reading(self) -> None:
        """As `context.Wire`."""
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
            self._read_on()

    # The handshake

    def _shake(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        handshake = None
        try:
            handshake = self._parse(data, transport)
            address = self._address(transport, handshake)
            accepted = self._accept(handshake, address)
            if accepted.is_foreign:
                self._engine.gate.refused_origins.note(
                    handshake.origin, handshake.hosts, "websocket"
                )
            admission = self._engine.admit(accepted, address)
        except Problem as problem:
            HANDSHAKES.labels(problem.code).inc()
            trace_id = handshake.trace_id if handshake else trace_id_of(new_traceparent())
            transport.write(refusal(problem, trace_id))
            transport.close()
            return
        HANDSHAKES.labels("accepted").inc()
        transport.set_write_buffer_limits(HIGH_WATER_BYTES, LOW_WATER_BYTES)
        self._inbound = Inbound(self._engine.settings.max_frame_bytes)
        fd = plain_fd(transport)
        self._session = self._engine.open(self, transport, accepted, admission, address, fd)

    def _parse(self, data: bytes, transport: asyncio.Transport) -> Handshake:
        try:
            return Handshake(data)
        except Problem:
            self._engine.gate.charge_failure(self._address(transport, None))
            raise

    def _accept(self, handshake: Handshake, address: str) -> Accepted:
        """Judged before it is admitted: what is no handshake costs only its address."""
        try:
            handshake.check_path()
            return handshake.accept(
                allowed_origins=self._engine.allowed_origins,
                query_tokens=self._engine.settings.token_in_query,
            )
        except Problem:
            self._engine.gate.charge_failure(address)
            raise

    def _address(self, transport: asyncio.Transport, handshake: Handshake | None) -> str:
        peer = transport.get_extra_info("peername")
        return self._engine.address_of(peer, handshake.forwarded_for if handshake else ())

    # What the peer sends

    def _read_on(self) -> None:
        session = self._session
        while session is not None and self._inbound is not None and not self._is_paused:
            try:
                received = self._inbound.next()
            except Violation as violation:
                self._inbound = None
                session.close(violation.code, broken=True)
                return
            if received is None:
                return
            self._receive(session, received)

    def _receive(self, session: Session, received: Received) -> None:
        if received.opcode is Opcode.CLOSE:
            self._end(session, received.payload)
        elif not session.is_open:
            return
        elif not self._engine.may_send(session):
            session.close(TOO_MANY_FRAMES, broken=True)
        elif received.opcode is Opcode.TEXT:
            frame = read_frame(received.payload)
            if frame is not None:
                self._engine.take(session, frame)
                self._pause_if_busy(session)
        elif received.opcode is Opcode.PING:
            session.write(frames.pong(received.payload))

    def _end(self, session: Session, payload: bytes) -> None:
        session.answer_close(payload)
        self._inbound = None
        if self._transport is not None:
            self._transport.close()

    def _pause_if_busy(self, session: Session) -> None:
        conversation = session.conversation
        if conversation is None or len(conversation.waiting) < MAX_WAITING:
            return
        if self._transport is not None and session.link is not Link.CLOSED:
            self._is_paused = True
            self._transport.pause_reading()


def plain_fd(transport: asyncio.Transport) -> int:
    """The file descriptor of the transport's socket; `NO_FD` where what is written is not what
    goes out, as under TLS."""
    raw = cast("socket | None", transport.get_extra_info("socket"))
    if raw is None or transport.get_extra_info("sslcontext") is not None:
        return NO_FD
    return raw.fileno()
