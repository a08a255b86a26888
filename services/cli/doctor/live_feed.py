"""Whether a page can listen: by WebSocket, and by the event stream where that cannot pass."""

from __future__ import annotations

import asyncio
import json

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

from clarion.contracts.frames import SUBPROTOCOL
from services.cli.doctor.finding import Finding
from services.cli.doctor.public_address import TIMEOUT_S, PublicAddress, away, cause_of

SOCKET, STREAM = "WebSocket", "event stream"
UNAUTHORIZED, FORBIDDEN = 4401, 4403
CAUGHT_UP = '"type":"caught_up"'
HOST = (
    "Let the proxy pass Host on whole, with its port (nginx: proxy_set_header Host $http_host), or "
    "list the origin in CLARION_ALLOWED_ORIGINS. The log line origin_refused shows both."
)
UPGRADE = (
    "Let the proxy pass the upgrade on by HTTP/1.1 (nginx: proxy_http_version 1.1; "
    "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade)."
)
NEW_TOKEN = "Give another --token, or the CLARION_TOKEN_SECRET that the pusher has."  # noqa: S105
UNBUFFERED = (
    "Switch buffering, compression and caching off for /v1/live (nginx: proxy_buffering off)."
)


async def check_websocket(address: PublicAddress, token: str | None) -> Finding:
    """A handshake as a page of the public address sends it, then the first frame of a feed. Without
    a token that is the refusal of one."""
    try:
        async with connect(
            address.websocket(),
            origin=Origin(address.origin),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            ssl=address.trust(),
            open_timeout=TIMEOUT_S,
        ) as socket:
            return await _first_frame(socket, token)
    except InvalidStatus as error:
        status = error.response.status_code
        return Finding(SOCKET, f"The handshake is answered with {status}, not 101.", UPGRADE)
    except (InvalidHandshake, TimeoutError):
        return Finding(SOCKET, "The handshake is not answered as one.", UPGRADE)
    except ConnectionClosed as closed:
        return _closed(closed, token)
    except OSError as error:
        return Finding(SOCKET, f"It does not open: {cause_of(error)}.", away(error))


async def _first_frame(socket: ClientConnection, token: str | None) -> Finding:
    if token is not None:
        await socket.send(json.dumps({"type": "auth", "token": token}))
    await socket.send(json.dumps({"type": "hello"}))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await socket.recv()
    except TimeoutError:
        return Finding(SOCKET, "It opens, but no frame arrives.", UPGRADE)
    return Finding(SOCKET, "A page of this address opens a feed.")


def _closed(closed: ConnectionClosed, token: str | None) -> Finding:
    code = closed.rcvd.code if closed.rcvd is not None else None
    if code == FORBIDDEN:
        return Finding(SOCKET, "The origin is refused: Host is not what the browser sent.", HOST)
    if code == UNAUTHORIZED and token is None:
        return Finding(SOCKET, "A page of this address may connect; no token was tried.")
    if code == UNAUTHORIZED:
        return Finding(SOCKET, "A page may connect, but the token is not valid.", NEW_TOKEN)
    sentence = f"The connection is closed with {code or 'no code'}."
    return Finding(SOCKET, sentence, "The log of the proxy or of the pusher says why.")


async def check_stream(address: PublicAddress, token: str | None) -> Finding:
    """Whether the events of an empty feed arrive while the stream stays open."""
    if token is None:
        sentence = (
            "It was not tried: that takes --token, or the CLARION_TOKEN_SECRET of the pusher."
        )
        return Finding(STREAM, sentence)
    headers = {"authorization": f"Bearer {token}", "origin": address.origin}
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            address.client() as client,
            client.stream("GET", "/v1/live/sse", headers=headers) as answer,
        ):
            if answer.status_code != 200:
                return _refused(answer.status_code)
            if "content-encoding" in answer.headers:
                return Finding(STREAM, "A proxy compresses it.", UNBUFFERED)
            async for line in answer.aiter_lines():
                # The first part may come through with the head, whatever becomes of the others.
                if CAUGHT_UP in line:
                    return Finding(STREAM, "Its events arrive at once.")
    except (TimeoutError, httpx2.TimeoutException):
        sentence = f"No event arrives within {TIMEOUT_S:g} s: a proxy buffers it."
        return Finding(STREAM, sentence, UNBUFFERED)
    except httpx2.HTTPError as error:
        return Finding(STREAM, f"It does not open: {cause_of(error)}.", away(error))
    return Finding(STREAM, "It ends at once.", UNBUFFERED)


def _refused(status: int) -> Finding:
    sentence = f"It is answered with {status}."
    if status == 403:
        return Finding(STREAM, "The origin is refused: Host is not what the browser sent.", HOST)
    if status == 401:
        return Finding(STREAM, "The token is not valid.", NEW_TOKEN)
    return Finding(STREAM, sentence, "The log of the proxy or of the pusher says why.")
