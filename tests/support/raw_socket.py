"""A WebSocket client that may break every rule: bytes out, frames in."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.support.pusher import Served, token

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"


class ServerFrame(NamedTuple):
    """What the server sent; it never fragments."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int | None:
        """Of a close frame."""
        if self.opcode != CLOSE or len(self.payload) < 2:
            return None
        return int(struct.unpack("!H", self.payload[:2])[0])


def client_frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    """One frame as the RFC lays it out, allowed or not."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not masked:
        return head + payload
    key = (MASK * (size // 4 + 1))[:size]
    hidden = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return head + MASK + hidden


def fragments(parts: Sequence[bytes], opcode: int = TEXT) -> list[bytes]:
    """One message as one frame for each part."""
    last = len(parts) - 1
    return [
        client_frame(opcode if n == 0 else 0, part, fin=n == last) for n, part in enumerate(parts)
    ]


class RawSocket:
    """A connection past its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes, *, chop: int | None = None) -> None:
        """All at once, or `chop` bytes at a time, each read by the server on its own."""
        step = chop or max(1, len(data))
        for start in range(0, len(data), step):
            if self.writer.is_closing():
                break
            self.writer.write(data[start : start + step])
            if chop:
                for _ in range(3):
                    await asyncio.sleep(0)
        await self.writer.drain()

    async def next(self) -> ServerFrame | None:
        """The next frame, or `None` once the server has ended the connection."""
        try:
            first, size = await self._reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            payload = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        assert first & 0x80, "the server sent a fragment"
        assert not first & 0x70, "the server sent a reserved bit"
        return ServerFrame(first & 0x0F, payload)

    async def rest(self, timeout_s: float = 20) -> list[ServerFrame]:
        """All frames until the server ends the connection."""
        found: list[ServerFrame] = []
        async with asyncio.timeout(timeout_s):
            while (frame := await self.next()) is not None:
                found.append(frame)
        return found


def upgrade_request(pusher: Served, *lines: str, path: str = "/v1/live") -> bytes:
    """A handshake, with further header lines."""
    head = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{pusher.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode()


@asynccontextmanager
async def raw_socket(
    pusher: Served, subscriber: str | None = "user-1", *lines: str
) -> AsyncIterator[RawSocket]:
    """An open socket; with a token in the header where a subscriber is named."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pusher.port)
    if subscriber is not None:
        lines = (f"Authorization: Bearer {token(subscriber)}", *lines)
    try:
        writer.write(upgrade_request(pusher, *lines))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert b"sec-websocket-extensions" not in head.lower()
        yield RawSocket(reader, writer)
    finally:
        writer.close()
