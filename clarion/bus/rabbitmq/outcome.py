"""How a call of aiormq ended: its errors, distinguished from our own cancellation.

aiormq ends calls on a dead connection with whatever it has at hand: an `AMQPError`, an
`OSError`, a bare `Exception`, or `CancelledError` although we were not cancelled.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from typing import TypeVar

from clarion.errors import ConfigurationError

Result = TypeVar("Result")

MAX_CAUSES = 8


class BrokerFailure(Exception):
    """The broker is away, going, gone, or does not answer. `__cause__` is what was raised."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(_sentence_of(cause))
        self.__cause__ = cause


def _sentence_of(cause: BaseException) -> str:
    """The kind of error; of a certificate what is wrong with it, and what to do."""
    error: BaseException | None = cause
    for _ in range(MAX_CAUSES):
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted: {error.verify_message}; name the file of its "
                "authority by ?cafile=... in CLARION_AMQP_URL"
            )
        error = error and (error.__cause__ or error.__context__)
    return type(cause).__name__


def is_cancelled() -> bool:
    """Whether a `CancelledError` is for the task that runs, and not for what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def within(seconds: float, work: Awaitable[Result]) -> Result:
    """What `work` comes to, in a task of its own: what aiormq cancels is that task, and one that
    does not end when cancelled is left behind.

    Raises `ConfigurationError` where `work` does, and `BrokerFailure` for all else that ends it.
    """
    task = asyncio.create_task(_waited_for(work))
    try:
        await asyncio.wait([task], timeout=seconds)
    except BaseException:
        _leave(task)
        raise
    if not task.done():
        _leave(task)
        raise BrokerFailure(TimeoutError(f"no answer within {seconds:g} s"))
    if task.cancelled():
        raise BrokerFailure(asyncio.CancelledError("cancelled by aiormq"))
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, (ConfigurationError, BrokerFailure)):
        raise error
    raise BrokerFailure(error)


async def _waited_for(work: Awaitable[Result]) -> Result:
    return await work


def _leave(task: asyncio.Task[Result]) -> None:
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
