"""A TCP proxy between one process and the broker or the database, with three ways to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open = Callable[[], Awaitable[Streams]]

DELAY_S = 0.3
CHUNK = 65_536


@dataclass(eq=False)
class Pair:
    """One forwarded connection. A silent one stays so for ever, as a line that was cut."""

    writers: list[asyncio.StreamWriter]
    silent: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Line:
    """Forwards to what `open_target` opens; `mode` is what happens now."""

    def __init__(self, open_target: Open) -> None:
        self._open_target = open_target
        self._pairs: set[Pair] = set()
        self._server: asyncio.Server | None = None
        self._mode = "pass"
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def strike(self, mode: str) -> None:
        """Begin one: `drop` resets all and refuses new ones; with `delay` each chunk takes
        `DELAY_S`; `silent` is for ever for what is connected, or connects meanwhile."""
        self._mode = mode
        if mode == "drop":
            for pair in list(self._pairs):
                pair.abort()
        if mode == "silent":
            for pair in self._pairs:
                pair.silent = True

    def mend(self) -> None:
        """New connections pass; those that were cut stay cut."""
        self._mode = "pass"

    async def close(self) -> None:
        """Stop listening, end all connections."""
        if self._server is not None:
            self._server.close()
        tasks = [task for pair in self._pairs for task in pair.tasks]
        for pair in list(self._pairs):
            pair.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "drop":
            writer.transport.abort()
            return
        try:
            there, back = await self._open_target()
        except OSError:
            writer.transport.abort()
            return
        pair = Pair([writer, back], silent=self._mode == "silent")
        self._pairs.add(pair)
        pair.tasks = [
            asyncio.create_task(self._forward(pair, reader, back)),
            asyncio.create_task(self._forward(pair, there, writer)),
        ]
        await asyncio.wait(pair.tasks)
        pair.abort()
        self._pairs.discard(pair)

    async def _forward(
        self, pair: Pair, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                if self._mode == "delay":
                    await asyncio.sleep(DELAY_S)
                if not pair.silent:
                    sink.write(data)
                    await sink.drain()
        if not pair.silent:  # a cut line carries no goodbye either
            sink.close()
