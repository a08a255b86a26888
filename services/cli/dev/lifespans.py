"""The lifespans of several ASGI apps inside that of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

from clarion.errors import ConfigurationError

State = MutableMapping[str, Any]


@asynccontextmanager
async def lifespan_of(app: ASGIApp, state: State) -> AsyncIterator[None]:
    """Start `app`, which may write to `state`; stop it at exit.

    Raises `ConfigurationError` if it does not start, or fails to shut down.
    """
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}

    async def run() -> None:
        try:
            await app(scope, to_app.get, from_app.put)
        except Exception as error:
            await from_app.put({"type": "lifespan.crashed", "message": type(error).__name__})
            raise

    task = asyncio.create_task(run())
    try:
        await _ask(to_app, from_app, "startup")
        yield
        await _ask(to_app, from_app, "shutdown")
    finally:
        if not task.done():
            task.cancel()
        await asyncio.wait([task])


async def _ask(to_app: asyncio.Queue[Message], from_app: asyncio.Queue[Message], what: str) -> None:
    await to_app.put({"type": f"lifespan.{what}"})
    answer = await from_app.get()
    if answer["type"] != f"lifespan.{what}.complete":
        reason = str(answer.get("message") or "no reason given").strip().splitlines()[-1]
        raise ConfigurationError(f"A service failed at {what}: {reason}")
