"""The floor: a C program that only calls send(2), once for each frame."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.contenders.contender import Contender, MissingProgram, News
from bench.lib.ground import Ground
from bench.lib.server import Server
from bench.loads.sockets import Sockets
from testbed.processes import free_port, start_process

SOURCE = Path(__file__).parent.parent / "peers" / "send.c"
REMEDY = "send(2) is left out: it needs a C compiler (Debian: apt-get install gcc libc6-dev)."


@asynccontextmanager
async def opened(_: Ground) -> AsyncIterator[Contender]:
    """As `Opening`. Raises `MissingProgram`."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as directory:
        arguments = [str(compiled(Path(directory))), str(port)]
        process = await start_process(arguments, ready="ready")
        async with process:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)

            async def command(frames: int, size: int) -> None:
                writer.write(b"%d %d\n" % (frames, size))
                await reader.readexactly(1)

            async def send(news: Sequence[News]) -> None:
                each = sum(one.subscriber == news[0].subscriber for one in news)
                await command(each, len(news[0].body))

            await command(0, 0)  # so that it knows who commands
            yield Contender("send(2)", Server(process.pid, port), Sockets(port, "/"), send)
            writer.close()


def compiled(directory: Path) -> Path:
    """The program. Raises `MissingProgram` where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise MissingProgram(REMEDY)
    made = directory / "send"
    subprocess.run([compiler, "-O2", "-o", str(made), str(SOURCE)], check=True)
    return made
