"""What travels on `clarion.live`: frames on their way from notifier to pushers (MessagePack).

The pusher does not parse a frame: it routes by `feed` and writes `body` as it is. Announcements
are hints; PostgreSQL is the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

ANNOUNCEMENT_CONTENT_TYPE = "application/vnd.clarion.announcement+msgpack"


class FeedFrame(Struct, array_like=True, frozen=True, gc=False):
    """One frame of one feed. `body` is the UTF-8 text of a WebSocket message."""

    feed: str
    version: int
    body: bytes


class Announcement(Struct, array_like=True, frozen=True):
    """Frames of one batch for one shard; those of one feed are in order of version."""

    v: Literal[1]
    frames: list[FeedFrame]


_encode = msgspec.msgpack.Encoder().encode
decode_announcement = msgspec.msgpack.Decoder(Announcement).decode


def encode_announcement(frames: Sequence[FeedFrame]) -> bytes:
    """The body of a message with these frames, all of one shard."""
    return _encode(Announcement(1, list(frames)))


def feed_key(tenant: str, subscriber: str) -> str:
    """The name of one subscriber's feed; neither part can hold a slash."""
    return f"{tenant}/{subscriber}"
