"""The aiormq objects under aio-pika's, for the hot path and for hearing of their end."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from typing import cast

from aio_pika.abc import AbstractChannel
from aiormq.abc import AbstractConnection
from aiormq.channel import Channel


async def channel_under(channel: AbstractChannel) -> Channel:
    """aiormq's channel. Raises `ChannelInvalidStateError` where it is closed."""
    return cast(Channel, await channel.get_underlay_channel())


def when_closed(resource: Channel | AbstractConnection, call: Callable[[], None]) -> None:
    """Call once, however the connection or channel ends."""
    # aiormq does not say what its future holds
    closing = cast("Future[None]", resource.closing)  # pyright: ignore[reportUnknownMemberType]
    closing.add_done_callback(lambda _: call())
