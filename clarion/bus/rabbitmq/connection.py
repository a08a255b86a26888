"""One AMQP connection whose end and whose blocking are noticed at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import aio_pika
import aiormq
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL

from clarion.bus.rabbitmq.aiormq_internals import (
    Cause,
    use_transports,
    when_blocked,
    when_closed,
)
from clarion.bus.rabbitmq.delivery_parser import DeliveryParser
from clarion.bus.rabbitmq.frame_tap import FrameTap
from clarion.bus.rabbitmq.outcome import BrokerFailure, within
from clarion.errors import ConfigurationError

DEFAULT_USER = "guest"
"""The user that aiormq logs in with if the URL names none."""

END_S = 3.0
HEARTBEAT_S = 6
"""The broker gives up a silent peer after two to three of these, and keeps until then what it gave
that peer. Below 5 s a busy machine is taken for a dead one."""


class BrokerConnection(aio_pika.Connection):
    """Opened by `connect`. Messages go to the consumers registered with `parser`. `blocked` is true
    between the broker's `connection.blocked` and `connection.unblocked`; `on_blocked` and `on_lost`
    are called at once. `cause` is what ended it, if known."""

    def __init__(self, url: URL, *, frame_tap: bool = True) -> None:
        super().__init__(url)
        self.parser = DeliveryParser(takes_out=frame_tap)
        self._transport_factory = _Transports(url.scheme, self.parser)
        use_transports(self, self._transport_factory)
        self.blocked = False
        self.cause: Cause = None

    def __del__(self) -> None:
        """Do nothing: `SupervisedConnection` closes it, and aio-pika's would start a task from the
        garbage collector."""

    @property
    def silent_s(self) -> float:
        """How long the peer has sent nothing at all."""
        tap = self._transport_factory.tap
        return 0.0 if tap is None else time.monotonic() - tap.received_at

    async def open(self, timeout_s: float) -> None:
        """Shake hands. Raises `ConfigurationError` where the broker refuses us, and whatever
        aiormq makes of one that does not answer."""
        try:
            await self.connect(timeout=timeout_s)
        except aiormq.exceptions.ProbableAuthenticationError as error:
            raise ConfigurationError(_refused(self.url, "check user and password")) from error
        except aiormq.exceptions.InvalidFrameError as error:
            if "OpenOk" not in str(error):
                raise
            # the broker closed where it should have opened the virtual host; aiormq drops its words
            remedy = "check that it exists and that the user has permissions on it"
            raise ConfigurationError(_refused(self.url, remedy)) from error

    def observe(self, on_blocked: Callable[[bool], None], on_lost: Callable[[], None]) -> None:
        """Call `on_blocked` when the broker blocks and unblocks us, `on_lost` at the end, once or
        more often."""
        if self.transport is None:
            raise ConnectionError("the connection is closed")
        amqp = self.transport.connection

        def change(blocked: bool) -> None:
            self.blocked = blocked
            on_blocked(blocked)

        def ended(cause: Cause) -> None:
            self.cause = self.cause or cause
            on_lost()

        when_blocked(amqp, change)
        when_closed(amqp, ended)
        if self._transport_factory.tap is not None:
            self._transport_factory.tap.on_end = ended  # aiormq may take its time

    async def end(self) -> None:
        """Close within 3 s, politely where the broker still answers. Raises nothing of aiormq's."""
        try:
            await within(END_S, self.close())
        except BrokerFailure:
            pass  # it is gone already
        finally:
            self.abort()

    def abort(self) -> None:
        """End it without a word: the peer does not answer."""
        transport = self._transport_factory.transport
        if transport is not None:
            transport.abort()


class _Transports(TransportFactory):
    """aiormq's transport, with messages taken out of what it reads; kept at hand, for closing a
    dead peer politely takes minutes."""

    def __init__(self, scheme: str, parser: DeliveryParser) -> None:
        self._factory = TLSTransportFactory() if scheme == "amqps" else TCPTransportFactory()
        self._parser = parser
        self.transport: asyncio.WriteTransport | None = None
        self.tap: FrameTap | None = None

    async def create(
        self, url: URL, **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self._factory.create(url, **options)
        self.transport = writer.transport
        transport = cast(asyncio.Transport, writer.transport)
        self.tap = FrameTap(transport, self._parser, time.monotonic)
        return reader, writer


def connection_to(url: str, name: str, *, frame_tap: bool = True) -> BrokerConnection:
    """One that is to be opened, shown to the operator under `name`. Without `frame_tap` messages
    are left to aiormq."""
    defaults = {"heartbeat": HEARTBEAT_S, "name": name}
    parsed = URL(url)
    missing = {key: value for key, value in defaults.items() if key not in parsed.query}
    return BrokerConnection(parsed.update_query(missing), frame_tap=frame_tap)


async def connect(url: str, name: str, timeout_s: float) -> BrokerConnection:
    """An open connection.

    Raises `ConfigurationError` where the broker refuses us, `OSError`, `TimeoutError` or
    `aiormq.AMQPError` where it does not answer.
    """
    connection = connection_to(url, name)
    try:
        await connection.open(timeout_s)
    except BaseException:
        connection.abort()
        raise
    return connection


def user_of(url: str) -> str:
    """By which name RabbitMQ knows who connects to this URL."""
    return URL(url).user or DEFAULT_USER


def place_of(url: str) -> str:
    """Host and port of a URL, for logs and sentences: never its credentials."""
    parsed = URL(url)
    return f"{parsed.host}:{parsed.port or (5671 if parsed.scheme == 'amqps' else 5672)}"


def _refused(url: URL, remedy: str) -> str:
    vhost = url.path.removeprefix("/") or "/"
    return (
        f"CLARION_AMQP_URL: RabbitMQ at {place_of(str(url))} refuses the user {url.user!r}"
        f" on virtual host {vhost!r}; {remedy}."
    )
