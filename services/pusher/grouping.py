"""Group reads: what is asked while a query is in flight leaves as one query.

An idle group waits for nothing. Where a query is in flight, a further one leaves when it is full,
when the one before it ends, or after `PATIENCE_S`, so that a slow one holds nobody up. Ten thousand
sessions that resume at once cost a few hundred queries, and never more than `in_flight` at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

PATIENCE_S = 0.005
"""How long a request may wait for company behind a query that takes its time."""

Request = TypeVar("Request")
Result = TypeVar("Result")


class Group(Generic[Request, Result]):
    """`read` answers a list of requests, in their order; an error of it is everyone's."""

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
        self._busy = 0
        self._patience: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[Request, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, request: Request) -> Result:
        """The result of one request. Raises what the query raised."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((request, answer))
        if not self._busy or len(self._waiting) >= self._size:
            self._begin()
        elif self._patience is None:
            self._patience = loop.call_later(PATIENCE_S, self._lose_patience)
        return await answer

    def _begin(self) -> None:
        if self._busy < self._in_flight:
            self._busy += 1
            task = asyncio.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _lose_patience(self) -> None:
        self._patience = None
        if self._waiting:
            self._begin()

    async def _serve(self) -> None:
        try:
            while self._waiting:
                taken = min(self._size, len(self._waiting))
                await self._answer([self._waiting.popleft() for _ in range(taken)])
        finally:
            self._busy -= 1

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
