"""Detects unsolicited answers of an SMTP server.

A server that answers twice would shift all later answers by one: the refusal of one recipient would
be taken for that of another. aiosmtplib drops data between two commands and keeps data that arrives
together with an answer. Both are detected here, and the connection is not reused.
"""

from __future__ import annotations

import asyncio
from typing import cast

MAX_LINE = 8_192


class AnswerWatch(asyncio.Protocol):
    """A proxy between a transport and aiosmtplib's protocol."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._due = 0
        self._line = b""
        self._counts = True
        self.strayed = False
        """Whether unsolicited data arrived."""

    @classmethod
    def on(cls, transport: asyncio.BaseTransport) -> AnswerWatch:
        """Install a watch on `transport`."""
        watch = cls(cast("asyncio.Protocol", transport.get_protocol()))
        transport.set_protocol(watch)
        return watch

    def expect(self) -> None:
        """Expect one answer, to the next command."""
        self._due = 1

    def pause(self) -> None:
        """Allow any number of answers until `resume`."""
        self._counts = False

    def resume(self) -> None:
        """See `pause`."""
        self._counts = True

    def data_received(self, data: bytes) -> None:
        """Count the answers in `data` and pass it on."""
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
