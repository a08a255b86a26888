"""The aiormq objects under aio-pika's, for the hot path and for notification of their end. The only
module that uses what aiormq and aio-pika do not document."""

from __future__ import annotations

import asyncio
import inspect
from asyncio import Future
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, cast

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.channel import Channel as PikaChannel
from aiormq.abc import AbstractConnection
from aiormq.channel import Channel
from aiormq.connection import Connection as AmqpConnection
from aiormq.connection import TransportFactory

from clarion.errors import ConfigurationError

Cause = BaseException | None

_UNBLOCKED = "_Connection__connection_unblocked"

NEEDED: tuple[tuple[type, frozenset[str]], ...] = (
    (aio_pika.Connection, frozenset({"connect", "kwargs", "transport", "url"})),
    (PikaChannel, frozenset({"get_underlay_channel"})),
    (
        AmqpConnection,
        frozenset({_UNBLOCKED, "_transport_factory", "closing"}),
    ),
    (
        Channel,
        frozenset({"closing", "consumers", "is_closed", "number", "on_consumer_cancel_callbacks"}),
    ),
    (TransportFactory, frozenset({"create"})),
)
"""What we use of each class, of its own and of its instances."""


def check() -> None:
    """Raises `ConfigurationError` for unsupported versions of aio-pika and aiormq: an attribute
    that is set under an old name would silently do nothing."""
    for kind, names in NEEDED:
        missing = sorted(names - _attributes_of(kind))
        if missing:
            raise ConfigurationError(
                f"The installed aio-pika {version('aio-pika')} with aiormq {version('aiormq')} has"
                f" no {kind.__module__}.{kind.__qualname__}.{missing[0]}: install the versions that"
                " Clarion was released with (requirements.lock)."
            )


def use_transports(connection: aio_pika.Connection, factory: TransportFactory) -> None:
    """Have aiormq read and write through transports of `factory`."""
    connection.kwargs["transport_factory"] = factory


async def channel_under(channel: AbstractChannel) -> Channel:
    """aiormq's channel. Raises `ChannelInvalidStateError` where it is closed."""
    return cast(Channel, await channel.get_underlay_channel())


def when_closed(resource: Channel | AbstractConnection, call: Callable[[Cause], None]) -> None:
    """Call once, however the connection or channel ends, with what ended it where that is known."""
    # aiormq does not say what its future holds
    closing = cast("Future[None]", resource.closing)  # pyright: ignore[reportUnknownMemberType]
    closing.add_done_callback(lambda ended: call(None if ended.cancelled() else ended.exception()))


def when_blocked(connection: AbstractConnection, call: Callable[[bool], None]) -> None:
    """Call when the broker blocks and unblocks the connection."""
    # aiormq reports connection.blocked only through this internal event
    vars(connection)[_UNBLOCKED] = _Unblocked(call)


def _attributes_of(kind: type) -> set[str]:
    """Of the class, and what its constructors give an instance."""
    made: set[str] = set()
    for parent in inspect.getmro(kind):
        code: Any = getattr(vars(parent).get("__init__"), "__code__", None)
        made.update(code.co_names if code else ())
    return made | set(dir(kind))


class _Unblocked(asyncio.Event):
    """Set while the broker reads what we publish."""

    def __init__(self, change: Callable[[bool], None]) -> None:
        super().__init__()
        super().set()
        self._change = change

    def set(self) -> None:
        super().set()
        self._change(False)

    def clear(self) -> None:
        super().clear()
        self._change(True)
