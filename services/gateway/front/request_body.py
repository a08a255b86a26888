"""Reading a request body within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from clarion.errors import TooLarge, TooSlow
from clarion.http.bodies import BODY_TIMEOUT_S

Hold = Callable[[int], None]
"""Called with the size of each chunk before it is kept; may refuse it."""


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, max_bytes: int, hold: Hold
) -> bytes:
    """Return the body.

    Raises `TooLarge` before anything past `max_bytes` is kept, `TooSlow` if it does not arrive in
    time, what `hold` raises, and `ClientDisconnect`.
    """
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > max_bytes:
        raise _too_large(max_bytes)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        return await _read_rest(body, receive, max_bytes, hold)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    hold(len(body))
    return body


async def _read_rest(first: bytes, receive: Receive, max_bytes: int, hold: Hold) -> bytes:
    chunks, size, more = [first], len(first), True
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                if size > max_bytes:
                    raise _too_large(max_bytes)
                hold(len(chunks[-1]))
                if not more:
                    return b"".join(chunks)
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                more = message.get("more_body", False)
    except TimeoutError:
        raise TooSlow("The body did not arrive in time.") from None


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {max_bytes} bytes.")
