"""A connection that is made again for as long as it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import aiormq
import structlog
from aio_pika.abc import AbstractChannel

from clarion.bus.metrics import LINK_UP
from clarion.bus.rabbitmq import declaration
from clarion.bus.rabbitmq.backoff import Backoff, Patience
from clarion.bus.rabbitmq.connection import Connection, connect, place_of
from clarion.bus.rabbitmq.declaration import Declare, NotDeclaredYet, declare_exchanges
from clarion.errors import ConfigurationError
from clarion.topology import EVENTS

PROBE_INTERVAL_S = 10.0
PROBE_TIMEOUT_S = 5.0
FIRST_ATTEMPT_S = 5.0
OPEN_S = 30.0
"""For connecting and declaring: a new quorum queue on a busy disk takes its time."""
END_S = 3.0
STEADY_AFTER_S = 5.0
"""A connection that lived this long counts as a success: the next backoff starts low."""

FAILURES = (
    OSError,
    TimeoutError,
    aiormq.exceptions.AMQPError,
    RuntimeError,
    StopAsyncIteration,
)
"""What aio-pika raises for a broker that is away, going, or gone (`ChannelInvalidStateError` is a
`RuntimeError`; a handshake that the broker breaks off ends in `StopAsyncIteration`)."""

log = structlog.get_logger("clarion.bus")

Prepare = Callable[[Connection], Awaitable[None]]


class Link:
    """One supervised connection.

    On the first connection `declare` runs before anybody sees it, on later ones when they are in
    use; `prepare` before, on each. `detail` says in a sentence why there is none.
    """

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        prepare: Prepare,
        *,
        declare: Declare = declaration.declare_topology,
        on_blocked: Callable[[bool], None] = lambda _: None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._urls = list(urls)
        self._prepare = prepare
        self._declare = declare
        self._on_blocked = on_blocked
        self._on_lost = on_lost
        self._connection: Connection | None = None
        self._control: AbstractChannel | None = None
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._declared = self._incomplete = False
        self._patience = Patience()
        self._first: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.detail = "The broker is not connected yet."

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    @property
    def is_blocked(self) -> bool:
        return self._connection is not None and self._connection.blocked

    async def start(self) -> None:
        """Try once, for 5 s at most, and go on trying in the background.

        Raises `ConfigurationError` where the first try meets one.
        """
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=f"bus-{self._name}")
        await asyncio.wait([self._first], timeout=FIRST_ATTEMPT_S)
        first, self._first = self._first, None
        if first.done():
            first.result()

    async def connected(self) -> Connection:
        """The connection, as soon as there is one."""
        while self._connection is None or not self._up.is_set():
            await self._up.wait()
        return self._connection

    def drop(self, why: str) -> None:
        """End the connection at once; it is made anew."""
        if self._connection is not None:
            log.warning("bus_link_dropped", link=self._name, why=why)
            self._connection.abort()

    async def close(self) -> None:
        """End for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        connection, self._connection = self._connection, None
        self._up.clear()
        LINK_UP.labels(self._name).set(0)
        self.detail = "The bus is closed."
        self._on_lost()
        if connection is not None:
            await _end(connection)

    async def _run(self) -> None:
        backoff = Backoff()
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            if await self._attempt():
                await self._watch()
                await self._fell()
                if loop.time() - began > STEADY_AFTER_S:
                    backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def _attempt(self) -> bool:
        try:
            async with asyncio.timeout(OPEN_S):
                await self._open()
        except (ConfigurationError, NotDeclaredYet) as error:
            self._failed(str(error))
            self._settle_first(error if isinstance(error, ConfigurationError) else None)
        except FAILURES as error:
            self._patience.failed(error)
            self._failed(f"The broker cannot be reached ({type(error).__name__}).")
            self._settle_first(None)
        except Exception as error:  # whatever it was, the next try may go better
            log.exception("bus_link_broke", link=self._name)
            self._failed(f"The broker cannot be reached ({type(error).__name__}).")
            self._settle_first(None)
        else:
            self._settle_first(None)
            return True
        return False

    async def _open(self) -> None:
        url = self._urls[0]
        self._urls.append(self._urls.pop(0))  # the next try begins at the next host
        connection = await connect(url, f"clarion {self._name}", self._patience.seconds)
        self._lost = asyncio.Event()
        connection.observe(self._blocked, self._lost.set)
        try:
            self._incomplete = self._declared
            declare = declare_exchanges if self._incomplete else self._declare
            self._control = await declaration.declared(connection, declare)
            await self._prepare(connection)
        except BaseException:
            connection.abort()
            await _end(connection)
            raise
        self._connection = connection
        self._patience.reset()
        self._declared = True
        self._urls.insert(0, self._urls.pop())
        self.detail = ""
        self._up.set()
        LINK_UP.labels(self._name).set(1)
        log.info("bus_link_up", link=self._name, broker=place_of(url))

    async def _watch(self) -> None:
        """Return once the connection is lost; one that does not answer is dropped."""
        await self._declare_again()
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(PROBE_INTERVAL_S):
                    await self._lost.wait()
            except TimeoutError:
                await self._probe()

    async def _declare_again(self) -> None:
        """What the broker may have lost. Not before the link is up: a queue that has no leader yet
        makes us wait, and those that have one take messages meanwhile."""
        if self._connection is None or not self._incomplete:
            return
        try:
            async with asyncio.timeout(OPEN_S):
                self._control = await declaration.declared(self._connection, self._declare)
        except (ConfigurationError, NotDeclaredYet) as error:
            self._declared = False  # the next try says so
            self.drop(str(error))
        except FAILURES as error:
            log.info("bus_declared_nothing", link=self._name, error=repr(error))

    async def _probe(self) -> None:
        if self.is_blocked or self._control is None:
            return  # a broker that blocks us does not read from us either
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await self._control.declare_exchange(EVENTS, passive=True)
        except FAILURES as error:
            if not self._lost.is_set() and not self.is_blocked:
                self.drop(f"the broker did not answer a probe ({type(error).__name__})")

    async def _fell(self) -> None:
        connection, self._connection = self._connection, None
        self._up.clear()
        LINK_UP.labels(self._name).set(0)
        self._control = None
        self._failed("The connection to the broker is lost.")
        self._on_lost()
        if connection is not None:
            await _end(connection)

    def _failed(self, detail: str) -> None:
        if detail != self.detail:
            log.warning("bus_link_down", link=self._name, detail=detail)
        self.detail = detail

    def _blocked(self, blocked: bool) -> None:
        log.warning("bus_link_blocked" if blocked else "bus_link_unblocked", link=self._name)
        self._on_blocked(blocked)

    def _settle_first(self, error: ConfigurationError | None) -> None:
        if self._first is None or self._first.done():
            return
        if error is None:
            self._first.set_result(None)
        else:
            self._first.set_exception(error)


async def _end(connection: Connection) -> None:
    """Close within 3 s, politely where the broker still answers."""
    try:
        with suppress(*FAILURES):
            async with asyncio.timeout(END_S):
                await connection.close()
    finally:
        connection.abort()
