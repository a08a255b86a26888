"""A TCP proxy that can fall silent, as a line does that is cut without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class TcpProxy:
    """Forwards to one port of 127.0.0.1; while `silent` it takes bytes and forwards none."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._loud = asyncio.Event()
        self._loud.set()
        self.port = 0

    def fall_silent(self) -> None:
        """Cut what is connected, without telling either side; new connections go through."""
        self._loud.clear()
        self._loud = asyncio.Event()
        self._loud.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        loud = self._loud
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(_forward(source, sink, loud))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


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


async def _forward(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, loud: asyncio.Event
) -> None:
    try:
        with suppress(OSError):
            while data := await source.read(65536):
                if loud.is_set():
                    sink.write(data)
    finally:
        sink.close()
