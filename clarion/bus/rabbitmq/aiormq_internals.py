"""The aiormq objects under aio-pika's, for the hot path and for hearing of their end. The one place
that knows what aiormq does not document."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable
from typing import cast

from aio_pika.abc import AbstractChannel
from aiormq.abc import AbstractConnection
from aiormq.channel import Channel

from clarion.errors import ConfigurationError

Cause = BaseException | None

_UNBLOCKED = "_Connection__connection_unblocked"


async def channel_under(channel: AbstractChannel) -> Channel:
    """aiormq's channel. Raises `ChannelInvalidStateError` where it is closed."""
    return cast(Channel, await channel.get_underlay_channel())


def when_closed(resource: Channel | AbstractConnection, call: Callable[[Cause], None]) -> None:
    """Call once, however the connection or channel ends, with what ended it where that is known."""
    # aiormq does not say what its future holds
    closing = cast("Future[None]", resource.closing)  # pyright: ignore[reportUnknownMemberType]
    closing.add_done_callback(lambda ended: call(None if ended.cancelled() else ended.exception()))


def when_blocked(connection: AbstractConnection, call: Callable[[bool], None]) -> None:
    """Call when the broker blocks and unblocks the connection. Raises `ConfigurationError` for a
    version of aiormq that works in another way."""
    # aiormq tells nobody of connection.blocked but this event of its own
    if not isinstance(vars(connection).get(_UNBLOCKED), asyncio.Event):
        raise ConfigurationError(
            "The installed aiormq does not tell when RabbitMQ blocks publishers: install the"
            " version in requirements.lock."
        )
    vars(connection)[_UNBLOCKED] = _Unblocked(call)


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
