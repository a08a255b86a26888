"""A connection that is re-established until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog
from aio_pika.abc import AbstractChannel

from clarion.bus.metrics import LINK_UP
from clarion.bus.rabbitmq import declaration
from clarion.bus.rabbitmq.backoff import Backoff, ConnectTimeout
from clarion.bus.rabbitmq.connection import BrokerConnection, connection_to, place_of
from clarion.bus.rabbitmq.declaration import Declare, NotDeclaredYet, declare_exchanges
from clarion.bus.rabbitmq.first_attempt import FirstAttempt
from clarion.bus.rabbitmq.outcome import BrokerFailure, within
from clarion.bus.rabbitmq.supervised_task import SupervisedTask
from clarion.errors import ConfigurationError
from clarion.topology import EVENTS

PROBE_INTERVAL_S = 10.0
PROBE_TIMEOUT_S = 5.0
FIRST_ATTEMPT_S = 5.0
OPEN_S = 30.0
"""For connecting and declaring: a new quorum queue on a busy disk takes its time."""
SILENT_AFTER_S = 20.0
"""A connection that received nothing for so long, although probes were due, counts as down."""
HEALTHY_AFTER_S = 5.0
"""A connection that lived this long counts as a success: the next backoff starts low."""

LOST = "The connection to the broker is lost."

log = structlog.get_logger("clarion.bus")

Prepare = Callable[[BrokerConnection], Awaitable[None]]


class SupervisedConnection:
    """One supervised connection.

    On the first connection `declare` runs before it is used, on later ones afterwards; `prepare`
    before, on each. `prove` is part of each probe: what it raises ends the connection. Whatever
    ends an attempt, a probe or the connection, another attempt follows.
    """

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        prepare: Prepare,
        *,
        connect: Callable[[str, str], BrokerConnection] = connection_to,
        declare: Declare = declaration.declare_topology,
        prove: Callable[[], Awaitable[None]] | None = None,
        on_blocked: Callable[[bool], None] = lambda _: None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._urls = name, list(urls)
        self._connect, self._prepare = connect, prepare
        self._declare, self._prove = declare, prove
        self._notify_blocked = on_blocked
        self._notify_lost = on_lost
        self._connection: BrokerConnection | None = None
        self._control: AbstractChannel | None = None
        self._up, self._lost, self._look = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._declared = self._incomplete = False
        self._connect_timeout = ConnectTimeout()
        self._first = FirstAttempt()
        self._task = SupervisedTask(f"bus-{name}", self._run)
        self._detail = "The broker is not connected yet."

    @property
    def is_up(self) -> bool:
        """Whether there is a connection that received something recently."""
        return not self.why_not()

    @property
    def is_blocked(self) -> bool:
        return self._connection is not None and self._connection.blocked

    def why_not(self) -> str:
        """Why there is no connection, in a sentence; empty where there is one."""
        if self._connection is None:
            return self._detail
        if self._lost.is_set():
            return LOST
        if self._connection.silent_s > SILENT_AFTER_S:
            return f"The broker has said nothing for {self._connection.silent_s:.0f} s."
        return ""

    async def start(self) -> None:
        """Try once, for 5 s at most, and go on trying in the background.

        Raises `ConfigurationError` where the first try meets one.
        """
        self._task.start()
        await self._first.wait(FIRST_ATTEMPT_S)

    async def connected(self) -> BrokerConnection:
        """The connection, as soon as there is one."""
        while self._connection is None:
            await self._up.wait()
        return self._connection

    def probe_soon(self) -> None:
        """Probe now: the connection is suspect."""
        self._look.set()

    def drop(self, why: str) -> None:
        """End the connection at once; it is re-established."""
        if self._connection is not None and not self._lost.is_set():
            log.warning("bus_link_dropped", link=self._name, why=why)
            self._mark_lost(self._lost)
            self._connection.abort()

    async def close(self) -> None:
        """End for good."""
        await self._task.end()
        connection, self._connection = self._connection, None
        self._up.clear()
        LINK_UP.labels(self._name).set(0)
        self._detail = "The bus is closed."
        self._notify_lost()
        if connection is not None:
            await connection.end()

    async def _run(self) -> None:
        backoff, loop = Backoff(), asyncio.get_running_loop()
        if self._connection is not None:  # the task that had it has ended
            await self._on_lost()
        while True:
            began = loop.time()
            if await self._attempt():
                await self._watch()
                await self._on_lost()
                if loop.time() - began > HEALTHY_AFTER_S:
                    backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def _attempt(self) -> bool:
        url = self._urls[0]
        self._urls.append(self._urls.pop(0))  # the next try begins at the next host
        connection = self._connect(url, f"clarion {self._name}")
        refusal: ConfigurationError | None = None
        try:
            await within(OPEN_S, self._open(connection))
        except ConfigurationError as error:
            self._failed(str(error), error)
            refusal = error
        except BrokerFailure as failure:
            cause = failure.__cause__
            self._connect_timeout.failed(cause)
            unreachable = f"The broker cannot be reached ({failure})."
            self._failed(str(cause) if isinstance(cause, NotDeclaredYet) else unreachable, cause)
        else:
            self._urls.insert(0, self._urls.pop())
            self._begin(connection)
            log.info("bus_link_up", link=self._name, broker=place_of(url))
        finally:
            if self._connection is not connection:
                connection.abort()
        self._first.settle(refusal)
        return self._connection is connection

    async def _open(self, connection: BrokerConnection) -> None:
        await connection.open(self._connect_timeout.seconds)
        self._lost = asyncio.Event()
        connection.observe(self._on_blocked, partial(self._mark_lost, self._lost))
        try:
            self._incomplete = self._declared
            declare = declare_exchanges if self._incomplete else self._declare
            self._control = await declaration.declared(connection, declare)
            await self._prepare(connection)
        except BaseException:
            connection.abort()
            await connection.end()
            raise

    def _begin(self, connection: BrokerConnection) -> None:
        self._connection = connection
        self._connect_timeout.reset()
        self._declared = True
        self._detail = ""
        self._up.set()
        LINK_UP.labels(self._name).set(1)

    async def _watch(self) -> None:
        """Return once the connection is lost; one that does not answer is dropped."""
        await self._declare_again()
        while not self._lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_INTERVAL_S):
                    await self._look.wait()
            self._look.clear()
            if not self._lost.is_set():
                await self._probe()

    async def _declare_again(self) -> None:
        """Declare what the broker may have lost. Not before the connection is in use: a queue that
        has no leader yet makes us wait, and the others take messages meanwhile."""
        if self._connection is None or not self._incomplete:
            return
        try:
            declaring = declaration.declared(self._connection, self._declare)
            self._control = await within(OPEN_S, declaring)
        except (ConfigurationError, BrokerFailure) as error:
            if isinstance(error, ConfigurationError) or isinstance(error.__cause__, NotDeclaredYet):
                self._declared = False  # the next try says so
                self.drop(str(error))
            log.info("bus_declared_nothing", link=self._name, error=repr(error.__cause__ or error))

    async def _probe(self) -> None:
        if self.is_blocked or self._control is None:
            return  # a broker that blocks us does not read from us either
        try:
            await within(PROBE_TIMEOUT_S, self._control.declare_exchange(EVENTS, passive=True))
            if self._prove is not None:
                await within(PROBE_TIMEOUT_S, self._prove())
        except (BrokerFailure, ConfigurationError) as failure:
            if not self.is_blocked:
                self.drop(f"the broker did not answer a probe ({failure})")

    async def _on_lost(self) -> None:
        connection, self._connection = self._connection, None
        self._up.clear()
        LINK_UP.labels(self._name).set(0)
        self._control = None
        self._detail = LOST
        self._notify_lost()
        if connection is not None:
            await connection.end()
            cause = repr(connection.cause)
            log.warning("bus_link_down", link=self._name, detail=LOST, cause=cause)

    def _mark_lost(self, lost: asyncio.Event) -> None:
        """A connection has ended; it may be one that was given up before."""
        lost.set()
        self._look.set()

    def _failed(self, detail: str, cause: BaseException | None) -> None:
        if detail != self._detail:
            log.warning("bus_link_down", link=self._name, detail=detail, cause=repr(cause))
        self._detail = detail

    def _on_blocked(self, blocked: bool) -> None:
        log.warning("bus_link_blocked" if blocked else "bus_link_unblocked", link=self._name)
        self._notify_blocked(blocked)
