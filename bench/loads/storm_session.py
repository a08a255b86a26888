"""A session of the storm: it comes back as the browser client does, and checks what it gets."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.lib.events import TOKEN_SECRET
from bench.loads.storm_socket import Heard, Socket
from clarion.tokens.subscriber import mint_token

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 10.0


@dataclass
class Seen:
    """What all sessions have met with. `clear` begins to count anew, but for what was wrong."""

    wrong: list[str] = field(default_factory=list[str])
    closes: Counter[int] = field(default_factory=Counter[int])
    refused: int = 0
    away_s: list[float] = field(default_factory=list[float])

    def clear(self) -> None:
        """Count anew."""
        self.closes.clear()
        self.refused = 0
        self.away_s.clear()


class Session:
    """One subscriber's client; `version` is the last that it had, each exactly once. It tries
    `ports` in turn, from the first on."""

    def __init__(self, seen: Seen, ports: list[int], subscriber: str) -> None:
        self.subscriber = subscriber
        self.version = 0
        self.is_live = False
        self.port = 0
        self._seen = seen
        self._ports = ports
        self._not_before = 0.0
        self._failures = 0
        self._left_at: float | None = None
        self._socket: Socket | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._has_ended = False
        self._token, _ = mint_token(
            TOKEN_SECRET, tenant="default", subscriber=subscriber, ttl_s=3600
        )

    def connect(self) -> None:
        """Try the next port."""
        self.port = self._ports[max(0, self._failures - 1) % len(self._ports)]
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self._socket = await loop.create_connection(
                lambda: Socket(self, self._token), "127.0.0.1", self.port
            )
        except OSError:
            self._seen.refused += 1
            self._come_back()

    async def end(self) -> None:
        """Leave, and do not come back."""
        self._has_ended = True
        if self._waiting is not None:
            self._waiting.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    def leave(self, socket: Socket) -> None:
        """The server wanted us gone by now."""
        if socket is self._socket:
            socket.close()

    def ended(self, socket: Socket, code: int | None) -> None:
        """As `Owner.ended`."""
        if self._has_ended:
            return
        if socket is not self._socket and self._socket is not None and code is not None:
            return
        if code is None:
            self._seen.refused += 1
        else:
            self._seen.closes[code] += 1
        if self.is_live:
            self._left_at = time.monotonic()
        self.is_live = False
        self._socket = None
        self._come_back()

    def _come_back(self) -> None:
        """After what the server said, or full jitter."""
        self._failures += 1
        told = self._not_before - time.monotonic()
        most = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 5))
        wait = max(0.0, told) if self._not_before else random.uniform(0, most)
        self._not_before = 0.0
        self._waiting = asyncio.get_running_loop().call_later(wait, self.connect)

    def hear(self, frame: Heard, socket: Socket) -> None:
        """As `Owner.hear`: check what comes."""
        match frame.type:
            case "notification":
                if frame.version != self.version + 1 or frame.unread < frame.version:
                    self._wrong(frame)
                self.version = frame.version
            case "caught_up":
                self._live(frame)
            case "reconnect":
                self._not_before = time.monotonic() + frame.after_ms / 1000
                loop = asyncio.get_running_loop()
                loop.call_later(frame.after_ms / 1000, self.leave, socket)
            case _:
                if frame.reset or frame.type in ("changed", "error"):
                    self._wrong(frame)

    def _live(self, frame: Heard) -> None:
        if frame.version != self.version:
            self._wrong(frame)
        self.is_live = True
        self._failures = 0
        if self._left_at is not None:
            self._seen.away_s.append(time.monotonic() - self._left_at)
            self._left_at = None

    def _wrong(self, frame: Heard) -> None:
        self._seen.wrong.append(f"{self.subscriber}: {frame} after {self.version}")
