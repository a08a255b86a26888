"""The socket against the Autobahn cases, by their numbers, on a real connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from tests.support.pusher import Pusher, running_pusher
from tests.support.raw_socket import CLOSE, PONG, ServerFrame, raw_socket
from tests.support.rfc6455_cases import BOUND, SECTIONS, Case

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


@pytest.fixture
async def pusher(memory_bus: Bus, database: Database) -> AsyncIterator[Pusher]:
    async with running_pusher(
        memory_bus,
        database,
        max_frame_bytes=BOUND,
        max_frames_per_minute=1_000_000,
        handshakes_per_s=10_000,
    ) as running:
        yield running


def told(frame: ServerFrame, expected: str) -> str:
    """A frame as the table writes it, as finely as `expected` does."""
    if frame.opcode == CLOSE:
        return "-" if frame.code is None else str(frame.code)
    if frame.opcode == PONG:
        payload = frame.payload.decode("latin-1")
        return "PONG:" + "".join(
            c if c.isprintable() and c < "\x7f" else f"\\x{ord(c):02x}" for c in payload
        )
    said = json.loads(frame.payload)
    kind = str(said["type"])
    return f"{kind}:{said['ref']}" if expected.startswith("pong:") and kind == "pong" else kind


async def played(pusher: Pusher, one: Case) -> list[str]:
    """What came of a case."""
    async with raw_socket(pusher, "user-1", DEFLATE) as raw:
        if one.chop is None:
            await raw.send(b"".join(one.sent))
        else:
            for data in one.sent:
                await raw.send(data, chop=one.chop)
        frames = await raw.rest()
    hints = [*one.answers, *[""] * len(frames)]
    return [told(frame, hint) for frame, hint in zip(frames, hints, strict=False)]


def expected(one: Case) -> list[str]:
    """The answers, and the echo of the client's 1000 where it ends the case."""
    ends = one.answers[-1] if one.answers else ""
    return [*one.answers] if ends.isdigit() or ends == "-" else [*one.answers, "1000"]


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_case_ends_as_the_rfc_says(pusher: Pusher, section: str) -> None:
    cases = SECTIONS[section]
    came = {number: await played(pusher, one) for number, one in cases.items()}
    assert came == {number: expected(one) for number, one in cases.items()}
