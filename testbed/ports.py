"""Ports of 127.0.0.1 that nobody else takes: neither another worker or run, nor a connection.

A process claims blocks of ports by locks that end with it. The blocks lie below the range from
which the kernel takes the ports of connections, so that none of those can be in the way either
between the moment in which a port is given out and that in which a server listens on it.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import cycle, islice
from pathlib import Path

FIRST, LAST = 10_000, 32_000
BLOCK = 100
MAX_BLOCKS = 5
"""So many are claimed, each when those before are used up; then they come again."""


def free_port() -> int:
    """A TCP port that is free, and was not given out for as long as that can be."""
    for _ in range(2 * BLOCK):
        port = next(_ports(), 0)  # of the kernel's choice where all blocks are claimed
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    raise RuntimeError(f"no free port among {FIRST} to {LAST} on 127.0.0.1")


@cache
def _ports() -> Iterator[int]:
    """The ports of our blocks, one block after the other, round and round."""
    blocks = cycle(islice(_claim_blocks(), MAX_BLOCKS))
    return (port for block in blocks for port in range(block, block + BLOCK))


def _claim_blocks() -> Iterator[int]:
    """Blocks that nobody else has claimed, in an order of our own."""
    folder = Path(tempfile.gettempdir(), f"clarion-test-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    blocks = list(range(FIRST, LAST, BLOCK))
    random.SystemRandom().shuffle(blocks)  # tests seed the common generator
    for block in blocks:
        # A bare descriptor, which stays open until this process ends
        claim = os.open(folder / str(block), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(claim)
            continue
        yield block
