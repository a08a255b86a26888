"""The frames of the live protocol `clarion.v1` (DESIGN section 7), JSON text.

`version` of a `notification`, `changed` or `caught_up` frame is a resume cursor: a client that has
handled the frame may say it as `since` and misses nothing. That of `welcome` is where the inbox is:
the client is there only once it has caught up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Raw, Struct

from clarion.contracts.event import Category, EventId, Moment
from clarion.contracts.ids import SUBSCRIBER_ID_PATTERN
from clarion.contracts.item import Item, ItemState

SUBPROTOCOL = "clarion.v1"
MAX_COMMAND_IDS = 1_000
MAX_KEY_CHARACTERS = 256

Ref = str | int | None
Version = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Key = Annotated[str, Meta(min_length=1, max_length=MAX_KEY_CHARACTERS)] | None
"""Names a command for its subscriber: one that is sent again, by a frame or by REST, is answered as
before and not carried out twice."""
ItemIds = Annotated[list[UUID], Meta(min_length=1, max_length=MAX_COMMAND_IDS)]


class ClientFrame(Struct, tag_field="type", frozen=True, kw_only=True):
    """What a client may send; `ref` comes back in the answer. Fields that are unknown here are
    passed over: they are of a newer client."""

    ref: Ref = None


class Auth(ClientFrame, tag="auth", frozen=True, kw_only=True):
    """Say (or renew) who one is."""

    token: str


class Hello(ClientFrame, tag="hello", frozen=True, kw_only=True):
    """Ask for the feed: all changes after `since`, or a snapshot where it is left out. `epoch` is
    the one of `since`, from a `welcome`; any other than the present one is answered by a snapshot
    with `reset`."""

    since: Version | None = None
    epoch: str | None = None


class Read(ClientFrame, tag="read", frozen=True, kw_only=True):
    """Mark items read, by `ids` or all that entered by `up_to`, if need be of one `category`."""

    ids: ItemIds | None = None
    up_to: Version | None = None
    category: Category | None = None
    key: Key = None


class Unread(ClientFrame, tag="unread", frozen=True, kw_only=True):
    """Mark items unread again."""

    ids: ItemIds | None = None
    up_to: Version | None = None
    category: Category | None = None
    key: Key = None


class Seen(ClientFrame, tag="seen", frozen=True, kw_only=True):
    """Mark items seen: shown to the person, not yet opened."""

    ids: ItemIds | None = None
    up_to: Version | None = None
    category: Category | None = None
    key: Key = None


class Archive(ClientFrame, tag="archive", frozen=True, kw_only=True):
    """Put items away; an archived item no longer counts as unread."""

    ids: ItemIds | None = None
    up_to: Version | None = None
    category: Category | None = None
    key: Key = None


class Unarchive(ClientFrame, tag="unarchive", frozen=True, kw_only=True):
    """Take items out of the archive: they are back in the inbox as they were."""

    ids: ItemIds | None = None
    up_to: Version | None = None
    category: Category | None = None
    key: Key = None


class Snooze(ClientFrame, tag="snooze", frozen=True, kw_only=True):
    """Take items out of the inbox `until` then, when they come back unread; `null` ends it."""

    until: Moment | None
    ids: ItemIds | None = None
    up_to: Version | None = None
    category: Category | None = None
    key: Key = None


class Ack(ClientFrame, tag="ack", frozen=True, kw_only=True):
    """All up to this version was handled; the history tells. Once a second is often enough."""

    version: Version


class Publish(ClientFrame, tag="publish", frozen=True, kw_only=True):
    """Tell the members of a topic that the token allows: an event of the type `topic.published`.

    `id` identifies it for this sender permanently: a frame sent again counts once.
    """

    topic: Annotated[str, Meta(pattern=SUBSCRIBER_ID_PATTERN)]
    data: Raw
    id: EventId | None = None


class Ping(ClientFrame, tag="ping", frozen=True, kw_only=True):
    """For clients that cannot see WebSocket pings."""


Command = Read | Unread | Seen | Archive | Unarchive | Snooze
AnyClientFrame = (
    Auth | Hello | Read | Unread | Seen | Archive | Unarchive | Snooze | Ack | Publish | Ping
)


FeedVerb = Literal["read", "seen", "archive"]


class FeedCommand(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command on all items that entered by `up_to`, of one `category` if that is set. It sets
    what is unset, to `at`: `read` also `seen_at`; `archive` ends a snooze. A client applies it to
    the items that it holds whose own version is lower than this."""

    version: int
    verb: FeedVerb
    up_to: int
    at: datetime
    category: str | None = None


class ServerFrame(Struct, tag_field="type", frozen=True, kw_only=True):
    """What the server sends."""


class Welcome(ServerFrame, tag="welcome", frozen=True, kw_only=True, omit_defaults=True):
    """Opens a replay. `reset` says that `since` could not be served: start from nothing. Versions
    compare within one `epoch` only: say it with `since`. `time` is that of the server."""

    version: int
    unread: int
    epoch: str
    time: datetime
    session: str
    heartbeat_s: int
    ref: Ref = None
    reset: bool = False


class NotificationFrame(
    ServerFrame, tag="notification", frozen=True, kw_only=True, omit_defaults=True
):
    """An item, new (live) or as it is now (replay). `trace_id` is that of the call that brought
    its event, which the history and the logs bear too."""

    version: int
    unread: int
    item: Item
    trace_id: str | None = None


class ChangedFrame(ServerFrame, tag="changed", frozen=True, kw_only=True, omit_defaults=True):
    """One command's changes, to every device of the subscriber: `items`, or with a `verb` those
    that `FeedCommand` describes."""

    version: int
    unread: int
    items: list[ItemState]
    verb: FeedVerb | None = None
    up_to: int | None = None
    category: str | None = None
    at: datetime | None = None


class CaughtUp(ServerFrame, tag="caught_up", frozen=True, kw_only=True):
    """Ends a replay; what follows is live."""

    version: int


class Ok(ServerFrame, tag="ok", frozen=True, kw_only=True):
    """A command was carried out."""

    ref: Ref = None


class ErrorFrame(ServerFrame, tag="error", frozen=True, kw_only=True):
    """A frame was refused; the session goes on."""

    code: str
    detail: str
    ref: Ref = None


class Pong(ServerFrame, tag="pong", frozen=True, kw_only=True, omit_defaults=True):
    """Answers `ping`."""

    ref: Ref = None


class Reconnect(ServerFrame, tag="reconnect", frozen=True, kw_only=True):
    """The server is going away: come back after this time."""

    after_ms: int


AnyServerFrame = (
    Welcome | NotificationFrame | ChangedFrame | CaughtUp | Ok | ErrorFrame | Pong | Reconnect
)
