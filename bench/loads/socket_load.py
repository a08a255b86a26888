"""`python -m bench.loads.socket_load JSON`: sockets that only listen; JSON is a `Sockets`.

Writes `prepared` before the first connects, `open` once all are ready, and `round` each time as
many further frames have come as there are sockets.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

import uvloop

from bench.loads.sockets import Sockets, connect, socket_of


class Tally:
    """Frames of all sockets; tells at every full round."""

    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        self._frames = 0

    def hear(self, frames: Sequence[bytes]) -> None:
        """Count them."""
        before = self._frames // self._sessions
        self._frames += len(frames)
        for _ in range(self._frames // self._sessions - before):
            print("round", flush=True)


async def main(wanted: Sockets) -> None:
    hear = Tally(wanted.sessions).hear
    sockets = [socket_of(wanted, name, hear) for name in wanted.subscribers()]
    print("prepared", flush=True)
    await connect(wanted.port, sockets)
    print("open", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Sockets(**json.loads(sys.argv[1]))))
