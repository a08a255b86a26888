"""One Firefox for all tests of a run, driven by Playwright over WebDriver BiDi.

A Firefox takes seconds to start. So what Playwright starts is `firefox_seat.py`, which asks this
server for a place in a Firefox that goes on running: what Playwright says is passed on, but that
the browser should close ends the session alone. A session that ended otherwise takes the browser
with it.

Playwright also sets a page's colour scheme whenever it opens a context, by a command that a Firefox
ESR does not know yet, and gives up where that is refused. Where it asks for what a page has anyhow
it is told here that this is done.

    python -m testbed.firefox_server SOCKET /usr/bin/firefox-esr
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
OPTIONS: dict[str, Any] = {"max_size": None, "compression": None, "ping_interval": None}
MEDIA = "emulation.setMediaFeaturesOverride"
AS_IT_IS: tuple[dict[str, Any], ...] = (
    {},
    {"prefers-color-scheme": "light"},
    {"prefers-color-scheme": None},
)
END: dict[str, Any] = {"id": 0, "method": "session.end", "params": {}}
ENDS_WITHIN_S = 10


class FirefoxServer:
    """A browser that is started when it is asked for and not there."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._browser: Process | None = None
        self._address = ""
        self._profile = tempfile.TemporaryDirectory(prefix="firefox-")
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """End the browser."""
        if self._browser is not None and self._browser.returncode is None:
            self._browser.kill()
            await self._browser.wait()
        self._browser = None
        shutil.rmtree(self._profile.name, ignore_errors=True)

    async def seat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell who asks where to speak to the browser, until either leaves."""
        arguments = json.loads(await reader.readline())
        over = asyncio.Event()

        async def relay(playwright: ServerConnection) -> None:
            try:
                await self._relay(playwright)
            finally:
                over.set()

        async with self._turn:
            await self._start(arguments)
            async with serve(relay, "127.0.0.1", 0, **OPTIONS) as server:
                writer.write(b"%d\n" % server.sockets[0].getsockname()[1])
                left = asyncio.create_task(reader.read())
                ended = asyncio.create_task(over.wait())
                await asyncio.wait([left, ended], return_when=asyncio.FIRST_COMPLETED)
                left.cancel()
            await ended
        writer.close()

    async def _start(self, arguments: list[str]) -> None:
        if self._browser is not None and self._browser.returncode is None:
            return
        await self.close()
        given = arguments[arguments.index("--profile") + 1]  # with the preferences that it needs
        shutil.copytree(given, self._profile.name)
        arguments = [self._profile.name if one == given else one for one in arguments]
        self._browser = await asyncio.create_subprocess_exec(
            self._program, *arguments, stderr=asyncio.subprocess.PIPE
        )
        stderr = self._browser.stderr
        assert stderr is not None
        while (found := LISTENING.search(line := await stderr.readline())) is None:
            if not line:
                raise RuntimeError("Firefox ended before it listened.")
        self._address = f"{found[1].decode()}/session"
        self._read_on = asyncio.create_task(_pass_over(stderr))

    async def _relay(self, playwright: ServerConnection) -> None:
        in_order = False
        async with connect(self._address, **OPTIONS) as firefox:
            answers = asyncio.create_task(_copy(firefox, playwright))
            with suppress(ConnectionClosed):
                async for message in playwright:
                    command = json.loads(message)
                    in_order = command["method"] == "browser.close"
                    if in_order:
                        await firefox.send(json.dumps(END))
                        await asyncio.wait([answers], timeout=ENDS_WITHIN_S)
                        break
                    if _is_met_already(command):
                        done: dict[str, Any] = {
                            "type": "success",
                            "id": command["id"],
                            "result": {},
                        }
                        await playwright.send(json.dumps(done))
                    else:
                        await firefox.send(message)
            answers.cancel()
        if not in_order:
            await self.close()


def _is_met_already(command: dict[str, Any]) -> bool:
    return command["method"] == MEDIA and command["params"]["features"] in AS_IT_IS


async def _copy(firefox: ClientConnection, playwright: ServerConnection) -> None:
    """From the browser until the session has ended."""
    with suppress(ConnectionClosed):
        async for message in firefox:
            if json.loads(message).get("id") == END["id"]:
                return
            await playwright.send(message)
    await playwright.close()


async def _pass_over(stderr: asyncio.StreamReader) -> None:
    while await stderr.readline():
        pass


async def main(path: str, program: str) -> None:
    """Runs until SIGTERM."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    server = FirefoxServer(program)
    async with await asyncio.start_unix_server(server.seat, path):
        await told.wait()
        await server.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
