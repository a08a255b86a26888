"""Batches reads: requests that arrive within `MAX_BATCH_WAIT_S` share one query.

An idle loader queries at once. After that the next query starts as soon as its batch is full, or
`MAX_BATCH_WAIT_S` later; a slow query delays no other. Ten thousand sessions that resume at once
cost a hundred queries, and at most `in_flight` run at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

MAX_BATCH_WAIT_S = 0.025
"""How long a request may wait for others to share its query."""

Request = TypeVar("Request")
Result = TypeVar("Result")


class BatchLoader(Generic[Request, Result]):
    """`read` returns the results of a list of requests in order; its error is raised to all."""

    def __init__(
        self,
        read: Callable[[Sequence[Request]], Awaitable[Sequence[Result]]],
        *,
        size: int,
        in_flight: int,
    ) -> None:
        self._read = read
        self._size = size
        self._in_flight = in_flight
        self._cooldown: asyncio.TimerHandle | None = None
        """Set for `MAX_BATCH_WAIT_S` after the start of a query."""
        self._waiting: deque[tuple[Request, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, request: Request) -> Result:
        """The result of one request. Raises what the query raised."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._cooldown is None:
            self._start_cooldown(0)  # requests of the same event loop iteration join
        elif len(self._waiting) >= self._size:
            self._start_queries()
        return await answer

    def _start_cooldown(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._cooldown = loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._cooldown = None
        if self._waiting:
            self._start_queries()

    def _start_queries(self) -> None:
        """Query for the waiting requests within `in_flight`; the rest follows when a query ends."""
        while self._waiting and len(self._tasks) < self._in_flight:
            taken = min(self._size, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(taken)]
            task = asyncio.create_task(self._answer(batch))
            self._tasks.add(task)
            task.add_done_callback(self._end)
        if self._cooldown is None:
            self._start_cooldown(MAX_BATCH_WAIT_S)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._waiting and (self._cooldown is None or len(self._waiting) >= self._size):
            self._start_queries()

    async def _answer(self, batch: list[tuple[Request, asyncio.Future[Result]]]) -> None:
        live = [(request, answer) for request, answer in batch if not answer.done()]
        if not live:
            return
        try:
            results = await self._read([request for request, _ in live])
        except Exception as error:
            for _, answer in live:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(live, results, strict=True):
            if not answer.done():
                answer.set_result(result)
