"""A live feed as lines of text: it reconnects after a lost connection and resumes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable

import typer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from clarion.contracts.frames import SUBPROTOCOL
from clarion.errors import ClarionError, Unauthorized
from clarion.lifecycle.background import backoff_s
from services.cli.feed_lines import Position, line_of

OPEN_TIMEOUT_S = 10.0
MAX_FRAME_BYTES = 16 * 1024 * 1024
NOT_AGAIN = {
    4403: "The system does not allow it.",
    4413: "A frame was too large.",
}
"""Close codes after which a reconnect would not help."""
TOO_MANY_SESSIONS, SLOWLY_S = 4409, 60.0
"""Others have to end first."""


class WatchedFeed:
    """One feed, over as many connections as it takes."""

    def __init__(self, address: str, new_token: Callable[[], str], *, as_json: bool) -> None:
        self._address = address
        self._new_token = new_token
        self._as_json = as_json
        self._position = Position()
        self._failures = 0
        self._wait_s: float | None = None

    async def follow(self) -> None:
        """Follow until cancelled. Raises `Unauthorized` or `ClarionError` if a reconnect would not
        help."""
        while True:
            try:
                await self._session()
            except ConnectionClosed as error:
                self._judge(error)
            except InvalidStatus as error:
                self._refuse(error.response.status_code)
            except (OSError, TimeoutError, InvalidHandshake):
                pass
            self._failures += 1
            wait_s = backoff_s(self._failures) if self._wait_s is None else self._wait_s
            self._wait_s = None
            say(f"There is no connection; again in {wait_s:.1f} s.")
            await asyncio.sleep(wait_s)

    async def _session(self) -> None:
        async with connect(
            self._address,
            additional_headers={"Authorization": f"Bearer {self._new_token()}"},
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            open_timeout=OPEN_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            compression=None,
            user_agent_header=None,
        ) as connection:
            await self._read(connection)

    async def _read(self, connection: ClientConnection) -> None:
        await connection.send(json.dumps(self._position.hello()))
        async for text in connection:
            frame = json.loads(text)
            if frame.get("type") == "reconnect":
                self._wait_s = frame["after_ms"] / 1000
            if self._position.take(frame):
                self._failures = 0
            line = json.dumps(frame) if self._as_json else line_of(frame)
            if line:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()

    def _judge(self, error: ConnectionClosed) -> None:
        code = error.rcvd.code if error.rcvd is not None else None
        if code in NOT_AGAIN:
            raise ClarionError(f"{NOT_AGAIN[code]} ({code})")
        if code == TOO_MANY_SESSIONS:
            say("This subscriber has as many sessions open as one may have.")
            self._wait_s = SLOWLY_S
        if code == 4401 and self._failures > 0:
            self._refuse(401)

    def _refuse(self, status: int) -> None:
        if status == 401:
            raise Unauthorized(
                "The system does not take the token. Is CLARION_TOKEN_SECRET the same there?"
            )
        if status in (403, 404):
            raise ClarionError(f"There is no live feed at {self._address} ({status}).")


def say(sentence: str) -> None:
    """A remark that is not part of the feed."""
    typer.echo(f"clarion: {sentence}", err=True)
