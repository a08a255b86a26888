"""Callers who send numbered events at a steady rate and retry as the guide tells them to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2

from testbed.stack import API_KEY

TIMEOUT_S = 10.0
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 4.0
MAX_WAITING = 2_000
"""Events of one caller that wait for their answer; past it the caller sends no more."""
MAX_AT_ONCE = 16
"""Requests of one caller; the next events wait their turn. A caller who asks for all that waits at
once keeps a broker that comes up too busy to come up."""
EMAIL_EVERY = 10
SMS_EVERY = 25
ACCEPTED = 202
UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Unserved:
    """A try that was refused, or had no answer (`status` 0). `at` is in epoch seconds."""

    at: float
    took_s: float
    status: int


@dataclass
class Accepted:
    """What got a `202`, shared by all callers."""

    subscribers: dict[str, str] = field(default_factory=dict[str, str])
    """Event id -> subscriber."""
    external: dict[str, str] = field(default_factory=dict[str, str])
    """Event id -> `email` or `sms`."""
    refused: list[str] = field(default_factory=list[str])
    """Answers that no event of ours should get."""
    tries: int = 0
    sent: int = 0
    unserved: list[Unserved] = field(default_factory=list[Unserved])
    """Tries that did not get a `202`."""


class Caller:
    """One service of a customer. It knows all gateways and takes another after a failure."""

    def __init__(
        self,
        name: str,
        gateways: Sequence[str],
        subscribers: Sequence[str],
        accepted: Accepted,
        random: Random,
    ) -> None:
        self._name = name
        self._gateways = gateways
        self._subscribers = subscribers
        self._accepted = accepted
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=TIMEOUT_S,
            limits=httpx2.Limits(max_connections=64),
            trust_env=False,
        )

    async def run(self, rate: float) -> None:
        """Bring up `rate` events a second until cancelled, whatever becomes of those before."""
        loop = asyncio.get_running_loop()
        start, number = loop.time(), 0
        while True:
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
            number += 1
            if len(self._tasks) < MAX_WAITING:
                task = asyncio.create_task(self._send_in_turn(self._event(number)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _send_in_turn(self, event: dict[str, Any]) -> None:
        async with self._slots:
            await self.send(event)

    async def finish(self, timeout_s: float) -> int:
        """Wait for the answers that are due; how many events are given up without one."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        given_up = list(self._tasks)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        await self._http.aclose()
        return len(given_up)

    async def send(
        self,
        event: dict[str, Any],
        first: int | None = None,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        """Send until it is accepted: the same id, after a wait, to the next gateway."""
        self._accepted.sent += 1
        at = self._random.randrange(len(self._gateways)) if first is None else first
        wait_s = FIRST_WAIT_S
        while not await self._try(event, self._gateways[at % len(self._gateways)]):
            at += 1
            await asyncio.sleep(wait_s * self._random.uniform(0.5, 1.5))
            wait_s = min(longest_wait_s, wait_s * 2)

    async def _try(self, event: dict[str, Any], gateway: str) -> bool:
        """Whether that is the end of it."""
        self._accepted.tries += 1
        at = time.time()
        try:
            answer = await self._http.post(f"{gateway}/v1/events", json=event)
        except httpx2.TransportError:
            self._accepted.unserved.append(Unserved(at, time.time() - at, 0))
            return False
        if answer.status_code != ACCEPTED:
            self._accepted.unserved.append(Unserved(at, time.time() - at, answer.status_code))
        if answer.status_code == ACCEPTED:
            self._accepted.subscribers[event["id"]] = event["data"]["subscriber"]
            for channel in event["channels"][1:]:
                self._accepted.external[event["id"]] = channel
        elif answer.status_code != UNAVAILABLE:
            self._accepted.refused.append(f"{answer.status_code} {answer.text[:200]}")
            return answer.status_code < 500
        return answer.status_code == ACCEPTED

    def _event(self, number: int) -> dict[str, Any]:
        subscriber = self._random.choice(self._subscribers)
        channels = ["inbox"]
        if number % EMAIL_EVERY == 0:
            channels.append("email")
        elif number % SMS_EVERY == 1:
            channels.append("sms")
        return event(f"{self._name}-{number}", subscriber, channels)


def event(name: str, subscriber: str, channels: Sequence[str] = ("inbox",)) -> dict[str, Any]:
    """An event for one subscriber; its id is its title, so a message can be told from another."""
    number = int(subscriber.rpartition("-")[2])
    return {
        "type": "chaos.tick",
        "source": "chaos",
        "id": name,
        "to": {
            "id": subscriber,
            "email": f"{subscriber}@chaos.example",
            "phone": f"+1202555{100 + number:04}",
        },
        "content": {"title": name, "body": "One of many."},
        "channels": list(channels),
        "data": {"subscriber": subscriber},
    }
