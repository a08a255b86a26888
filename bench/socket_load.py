"""`python -m bench.socket_load PORT SESSIONS READY`: sockets that only listen.

Each waits for a frame that holds the word READY. Then it writes `open`, and `round` each time as
many further frames have come as there are sockets. Raw sockets: a library would cost more than
the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from typing import cast

import uvloop

from bench.events import TOKEN_SECRET, names
from clarion.tokens.subscriber import mint_token

HELLO = json.dumps({"type": "hello"}).encode()
MASK = b"\0\0\0\0"
AT_ONCE = 50


class Tally:
    """Frames of all sockets; tells at every full round."""

    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        self._frames = 0

    def add(self, frames: int) -> None:
        before = self._frames // self._sessions
        self._frames += frames
        for _ in range(self._frames // self._sessions - before):
            print("round", flush=True)


class Socket(asyncio.Protocol):
    """One socket: counts what comes after it is ready."""

    def __init__(self, subscriber: str, ready_word: bytes, tally: Tally) -> None:
        self._subscriber = subscriber
        self._ready_word = ready_word
        self._tally = tally
        self._buffer = b""
        self._upgraded = False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        token, _ = mint_token(
            TOKEN_SECRET, tenant="default", subscriber=self._subscriber, ttl_s=3600
        )
        key = b64encode(os.urandom(16)).decode()
        self._transport.write(
            (
                "GET /v1/live HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
                f"connection: Upgrade\r\nsec-websocket-key: {key}\r\n"
                f"sec-websocket-version: 13\r\nauthorization: Bearer {token}\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                self.ready.set_exception(ConnectionError(head.decode(errors="replace")))
                return
            self._upgraded, self._buffer = True, rest
            self._transport.write(b"\x81" + bytes([0x80 | len(HELLO)]) + MASK + HELLO)
        self._count()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before it was ready"))

    def _count(self) -> None:
        buffer, at, frames = self._buffer, 0, 0
        while (end := frame_end(buffer, at)) is not None:
            if self.ready.done():
                frames += 1
            elif self._ready_word in buffer[at:end]:
                self.ready.set_result(None)
            at = end
        self._buffer = buffer[at:]
        if frames:
            self._tally.add(frames)


def frame_end(buffer: bytes, at: int) -> int | None:
    """Where the frame that begins at `at` ends; None where it is not complete."""
    if len(buffer) < at + 2:
        return None
    size, head = buffer[at + 1] & 0x7F, 2
    if size >= 126:
        head = 4 if size == 126 else 10
        size = int.from_bytes(buffer[at + 2 : at + head])
    end = at + head + size
    return end if len(buffer) >= max(end, at + head) else None


async def main(port: int, sessions: int, ready_word: str) -> None:
    loop = asyncio.get_running_loop()
    tally = Tally(sessions)
    sockets = [Socket(name, ready_word.encode(), tally) for name in names(sessions)]
    for first in range(0, sessions, AT_ONCE):
        group = sockets[first : first + AT_ONCE]
        for one in group:
            await loop.create_connection(lambda one=one: one, "127.0.0.1", port)
        await asyncio.gather(*(one.ready for one in group))
    print("open", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    port, sessions, ready_word = sys.argv[1:]
    uvloop.run(main(int(port), int(sessions), ready_word))
