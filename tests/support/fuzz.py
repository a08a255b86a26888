"""A fuzzer of the pusher's socket; `tests.support.attack` is the command.

It sends bytes that are nearly right, wrong, cut and shuffled, by sessions that are proven and by
such as are not, and handshakes likewise. Whatever comes back must be a frame of `clarion.v1`, a
close frame, or an HTTP answer that is no 5xx.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.support.pusher import Served, token
from tests.support.raw_socket import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    RawSocket,
    ServerFrame,
    client_frame,
    raw_socket,
    upgrade_request,
)

KNOWN_TYPES = frozenset(
    ("welcome", "notification", "changed", "caught_up", "ok", "error", "pong", "reconnect")
)
VERBS = ("read", "unread", "seen", "archive", "unarchive", "snooze")
ODD: tuple[Any, ...] = (
    None,
    -1,
    0,
    2**53,
    10**30,
    1.5,
    "",
    "x" * 300,
    [],
    {},
    [[]],
    True,
    "\0",
    "2030-01-01T00:00:00Z",
)
OTHERS_ID = "018f0000-0000-7000-8000-000000000000"
SILENCE_S = 0.05


@dataclass
class Tally:
    """What came of it."""

    rounds: int = 0
    tiny_frames: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    strange: list[str] = field(default_factory=list[str])


def some_frame(chance: random.Random, victim: str) -> bytes:
    """A frame of `clarion.v1`, with fields that are right, odd, missing or too many."""
    kind = chance.choice((*VERBS, "hello", "ack", "auth", "publish", "ping", "dance", ""))
    frame: dict[str, Any] = {"type": kind}
    fields: dict[str, Any] = {
        "since": chance.choice((0, 1, *ODD)),
        "version": chance.choice((0, 5, *ODD)),
        "ids": chance.choice(([victim], [victim, OTHERS_ID], ["x"], *ODD)),
        "up_to": chance.choice((0, 7, *ODD)),
        "until": chance.choice(ODD),
        "topic": chance.choice(("room:1", "other/topic", *ODD)),
        "data": chance.choice(ODD),
        "token": chance.choice(("a.b.c", token("another"), *ODD)),
        "ref": chance.choice(ODD),
    }
    for name in chance.sample(list(fields), chance.randint(0, 4)):
        frame[name] = fields[name]
    return json.dumps(frame).encode()


def some_bytes(chance: random.Random, victim: str) -> bytes:
    """A WebSocket frame, or what was one."""
    shape = chance.random()
    if shape < 0.5:
        opcode, payload = TEXT, some_frame(chance, victim)
    else:
        opcode, payload = chance.randrange(16), chance.randbytes(chance.choice((0, 1, 2, 50, 126)))
    data = client_frame(
        opcode,
        payload,
        fin=chance.random() < 0.85,
        rsv=0 if chance.random() < 0.95 else chance.randrange(8),
        masked=chance.random() < 0.97,
    )
    return mutated(chance, data) if chance.random() < 0.25 else data


def mutated(chance: random.Random, data: bytes) -> bytes:
    """The same with bytes changed, cut, doubled or put in."""
    raw = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(4):
            case 0 if at < len(raw):
                raw[at] ^= 1 << chance.randrange(8)
            case 1:
                del raw[at : at + chance.randint(1, 8)]
            case 2:
                raw[at:at] = raw[at : at + chance.randint(1, 16)]
            case _:
                raw[at:at] = chance.randbytes(chance.randint(1, 16))
    return bytes(raw)


def judged(frame: ServerFrame) -> str | None:
    """What is wrong with a frame of the server, or `None`."""
    if frame.opcode in (CLOSE, PING, PONG):
        return None
    said = json.loads(frame.payload)
    return None if frame.opcode == TEXT and said["type"] in KNOWN_TYPES else f"{frame}"


async def attack_socket(pusher: Served, chance: random.Random, victim: str, tally: Tally) -> None:
    """One session that misbehaves until it is closed or tired."""
    subscriber = chance.choice((None, "mallory", "mallory", "mallory"))
    async with raw_socket(pusher, subscriber) as raw:
        reading = asyncio.create_task(read_all(raw))
        try:
            for _ in range(chance.randint(1, 12)):
                chop = chance.choice((None, None, None, 1, 7))
                await raw.send(some_bytes(chance, victim), chop=chop)
        except ConnectionError:
            pass
        if not reading.done():
            await asyncio.wait([reading], timeout=SILENCE_S)
            raw.writer.close()
        frames = await reading
    tally.strange += [wrong for frame in frames if (wrong := judged(frame)) is not None]
    code = frames[-1].code if frames and frames[-1].opcode == CLOSE else "open"
    tally.outcomes[f"socket {code}"] += 1


async def read_all(raw: RawSocket) -> list[ServerFrame]:
    """Every frame until the connection ends."""
    found: list[ServerFrame] = []
    while (frame := await raw.next()) is not None:
        found.append(frame)
    return found


async def attack_handshake(pusher: Served, chance: random.Random, tally: Tally) -> None:
    """One request that is nearly a handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pusher.port)
    writer.write(mutated(chance, upgrade_request(pusher, f"Cookie: {'c' * chance.randint(0, 99)}")))
    writer.write_eof()
    try:
        async with asyncio.timeout(5):
            answer = await reader.read(200)
    except (TimeoutError, ConnectionError):
        answer = b""
    writer.close()
    status = answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "none"
    tally.outcomes[f"handshake {status}"] += 1
    if status.startswith("5") or (answer and status == "none"):
        tally.strange.append(f"handshake: {answer[:60]!r}")


async def fuzz(pusher: Served, seed: int, *, rounds: int, victim: str = OTHERS_ID) -> Tally:
    """So many attacks, the same for the same seed."""
    chance = random.Random(seed)  # to be repeated, not to be secret
    tally = Tally()
    for _ in range(rounds):
        await attack_by_bytes(pusher, chance, victim, tally)
    return tally


async def attack_by_bytes(pusher: Served, chance: random.Random, victim: str, tally: Tally) -> None:
    """One socket or one handshake."""
    if chance.random() < 0.2:
        await attack_handshake(pusher, chance, tally)
    else:
        await attack_socket(pusher, chance, victim, tally)
    tally.rounds += 1
