"""Events sent when they are due, whatever became of those before.

The due times of a load are drawn once from a seed, as those of many callers who know nothing of
each other, so every contender is given the same. An event carries its due time by CLOCK_MONOTONIC;
who sees the frame, on the same machine, subtracts.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from bench.loads.arrivals import Arrivals
from bench.loads.callers import Callers
from bench.loads.marks import event

SEED = 7
TICK_S = 0.001
"""What a timer of the loop can tell apart."""
LEAD_S = 0.1

Make = Callable[[float], bytes]
"""The next event, which is due at that time, as the body of a request."""


@dataclass(frozen=True)
class Load:
    """So many events a second on average, for so long."""

    rate: float
    seconds: float

    def offsets(self) -> Iterator[float]:
        """When each is due, in seconds from the beginning."""
        drawn = random.Random(SEED)
        at = drawn.expovariate(self.rate)
        while at < self.seconds:
            yield at
            at += drawn.expovariate(self.rate)


async def send(load: Load, callers: Callers, make: Make) -> list[float]:
    """Give each event to the callers when it is due; returns by how many seconds this program
    itself was late, in ascending order."""
    late: list[float] = []
    began = time.monotonic() + LEAD_S
    for offset in load.offsets():
        due_at = began + offset
        while (wait := due_at - time.monotonic()) > 0:  # noqa: ASYNC110  (for a time, no event)
            await asyncio.sleep(max(wait, TICK_S))
        callers.send(make(due_at))
        late.append(time.monotonic() - due_at)
    return sorted(late)


def in_turn(subscribers: Sequence[str], arrivals: Arrivals) -> Make:
    """Events for one subscriber each, that are expected to arrive."""
    turns = cycle(subscribers)

    def make(due_at: float) -> bytes:
        subscriber = next(turns)
        return event(arrivals.expect(subscriber, due_at), due_at, [subscriber])

    return make
