"""The WebSocket of the pusher, as a protocol class for uvicorn (`--ws module:LiveProtocol`).

For an upgrade request uvicorn creates a `LiveProtocol` and passes it the transport and the request
as bytes; from then on the transport is ours, and no frame goes through ASGI. The engine is found in
the lifespan state of the app.
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
from services.pusher.session.dispatcher import MAX_PENDING
from services.pusher.session.session import Session
from services.pusher.sockets.connection import SessionConnection
from services.pusher.wire import frames
from services.pusher.wire.close_codes import TOO_MANY_FRAMES, Violation
from services.pusher.wire.frame_reader import FrameReader, ReceivedFrame
from services.pusher.wire.handshake import AcceptedHandshake, Handshake, refusal
from services.pusher.wire.write_buffer import HIGH_WATER_BYTES, LOW_WATER_BYTES, NO_FD

STATE_KEY = "pusher"


class LiveProtocol(SessionConnection):
    __slots__ = ("_is_paused", "_reader")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(app_state[STATE_KEY], cast("set[object]", server_state.connections))
        self._reader: FrameReader | None = None
        self._is_paused = False

    # From the transport

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol`; the first call has the whole upgrade request."""
        if self._session is None:
            self._handle_handshake(data)
        elif self._reader is not None:
            self._session.deadlines.on_received(self._engine.clock())
            self._reader.feed(data)
            self._read_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        """As `asyncio.Protocol`."""
        self._reader = None
        super().connection_lost(exc)

    # From uvicorn

    def shutdown(self) -> None:
        """As `SessionConnection`; closes a connection without a session."""
        super().shutdown()
        if self._session is None and self._transport is not None:
            self._transport.close()

    # From the session

    def half_close(self) -> None:
        """As `SessionTransport`."""
        self._reader = None
        self.resume_reading()
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def resume_reading(self) -> None:
        """As `SessionTransport`."""
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
            self._read_frames()

    # The handshake

    def _handle_handshake(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        handshake = None
        try:
            handshake = self._parse(data, transport)
            address = self._address(transport, handshake)
            accepted = self._accept(handshake, address)
            if accepted.is_foreign:
                self._engine.handshake_gate.refused_origins.note(
                    handshake.origin, handshake.hosts, "websocket"
                )
            admission = self._engine.capacity.check_handshake(accepted, address)
        except Problem as problem:
            HANDSHAKES.labels(problem.code).inc()
            trace_id = handshake.trace_id if handshake else trace_id_of(new_traceparent())
            transport.write(refusal(problem, trace_id))
            transport.close()
            return
        HANDSHAKES.labels("accepted").inc()
        transport.set_write_buffer_limits(HIGH_WATER_BYTES, LOW_WATER_BYTES)
        self._reader = FrameReader(self._engine.settings.max_frame_bytes)
        fd = plain_fd(transport)
        self._session = self._engine.open(self, transport, accepted, admission, address, fd)

    def _parse(self, data: bytes, transport: asyncio.Transport) -> Handshake:
        try:
            return Handshake(data)
        except Problem:
            self._engine.handshake_gate.charge_failure(self._address(transport, None))
            raise

    def _accept(self, handshake: Handshake, address: str) -> AcceptedHandshake:
        # Before `check_handshake`: an invalid handshake is charged to its address only
        try:
            handshake.check_path()
            return handshake.accept(
                allowed_origins=self._engine.allowed_origins,
                query_tokens=self._engine.settings.token_in_query,
            )
        except Problem:
            self._engine.handshake_gate.charge_failure(address)
            raise

    def _address(self, transport: asyncio.Transport, handshake: Handshake | None) -> str:
        peer = transport.get_extra_info("peername")
        return self._engine.address_of(peer, handshake.forwarded_for if handshake else ())

    # What the peer sends

    def _read_frames(self) -> None:
        session = self._session
        while session is not None and self._reader is not None and not self._is_paused:
            try:
                received = self._reader.next()
            except Violation as violation:
                self._reader = None
                session.close(violation.code, broken=True)
                return
            if received is None:
                return
            self._handle_frame(session, received)

    def _handle_frame(self, session: Session, received: ReceivedFrame) -> None:
        if received.opcode is Opcode.CLOSE:
            self._handle_close(session, received.payload)
        elif not session.is_open:
            return
        elif not self._engine.take_frame_quota(session):
            session.close(TOO_MANY_FRAMES, broken=True)
        elif received.opcode is Opcode.TEXT:
            frame = read_frame(received.payload)
            if frame is not None:
                self._engine.dispatch(session, frame)
                self._pause_if_busy(session)
        elif received.opcode is Opcode.PING:
            session.write(frames.pong(received.payload))

    def _handle_close(self, session: Session, payload: bytes) -> None:
        session.answer_close(payload)
        self._reader = None
        if self._transport is not None:
            self._transport.close()

    def _pause_if_busy(self, session: Session) -> None:
        queue = session.work_queue
        if queue is None or len(queue.pending) < MAX_PENDING:
            return
        if self._transport is not None and session.link is not Link.CLOSED:
            self._is_paused = True
            self._transport.pause_reading()


def plain_fd(transport: asyncio.Transport) -> int:
    """The file descriptor of the transport's socket; `NO_FD` where writes are transformed, as by
    TLS."""
    raw = cast("socket | None", transport.get_extra_info("socket"))
    if raw is None or transport.get_extra_info("sslcontext") is not None:
        return NO_FD
    return raw.fileno()
