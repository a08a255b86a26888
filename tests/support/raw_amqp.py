"""A publisher that sends any octets as properties, which no client library does.

It speaks as much of AMQP 0-9-1 as that takes: one connection, one channel, confirms.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import unquote, urlsplit

from pamqp.base import Frame
from pamqp.commands import Basic, Channel, Confirm, Connection
from pamqp.frame import marshal, unmarshal
from pamqp.header import ProtocolHeader

NAMES = (
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
)
FLAGS = {name: 1 << 15 - n for n, name in enumerate(NAMES)}
SHORT = frozenset(NAMES) - {"headers", "delivery_mode", "priority", "timestamp"}
FRAME_BYTES = 65_536


class Refused(Exception):
    """The broker closed the channel or the connection over what was sent, or did not take it."""


def short(octets: bytes) -> bytes:
    """A short string."""
    return bytes((len(octets),)) + octets


def long(octets: bytes) -> bytes:
    """A long string, a table or an array: their length, and what they hold."""
    return struct.pack(">L", len(octets)) + octets


def header(name: bytes, kind: bytes, value: bytes) -> bytes:
    """An entry of a table, whose value is encoded already."""
    return short(name) + kind + value


def properties(fields: Mapping[str, bytes], flags: int = 0) -> bytes:
    """Flags and list; short strings are given as their octets, all else is encoded already."""
    for name in fields:
        flags |= FLAGS[name]
    parts = [
        short(fields[name]) if name in SHORT else fields[name] for name in NAMES if name in fields
    ]
    return struct.pack(">H", flags) + b"".join(parts)


class RawPublisher:
    """Opened by `raw_publisher`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def open(self, user: str, password: str, vhost: str) -> None:
        """Shake hands, open a channel, ask for confirms. Raises `Refused`."""
        self._writer.write(ProtocolHeader().marshal())
        await self._expect(Connection.Start)
        response = f"\0{user}\0{password}"
        await self._ask(Connection.StartOk({}, "PLAIN", response), Connection.Tune, 0)
        self._send(Connection.TuneOk(1, FRAME_BYTES, 0), 0)
        await self._ask(Connection.Open(vhost), Connection.OpenOk, 0)
        await self._ask(Channel.Open(), Channel.OpenOk)
        await self._ask(Confirm.Select(), Confirm.SelectOk)

    async def publish(self, exchange: str, key: bytes, listed: bytes, body: bytes) -> None:
        """Publish with these `properties` and wait for the confirm. Raises `Refused`, after which
        nothing can be published."""
        method = struct.pack(">HHH", 60, 40, 0) + short(exchange.encode()) + short(key) + b"\0"
        content = struct.pack(">HHQ", 60, 0, len(body)) + listed
        pieces = [body[at : at + FRAME_BYTES - 8] for at in range(0, len(body), FRAME_BYTES - 8)]
        for kind, payload in ((1, method), (2, content), *((3, piece) for piece in pieces)):
            self._writer.write(struct.pack(">BHL", kind, 1, len(payload)) + payload + b"\xce")
        await self._expect(Basic.Ack)

    def close(self) -> None:
        """End without a word."""
        self._writer.transport.abort()

    def _send(self, frame: Frame, channel: int = 1) -> None:
        self._writer.write(marshal(frame, channel))

    async def _ask(self, frame: Frame, answer: type[Frame], channel: int = 1) -> None:
        self._send(frame, channel)
        await self._expect(answer)

    async def _expect(self, answer: type[Frame]) -> None:
        async with asyncio.timeout(30):
            while True:
                try:
                    head = await self._reader.readexactly(7)
                    (length,) = struct.unpack_from(">L", head, 3)
                    data = head + await self._reader.readexactly(length + 1)
                except (OSError, EOFError) as error:
                    raise Refused("the connection") from error
                frame = cast(Frame, unmarshal(data)[2])
                if isinstance(frame, answer):
                    return
                if isinstance(frame, (Channel.Close, Connection.Close)):
                    self.close()
                    raise Refused(frame.reply_text)
                if isinstance(frame, Basic.Nack):
                    raise Refused("the queue is full")


@asynccontextmanager
async def raw_publisher(url: str) -> AsyncIterator[RawPublisher]:
    """Open one at an AMQP URL."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    publisher = RawPublisher(reader, writer)
    try:
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        await publisher.open(user, password, unquote(parts.path.removeprefix("/")))
        yield publisher
    finally:
        publisher.close()
