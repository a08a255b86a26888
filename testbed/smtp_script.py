"""An SMTP server that says what it is told to: odd answers, none, two, or a closed connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CLOSE = "close"
"""In place of an answer: close the connection."""
SILENCE = "silence"
"""In place of an answer: never say anything."""

USUAL = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", "CONTENT": "250 queued"}


@dataclass
class ScriptedSmtp:
    """`says` is what it answers by verb (`GREETING` and `CONTENT` are two of them), each once and
    in order; then what is usual. An answer with several lines is sent in one piece."""

    port: int = 0
    says: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    always: dict[str, str] = field(default_factory=dict[str, str])
    extensions: tuple[str, ...] = ("8BITMIME",)
    commands: list[str] = field(default_factory=list[str])
    contents: list[bytes] = field(default_factory=list[bytes])
    connections: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    @property
    def url(self) -> str:
        """As it stands in `CLARION_EMAIL`."""
        return f"smtp://127.0.0.1:{self.port}?from=shop@shop.example"

    def answer(self, verb: str) -> str:
        """The next answer to `verb`."""
        if self.says.get(verb):
            return self.says[verb].pop(0)
        if verb == "EHLO":
            lines = ["scripted", *self.extensions]
            usual = "\r\n".join(
                f"250{'-' if line is not lines[-1] else ' '}{line}" for line in lines
            )
        else:
            usual = USUAL.get(verb, "220 hello" if verb == "GREETING" else "250 ok")
        return self.always.get(verb, usual)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if await self._say(writer, "GREETING"):
                while line := (await reader.readline()).decode():
                    self.commands.append(line.rstrip())
                    if not await self._serve(line.partition(" ")[0].strip(), reader, writer):
                        break
        await _closed(writer)
        self.open.discard(writer)

    async def _serve(
        self, verb: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        answer = self.answer(verb)
        if not await self._say(writer, verb, answer):
            return False
        if answer.startswith("354"):
            self.contents.append(await reader.readuntil(b"\r\n.\r\n"))
            return await self._say(writer, "CONTENT")
        return True

    async def _say(
        self, writer: asyncio.StreamWriter, verb: str, answer: str | None = None
    ) -> bool:
        answer = self.answer(verb) if answer is None else answer
        if answer == CLOSE:
            return False
        if answer != SILENCE:
            writer.write(answer.encode("latin-1") + b"\r\n")
            await writer.drain()
        return verb != "QUIT"


@asynccontextmanager
async def scripted_smtp(server: ScriptedSmtp | None = None) -> AsyncIterator[ScriptedSmtp]:
    """The server on a free port."""
    server = server or ScriptedSmtp()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.open.add(writer)
        tasks.add(asyncio.ensure_future(server.serve(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in list(server.open):
            writer.transport.abort()
        await asyncio.gather(*tasks)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
