"""Notices what an SMTP server says without being asked.

A server that answers twice would shift every later answer by one: a recipient's refusal would be
taken for another's. aiosmtplib drops what comes between two commands and keeps what came in one
read with an answer; here both are noticed, so that the connection is not used again.
"""

from __future__ import annotations

import asyncio
from typing import cast

MAX_LINE = 8_192


class AnswerWatch(asyncio.Protocol):
    """Stands between a transport and aiosmtplib's protocol, and passes everything on."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._due = 0
        self._line = b""
        self._counts = True
        self.strayed = False
        """Whether something came that no command asked for."""

    @classmethod
    def on(cls, transport: asyncio.BaseTransport) -> AnswerWatch:
        """A watch on `transport`, from now on."""
        watch = cls(cast("asyncio.Protocol", transport.get_protocol()))
        transport.set_protocol(watch)
        return watch

    def expect(self) -> None:
        """One command is about to be sent: one answer is due."""
        self._due = 1

    def pause(self) -> None:
        """Until `resume` any number of answers may come."""
        self._counts = False

    def resume(self) -> None:
        """See `pause`."""
        self._counts = True

    def data_received(self, data: bytes) -> None:
        """Count the answers in what came."""
        if self._counts:
            self._count(data)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The server says no more."""
        return self._inner.eof_received()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Only where a transport is handed over once more."""
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer takes no more for now."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The peer takes more."""
        self._inner.resume_writing()

    def _count(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        self._due -= sum(line[3:4] != b"-" for line in lines)
        partial = bool(self._line) and self._due <= 0
        if self._due < 0 or partial or len(self._line) > MAX_LINE:
            self.strayed, self._line = True, b""
