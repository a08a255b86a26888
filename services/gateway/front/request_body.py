"""Reading a request body within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from clarion.errors import TooLarge, TooSlow
from clarion.http.bodies import BODY_TIMEOUT_S
from services.gateway.front.memory_budget import WaitingRoom


class BodyReader:
    """Reads bodies of at most `max_bytes`, and of all requests no more than the room holds."""

    def __init__(self, room: WaitingRoom, max_bytes: int) -> None:
        self._room = room
        self._max_bytes = max_bytes

    async def read(self, tenant: str, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The body; the caller gives its length back to the room when the request is answered.

        Raises `TooLarge` before anything past the bound is kept, `TooSlow` where it does not
        arrive in time, what the room raises, `ClientDisconnect`.
        """
        length = headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._max_bytes:
            raise self._too_large()
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            self._check(len(body))
            self._room.enter(tenant, len(body))
            return body
        return await self._read_rest(tenant, body, receive)

    async def _read_rest(self, tenant: str, first: bytes, receive: Receive) -> bytes:
        chunks, held = [first], 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    self._check(held + len(chunks[-1]))
                    self._room.enter(tenant, len(chunks[-1]))
                    held += len(chunks[-1])
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    chunks.append(message.get("body", b""))
                    if not message.get("more_body", False):
                        self._check(held + len(chunks[-1]))
                        self._room.enter(tenant, len(chunks[-1]))
                        return b"".join(chunks)
        except TimeoutError:
            self._room.leave(tenant, held)
            raise TooSlow("The body did not arrive in time.") from None
        except BaseException:
            self._room.leave(tenant, held)
            raise

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is larger than {self._max_bytes} bytes.")
