"""What reading a client's frame costs, by parser: `python -m bench.measures.framing [FRAMES]`.

Ours keeps the parser of `websockets` for a frame and assembles messages itself. Beside it stand
that library's whole protocol object, which a session would have to hold, and the least that any
parser in Python does: lengths, unmasking, UTF-8, and no rule of the RFC checked.
"""

from __future__ import annotations

import struct
import sys
import time
import tracemalloc
from collections.abc import Callable

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side
from websockets.utils import apply_mask

from services.pusher.wire.frame_reader import FrameReader

BODY = b'{"type":"read","ids":["018f0000-0000-7000-8000-000000000000"],"ref":7}'
FRAME = Frame(Opcode.TEXT, BODY).serialize(mask=True)
IDLE = 1_000
A_READ = 16
"""Frames that arrive together."""


def new_inbound() -> FrameReader:
    """Ours, for one session."""
    return FrameReader(65_536)


def new_protocol() -> Protocol:
    """That of `websockets`, for one session."""
    return Protocol(Side.SERVER, max_size=65_536)


def by_ours(reads: int) -> int:
    """`services.pusher.wire.frame_reader`, as a session uses it."""
    inbound, taken = new_inbound(), 0
    for _ in range(reads):
        inbound.feed(FRAME * A_READ)
        while inbound.next() is not None:
            taken += 1
    return taken


def by_websockets(reads: int) -> int:
    """The library's sans-I/O protocol."""
    protocol, taken = new_protocol(), 0
    for _ in range(reads):
        protocol.receive_data(FRAME * A_READ)
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            bytes(event.data).decode()
            taken += 1
    return taken


def by_least(reads: int) -> int:
    """No more than has to be done, for this frame alone."""
    taken = 0
    for _ in range(reads):
        data, at = FRAME * A_READ, 0
        while at < len(data):
            _, second = struct.unpack_from("!BB", data, at)
            size = second & 0x7F
            mask = data[at + 2 : at + 6]
            apply_mask(data[at + 6 : at + 6 + size], mask).decode()
            at += 6 + size
            taken += 1
    return taken


def measured(parse: Callable[[int], int], frames: int) -> float:
    """Microseconds of CPU a frame: the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        taken = parse(frames // A_READ)
        best = min(best, (time.process_time() - began) / taken)
    return best * 1e6


def held(make: Callable[[], object]) -> float:
    """Bytes that an idle one holds."""
    tracemalloc.start()
    kept = [make() for _ in range(IDLE)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(kept)


def main(frames: int) -> None:
    """Print a line for each."""
    for parse in (by_ours, by_websockets, by_least):
        sys.stdout.write(f"{parse.__name__:<14} {measured(parse, frames):6.2f} us a frame\n")
    for name, make in (("ours", new_inbound), ("websockets", new_protocol)):
        sys.stdout.write(f"{name:<14} {held(make):6.0f} bytes idle\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
