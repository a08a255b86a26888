"""Live clients: they come back with jitter, at the other pusher, with the last version handled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import websockets

from chaos.ledger import Shown
from clarion.tokens.subscriber import mint_token
from testbed.stack import TOKEN_SECRET

CHURN_S = 25.0
"""The mean time after which a client breaks its own connection."""
PING_S = 5.0
OPEN_S = 5.0
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
DAY_S = 86_400

LOST = (OSError, TimeoutError, websockets.WebSocketException)


class Sightings:
    """Who waits for which event in a live feed."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[tuple[str, asyncio.Future[None]]]] = {}

    def expect(self, event_id: str, client: str) -> asyncio.Future[None]:
        """Done once this client has seen this event."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(event_id, set()).add((client, future))
        return future

    def saw(self, event_id: str, client: str) -> None:
        """A client handled a frame of this event."""
        for name, future in self._waiting.get(event_id, ()):
            if name == client and not future.done():
                future.set_result(None)


@dataclass
class Client:
    """One device of a subscriber. `frames` is its ledger, `version` the last it handled."""

    name: str
    subscriber: str
    pushers: Sequence[str]
    random: Random
    sightings: Sightings
    at: int = 0
    version: int = 0
    epoch: str | None = None
    caught_up: int = -1
    connects: int = 0
    faults: list[str] = field(default_factory=list[str])
    frames: list[Shown] = field(default_factory=list[Shown])

    async def run(self) -> None:
        """Stay connected until cancelled."""
        token, _ = mint_token(
            TOKEN_SECRET, tenant="default", subscriber=self.subscriber, ttl_s=DAY_S
        )
        wait_s = FIRST_WAIT_S
        while True:
            before = self.connects
            pause_s = 0.0
            with suppress(*LOST):
                pause_s = await self._session(token)
            wait_s = FIRST_WAIT_S if self.connects > before else min(LONGEST_WAIT_S, wait_s * 2)
            await asyncio.sleep(pause_s + wait_s * self.random.uniform(0.5, 1.5))

    async def _session(self, token: str) -> float:
        """One connection until its end; seconds that the server asked to wait."""
        address = self.pushers[self.at % len(self.pushers)].replace("http", "ws")
        self.at += 1
        self.caught_up = -1
        async with websockets.connect(
            f"{address}/v1/live",
            additional_headers={"Authorization": f"Bearer {token}"},
            open_timeout=OPEN_S,
            close_timeout=1,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            compression=None,
            proxy=None,
        ) as connection:
            hello = {"type": "hello", "since": self.version, "epoch": self.epoch}
            await connection.send(json.dumps(hello))
            with suppress(TimeoutError):
                async with asyncio.timeout(self.random.expovariate(1 / CHURN_S)):
                    async for text in connection:
                        frame = json.loads(text)
                        if frame["type"] == "reconnect":
                            return float(frame["after_ms"]) / 1000
                        if frame["type"] == "error" and frame["code"] == "unavailable":
                            break  # the replay cannot be read now: come back later
                        self._handle(frame)
            connection.transport.abort()
        return 0.0

    def _handle(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "notification":
                item = frame["item"]
                self.frames.append(Shown(frame["version"], item["id"], item["event_id"]))
                self.version = frame["version"]
                self.sightings.saw(item["event_id"], self.name)
            case "caught_up":
                self.version = self.caught_up = frame["version"]
                self.connects += 1
            case "welcome":
                self.epoch = frame["epoch"]
                if frame.get("reset"):
                    self.faults.append(f"a reset at version {self.version}")
            case other:
                self.faults.append(f"a frame `{other}`: {frame}")


def subscribers_of(clients: int) -> list[str]:
    """Two devices each, at most 20 subscribers."""
    return [f"sub-{n}" for n in range(max(1, min(20, clients // 2)))]


def make_clients(number: int, pushers: Sequence[str], seed: int) -> list[Client]:
    """`number` clients; those of one subscriber begin at different pushers."""
    subscribers = subscribers_of(number)
    sightings = Sightings()
    return [
        Client(
            f"{subscribers[n % len(subscribers)]}/{n // len(subscribers)}",
            subscribers[n % len(subscribers)],
            pushers,
            Random(f"{seed} client {n}"),
            sightings,
            at=n // len(subscribers),
        )
        for n in range(number)
    ]
