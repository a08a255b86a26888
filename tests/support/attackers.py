"""Attackers of a pusher beside those of `fuzz`: each does one thing, and tells the tally what came
of it. What should not have come is strange."""

from __future__ import annotations

import asyncio
import random
import struct
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from tests.support.fuzz import OTHERS_ID, VERBS, Tally
from tests.support.pusher import Client, Served, token
from tests.support.raw_socket import (
    CLOSE,
    MASK,
    PING,
    TEXT,
    ServerFrame,
    client_frame,
    fragments,
    raw_socket,
)

MILLION = 1_000_000
CROWD = 20
DRIP_S = (0.2, 2.0)
HEAD = b"GET /v1/live HTTP/1.1\r\nHost: x\r\nX-Slow: "
OVERSIZE_BYTES = 65_537

FLOODS = {
    "digit": (b"", client_frame(TEXT, b"0")),
    "nothing": (b"", client_frame(TEXT)),
    "ping": (b"", client_frame(PING)),
    "frame": (b"", client_frame(TEXT, b'{"type":"ping"}')),
    "endless message": (client_frame(TEXT, fin=False), client_frame(0, fin=False)),
}
"""What comes first, and what comes again and again."""

OVERSIZE = {
    "sent": client_frame(TEXT, b"x" * OVERSIZE_BYTES),
    "announced": struct.pack("!BBQ", 0x80 | TEXT, 0x80 | 127, 2**40) + MASK,
    "in parts": b"".join(fragments([b"x" * (OVERSIZE_BYTES // 2)] * 3)),
}


async def flood(
    pusher: Served, kind: str, tally: Tally, *, at_most: int = MILLION
) -> list[ServerFrame]:
    """Tiny frames until the pusher ends the connection; what it said."""
    opening, tiny = FLOODS[kind]
    async with raw_socket(pusher, "mallory") as raw:
        reading = asyncio.create_task(raw.rest(60))
        with suppress(ConnectionError):
            await raw.send(opening)
            while tally.tiny_frames < at_most and not reading.done():
                await raw.send(tiny * 100)
                tally.tiny_frames += 100
                await asyncio.sleep(0)
        return await reading


async def attack_by_flood(pusher: Served, chance: random.Random, _: str, tally: Tally) -> None:
    """A flood of one kind, which is closed before it is a million frames."""
    kind = chance.choice(list(FLOODS))
    frames = await flood(pusher, kind, tally, at_most=tally.tiny_frames + MILLION)
    expect(tally, f"flood of {kind}", code_of(frames), 4429)


async def attack_by_size(pusher: Served, chance: random.Random, _: str, tally: Tally) -> None:
    """One message that is larger than one may be."""
    kind = chance.choice(list(OVERSIZE))
    async with raw_socket(pusher, chance.choice((None, "mallory"))) as raw:
        with suppress(ConnectionError):
            await raw.send(OVERSIZE[kind])
        expect(tally, f"oversize {kind}", code_of(await raw.rest()), 4413)


async def attack_by_silence(pusher: Served, _c: random.Random, _v: str, tally: Tally) -> None:
    """A crowd that never says who it is."""
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(raw_socket(pusher, None)) for _ in range(CROWD)]
        for one in silent:
            expect(tally, "silent", code_of(await one.rest()), 4408)


async def attack_by_slowness(pusher: Served, chance: random.Random, _: str, tally: Tally) -> None:
    """A crowd whose handshakes come byte by byte and never end."""
    await asyncio.gather(*(drip(pusher, chance, tally) for _ in range(CROWD)))


async def drip(pusher: Served, chance: random.Random, tally: Tally) -> None:
    """One slow handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pusher.port)
    writer.write(HEAD)
    answering = asyncio.create_task(reader.read(200))
    with suppress(ConnectionError):
        while not (await asyncio.wait([answering], timeout=chance.uniform(*DRIP_S)))[0]:
            writer.write(b"a")
    answer = await answering
    writer.close()
    expect(tally, "slow handshake", int(answer[9:12] or 0), 408)


async def attack_by_ids(pusher: Served, _: random.Random, victim: str, tally: Tally) -> None:
    """Every command, by socket and by REST, with the id of somebody else's item."""
    async with pusher.feed("mallory") as client:
        for verb in VERBS:
            await client.send(command(verb, victim) | {"type": verb, "ref": verb})
            answer = await answer_to(client, verb)
            expect(tally, f"another's id to {verb}", answer["type"], "ok")
        await client.send({"type": "publish", "topic": "victim", "data": {}, "ref": "publish"})
        refused = await answer_to(client, "publish")
        expect(tally, "another's topic", refused.get("code"), "topic_not_allowed")
    headers = {"Authorization": f"Bearer {token('mallory')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as http:
        for verb in VERBS:
            answer = await http.post(f"/v1/inbox/{verb}", json=command(verb, victim))
            changed = answer.json().get("changed", answer.status_code)
            expect(tally, f"another's id to REST {verb}", changed, 0, 429)


def command(verb: str, victim: str) -> dict[str, Any]:
    """What the verb is to change."""
    selection: dict[str, Any] = {"ids": [victim, OTHERS_ID]}
    if verb == "snooze":
        selection["until"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return selection


async def answer_to(client: Client, ref: str) -> dict[str, Any]:
    """The frame that bears `ref`."""
    while (frame := await client.next()).get("ref") != ref:
        pass
    return frame


def code_of(frames: list[ServerFrame]) -> int | None:
    """The close code that a session ended with."""
    return frames[-1].code if frames and frames[-1].opcode == CLOSE else None


def expect(tally: Tally, what: str, came: object, *expected: object) -> None:
    """Note what came."""
    tally.outcomes[f"{what}: {came}"] += 1
    if came not in expected:
        tally.strange.append(f"{what}: {came}, not {expected}")
