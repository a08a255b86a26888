"""HTTP as uvicorn speaks it, with a bound on what it keeps of a request before the app sees it.

Its parser has none: a head, a trailer or the line of a chunk that never ends would be kept without
a limit, and so would a connection whose head or body never comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar, cast

from starlette.types import Receive, Scope, Send

from clarion.errors import BadRequest, Problem, TooSlow
from clarion.http.problems import (
    CONTENT_TYPE,
    OtherProblem,
    problem_body,
    problem_response,
    status_of,
)
from clarion.lifecycle.http_1_0 import VersionedHttp
from clarion.telemetry.trace import continue_trace, trace_id_of

MAX_KEPT_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 30.0
PACE_WINDOW_S = 5.0
MIN_BODY_BYTES_PER_S = 4 * 1024
"""In each window of `PACE_WINDOW_S` so much of a body must arrive, on the average of the window."""
LATE_S = 1.0
"""A timer that is later than this means that we are slow, not the client."""
CONNECTION = "clarion.connection"
NO_HTTP = BadRequest("This is not HTTP.")
HEAD_TOO_LATE = OtherProblem(408, "The head of the request did not arrive in time.")
HEAD_TOO_LARGE = OtherProblem(431, "The head of the request is too large.")

Taker = TypeVar("Taker", bound=asyncio.Protocol)
Make = Callable[[asyncio.Transport, set[object]], Taker]


class ConnectionTaken(Exception):
    """Ends a request for the server: its connection is another protocol's now."""


def take_over(scope: Scope, make: Make[Taker]) -> Taker | None:
    """Give the connection of a request whose response has begun, in chunks where `may_chunk`, to
    another protocol for good. `make` is given the transport and the server's set of connections,
    which the protocol has to enter and to leave. `None` where the peer is gone."""
    connection: BoundedHttp = scope[CONNECTION]
    return connection.hand_over(make)


def has_whole_body(scope: Scope) -> bool:
    """Whether all of the body of a request has arrived, or another server serves it."""
    connection: BoundedHttp | None = scope.get(CONNECTION)
    return connection is None or connection.is_body_whole


async def refuse_pipelined(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers an upgrade that came before the request in front of it was answered."""
    response = problem_response(
        BadRequest("Wait for the answer to a request before you upgrade the connection.")
    )
    response.headers["connection"] = "close"
    await response(scope, receive, send)


class BoundedHttp(VersionedHttp):
    """Answers 431 past `MAX_KEPT_BYTES` (and the read they were part of) that lead to nothing,
    408 where the head of a request takes longer than `HEAD_TIMEOUT_S` or its body comes slower than
    `MIN_BODY_BYTES_PER_S`; all end the connection."""

    _came_on = False
    _in_head = False
    _kept_bytes = 0
    _is_refusing = False
    _deadline: asyncio.TimerHandle | None = None
    _in_body = False
    _pace: asyncio.TimerHandle | None = None
    _paced_bytes = 0
    _pace_due_at = 0.0

    def connection_made(  # type: ignore[override] # as uvicorn's own
        self, transport: asyncio.Transport
    ) -> None:
        """As `asyncio.Protocol`."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """As `asyncio.Protocol`."""
        self._end_wait()
        self._end_pace()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol`."""
        if self._is_refusing:
            return
        self._came_on = False
        super().data_received(data)
        self._kept_bytes = 0 if self._came_on else self._kept_bytes + len(data)
        if self._kept_bytes > MAX_KEPT_BYTES:
            self._refuse(HEAD_TOO_LARGE)
        elif self._in_head:
            self._await_head()
        elif self._deadline is not None:
            self._end_wait()
        if self._pace is not None:
            self._paced_bytes += len(data)
            if not self._in_body:
                self._end_pace()
        elif self._in_body:
            self._begin_pace()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[CONNECTION] = self

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        self._in_body = True
        self._came_on = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; how much is kept of it is the app's to say."""
        self._came_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole, or there is none."""
        self._in_body = False
        super().on_message_complete()

    @property
    def is_body_whole(self) -> bool:
        """Whether all of the newest request has arrived."""
        return not self._in_body

    def handle_websocket_upgrade(self) -> None:
        """An upgrade behind a request that is still answered is refused in its turn: the
        connection cannot be another protocol's before that answer is written."""
        cycle = self.answering
        if cycle is None or (cycle.response_complete and not self.pipeline):
            super().handle_websocket_upgrade()
            return
        self._is_refusing = True
        self.answer_in_turn(refuse_pipelined)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, said as every refusal is."""
        del msg
        self._refuse(NO_HTTP)

    def hand_over(self, make: Make[Taker]) -> Taker | None:
        """As `take_over`."""
        if self.parser is None or self.transport.is_closing():
            return None
        transport, connections = self.transport, self.open_connections
        self.connection_lost(ConnectionTaken())  # for the request, which so ends
        taker = make(transport, connections)
        transport.set_protocol(taker)
        return taker

    def _begin_pace(self) -> None:
        if self.transport.is_closing():
            return
        self._paced_bytes = 0
        self._pace_due_at = self.loop.time() + PACE_WINDOW_S
        self._pace = self.loop.call_at(self._pace_due_at, self._check_pace)

    def _end_pace(self) -> None:
        if self._pace is not None:
            self._pace.cancel()
            self._pace = None

    def _check_pace(self) -> None:
        self._pace = None
        if not self._in_body:
            return
        is_late = self.loop.time() > self._pace_due_at + LATE_S
        is_ours = is_late or self.is_reading_paused
        if is_ours or self._paced_bytes >= MIN_BODY_BYTES_PER_S * PACE_WINDOW_S:
            self._begin_pace()
        else:
            self._refuse(TooSlow("The body came too slowly."))

    def _await_head(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._too_late)

    def _end_wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        self._refuse(HEAD_TOO_LATE)

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        if self._may_answer():
            self.transport.write(self._answer(problem))
        self.transport.close()

    def _answer(self, problem: Problem) -> bytes:
        given = dict(self.headers or ()).get(b"traceparent", b"")
        trace_id = trace_id_of(continue_trace(given.decode("latin-1")))
        method = self.scope.get("method") if self.scope else None
        body = problem_body(problem, trace_id, method=method)
        status = HTTPStatus(status_of(problem))
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\nconnection: close\r\n"
            f"content-type: {CONTENT_TYPE}\r\ncache-control: no-store\r\n"
            f"x-content-type-options: nosniff\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _may_answer(self) -> bool:
        """Whether no other answer is on its way or has to come before."""
        cycle = self.answering
        if cycle is not None and self._in_body:
            return not cycle.response_started and not self.pipeline
        return cycle is None or cycle.response_complete
