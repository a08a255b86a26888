"""A TCP proxy between one process and the broker or the database, with five ways to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open = Callable[[], Awaitable[Streams]]

DELAY_S = 0.3
CHUNK = 65_536
SILENT = frozenset({"silent", "cut"})
READS = 12
"""What the server says until a link to the broker is up, about."""


@dataclass(eq=False)
class Pair:
    """One forwarded connection. A silent one stays so for ever, as a line that was cut."""

    writers: list[asyncio.StreamWriter]
    silent: bool = False
    ends_in: int = 0
    """After so many reads of what the server says it ends, the last one and FIN together; 0 for
    never."""
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
        self._reads = cycle(range(1, READS + 1))
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def strike(self, mode: str) -> None:
        """Begin one: `drop` resets all and refuses new ones; with `delay` each chunk takes
        `DELAY_S`; `silent` is for ever for what is connected, or connects meanwhile, and so is
        `cut`, which lasts longer; with `fin` each ends with the next that the server says, and
        those that connect meanwhile a little later each."""
        self._mode = mode
        if mode == "drop":
            for pair in list(self._pairs):
                pair.abort()
        for pair in self._pairs:
            pair.silent = pair.silent or mode in SILENT
            pair.ends_in = 1 if mode == "fin" else 0

    def mend(self) -> None:
        """New connections pass; those that were cut stay cut."""
        self._mode = "pass"
        for pair in self._pairs:
            pair.ends_in = 0

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
        pair = Pair([writer, back], silent=self._mode in SILENT)
        if self._mode == "fin":
            pair.ends_in = next(self._reads)
        self._pairs.add(pair)
        pair.tasks = [
            asyncio.create_task(self._forward(pair, reader, back)),
            asyncio.create_task(self._forward(pair, there, writer, from_server=True)),
        ]
        await asyncio.wait(pair.tasks)
        pair.abort()
        self._pairs.discard(pair)

    async def _forward(
        self,
        pair: Pair,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        *,
        from_server: bool = False,
    ) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                if self._mode == "delay":
                    await asyncio.sleep(DELAY_S)
                if pair.silent:
                    continue
                sink.write(data)
                if from_server and pair.ends_in:
                    pair.ends_in -= 1
                    pair.silent = pair.ends_in == 0
                    if pair.silent:
                        sink.write_eof()
                await sink.drain()
        if not pair.silent:  # a cut line carries no goodbye either
            sink.close()
