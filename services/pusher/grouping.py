"""Group reads: what is asked while queries are in flight leaves as one query.

An idle group waits for nothing. Ten thousand sessions that resume at once cost a few hundred
queries, and never more than `in_flight` at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

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
        self._free = in_flight
        self._waiting: deque[tuple[Request, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, request: Request) -> Result:
        """The result of one request. Raises what the query raised."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._free:
            self._free -= 1
            task = asyncio.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _serve(self) -> None:
        try:
            while self._waiting:
                taken = min(self._size, len(self._waiting))
                await self._answer([self._waiting.popleft() for _ in range(taken)])
        finally:
            self._free += 1

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
