"""Serve an ASGI app by uvicorn until a signal asks to stop.

Order of the shutdown: no new connections, open ones are asked to end, up to `shutdown_timeout_s`
for requests in flight, then the app's lifespan. A second signal cuts this short. The process ends
by itself: unlike uvicorn's own server this one does not raise the signal again, so the exit code is
0.

A fault that only a new process may fix shuts it down the same way, with another exit code, so that
its supervisor restarts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
import threading
from collections.abc import Callable, Generator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from clarion.errors import Broken, ConfigurationError
from clarion.http.access_log import AccessLogMiddleware
from clarion.lifecycle.bounded_http import BoundedHttp
from clarion.lifecycle.event_loop import STOP_SIGNALS
from clarion.lifecycle.uvicorn_internals import check
from clarion.lifecycle.workers import Worker, WorkerOperations

BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than the 60 s for which proxies keep idle connections, so that they close first."""


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    worker: Worker | None = None,
    ws: type[asyncio.Protocol] | str = "none",
    shutdown_timeout_s: float,
    access_log: bool = False,
    on_started: Callable[[int], None] | None = None,
    find_fault: Callable[[], str] = lambda: "",
) -> None:
    """Serve until SIGTERM or SIGINT, then shut down gracefully.

    `worker` is assigned by a supervisor; without it `host` and `port` are bound (port 0: any free
    one). `on_started` gets the real port once requests are answered. `find_fault` is called every
    second: if it returns a sentence, the service shuts down gracefully and this raises `Broken`.
    Raises `ConfigurationError` if the address cannot be bound, and for an unsupported version of
    uvicorn.
    """
    check()
    async with contextlib.AsyncExitStack() as stack:
        if worker is None:
            listener = stack.enter_context(open_listener(host, port))
        else:
            listener = stack.enter_context(socket.socket(fileno=worker.listener))
            operations = WorkerOperations(app, worker)
            await stack.enter_async_context(operations.answering())
            app = operations
        if access_log:
            app = AccessLogMiddleware(app)
        config = uvicorn.Config(
            app,
            loop="none",
            http=BoundedHttp,
            ws=ws,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(shutdown_timeout_s),
        )
        server = Server(config, on_started, find_fault)
        await server.serve(sockets=[listener])
        if server.fault:
            raise Broken(server.fault)


def open_listener(host: str, port: int) -> socket.socket:
    """A bound TCP socket that children may inherit. Raises `ConfigurationError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another with --port or CLARION_PORT."
        ) from error
    return listener


class Server(uvicorn.Server):
    """uvicorn's server with signals that shut it down gracefully."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[int], None] | None,
        find_fault: Callable[[], str],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._find_fault = find_fault
        self.fault = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the lifespan and accept connections."""
        await super().startup(sockets)
        if self.started and self._on_started is not None and sockets:
            self._on_started(sockets[0].getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop; called ten times a second."""
        if counter % 10 == 0:
            self.fault = self._find_fault()
        return bool(self.fault) or await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take the stop signals while serving; outside the main thread there are none to take."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in STOP_SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks to stop, the second insists."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
