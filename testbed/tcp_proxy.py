"""A TCP proxy that can fall silent, as a line does that is cut without a word, and that can end a
connection together with the last that the server says on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass(eq=False)
class _Connection:
    """A silent one takes bytes and forwards none. One that `is_ending` is closed with the next
    bytes of the server."""

    is_silent: bool = False
    is_ending: bool = False


class TcpProxy:
    """Forwards to one port of 127.0.0.1. `struck` counts the connections that a marker ended."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: list[_Connection] = []
        self._silent_at: bytes | None = None
        self._last_words_at: bytes | None = None
        self.struck = 0
        self.port = 0

    def fall_silent(self) -> None:
        """Cut what is connected, without telling either side; new connections go through."""
        for connection in self._connections:
            connection.is_silent = True

    def silence_at(self, marker: bytes) -> None:
        """Each connection on which a client says this is silent from then on, for ever."""
        self._silent_at = marker

    def last_words_at(self, marker: bytes) -> None:
        """Each connection on which a client says this, which the server never hears, ends with what
        the server says next: data and FIN together."""
        self._last_words_at = marker

    def mend(self) -> None:
        """Look for no marker any more."""
        self._silent_at = self._last_words_at = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        connection = _Connection()
        self._connections.append(connection)
        for forward in (self._said(connection, reader, back), _answered(connection, there, writer)):
            task = asyncio.create_task(forward)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _said(
        self,
        connection: _Connection,
        client: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        try:
            with suppress(OSError):
                while data := await client.read(65536):
                    self._strike(connection, data)
                    if not (connection.is_silent or connection.is_ending):
                        server.write(data)
        finally:
            server.close()

    def _strike(self, connection: _Connection, data: bytes) -> None:
        if connection.is_silent or connection.is_ending:
            return
        if self._silent_at is not None and self._silent_at in data:
            connection.is_silent = True
            self.struck += 1
        if self._last_words_at is not None and self._last_words_at in data:
            connection.is_ending = True
            self.struck += 1


async def _answered(
    connection: _Connection, server: asyncio.StreamReader, client: asyncio.StreamWriter
) -> None:
    try:
        with suppress(OSError):
            while data := await server.read(65536):
                if not connection.is_silent:
                    client.write(data)
                if connection.is_ending:
                    client.write_eof()
                    connection.is_silent = True
    finally:
        client.close()


@asynccontextmanager
async def tcp_proxy(target_port: int) -> AsyncIterator[TcpProxy]:
    """A proxy in front of `target_port`; `port` says where."""
    proxy = TcpProxy(target_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = int(server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
