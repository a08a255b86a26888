"""Many callers that each post one event at a time, over a connection that is kept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from bench.loads.posts import Answers, post

CALLERS = 256


class Callers:
    """An event leaves with a caller who is free. Where none is, it waits for one in order of
    arrival; nothing is ever left out or put off because the server is slow."""

    def __init__(self) -> None:
        self._free: deque[Caller] = deque()
        self._waiting: deque[bytes] = deque()
        self.refused = 0
        """Events that were answered with anything but 202, or not at all."""

    def send(self, body: bytes) -> None:
        """Post it now, or as soon as a caller is free."""
        if self._free:
            self._free.popleft().send(body)
        else:
            self._waiting.append(body)

    def free(self, caller: Caller) -> None:
        """This one has its answer. Free callers take turns: a server closes idle connections."""
        if self._waiting:
            caller.send(self._waiting.popleft())
        else:
            self._free.append(caller)

    def forget(self, caller: Caller) -> None:
        """Its connection is gone."""
        if caller in self._free:
            self._free.remove(caller)


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._answers = Answers()
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._callers.free(self)

    def send(self, body: bytes) -> None:
        """Post it."""
        self._waits = True
        self.transport.write(post(body))

    def data_received(self, data: bytes) -> None:
        is_accepted = self._answers.feed(data)
        if is_accepted is None:
            return
        self._waits = False
        self._callers.refused += not is_accepted
        self._callers.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._callers.refused += self._waits
        self._callers.forget(self)


@asynccontextmanager
async def calling(port: int, count: int = CALLERS) -> AsyncIterator[Callers]:
    """Callers of the gateway at this port, connected; they hang up at the end."""
    loop = asyncio.get_running_loop()
    callers = Callers()
    made = [
        (await loop.create_connection(lambda: Caller(callers), "127.0.0.1", port))[1]
        for _ in range(count)
    ]
    try:
        yield callers
    finally:
        for one in made:
            one.transport.abort()
