"""An event: what a service says happened (DESIGN section 6).

The same contract holds for HTTP and AMQP, for the plain form and for CloudEvents. Bounds that one
look at a type can check are in the types; what needs the whole value (depth, NUL, size of `data`)
is in `validation`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from clarion.contracts.ids import PLAIN_TEXT_PATTERN, SUBSCRIBER_ID, SUBSCRIBER_ID_PATTERN
from clarion.contracts.visible import VISIBLE_PATTERN

Channel = Literal["inbox", "email", "sms", "push", "chat", "webhook"]
Lane = Literal["urgent", "normal"]

CHANNELS: tuple[Channel, ...] = ("inbox", "email", "sms", "push", "chat", "webhook")
LANES: tuple[Lane, ...] = ("urgent", "normal")

MAX_RECIPIENTS = 1_000
MAX_EVENTS = 1_000
MAX_DATA_BYTES = 64 * 1024
MAX_DEPTH = 32
DEFAULT_SOURCE = "api"

SubscriberId = Annotated[str, Meta(pattern=SUBSCRIBER_ID_PATTERN)]
ADDRESS_PATTERN = rf"^(user|topic):{SUBSCRIBER_ID}\Z"
Address = Annotated[str, Meta(pattern=ADDRESS_PATTERN)]
LoneAddress = Annotated[str, Meta(extra_json_schema={"pattern": ADDRESS_PATTERN})]
"""An `Address` beside a list of them. `validation` checks it: msgspec 0.22 frees the wrong memory
where a union holds both a string with a pattern and a list, and the process dies at its end."""
NO_CONTROL = {"pattern": PLAIN_TEXT_PATTERN}
EventId = Annotated[str, Meta(min_length=1, max_length=256, extra_json_schema=NO_CONTROL)]
"""Of no control characters; `validation` looks, for a pattern costs more."""
Source = Annotated[str, Meta(min_length=1, max_length=256, extra_json_schema=NO_CONTROL)]
EventType = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\Z")]
Category = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:@-]{1,128}\Z")]
"""The id of a topic may be one: that of what subscribers publish is."""
Moment = Annotated[datetime, Meta(tz=True)]
ShortText = Annotated[str, Meta(max_length=1_000)]
Title = Annotated[
    str,
    Meta(max_length=1_000, extra_json_schema={"minLength": 1, "pattern": VISIBLE_PATTERN}),
]
"""`validation` checks that it shows something: a blank one of an older version is still planned."""
LongText = Annotated[str, Meta(max_length=20_000)]
URL_PATTERN = r"^(https?://|mailto:|/(?!/)|#|\?)"
Url = Annotated[str, Meta(max_length=2_000, pattern=URL_PATTERN)]
"""Schemes that can run script (`javascript:`, `data:`) and protocol-relative links are refused, and
what browsers read as such: they take a backslash for a slash and pass over tabs and line breaks.
`validation` looks for these, for a longer pattern costs more."""

IMAGE_PATTERN = r"^(https://|/(?!/))"
ImageUrl = Annotated[str, Meta(max_length=2_000, pattern=IMAGE_PATTERN)]
"""A picture is fetched by every browser that shows the item: never in the clear, and nothing but a
fetch (`data:` would carry it with each frame). `validation` looks for the rest, as with `Url`."""
ActorName = Annotated[
    str, Meta(max_length=200, extra_json_schema={"minLength": 1, "pattern": VISIBLE_PATTERN})
]


class Recipient(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A subscriber named and described in place: the directory takes over what is given."""

    id: SubscriberId
    email: Annotated[str, Meta(max_length=320)] | None = None
    phone: Annotated[str, Meta(max_length=32)] | None = None
    locale: Annotated[str, Meta(max_length=35)] | None = None
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    attributes: dict[str, Raw] | None = None
    """Values as JSON text: what travels and is stored is what was bounded."""


class Content(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """The content shown unless a workflow defines it: plain text, never markup."""

    title: Title
    body: LongText | None = None
    url: Url | None = None
    image: ImageUrl | None = None
    actor: ActorName | None = None
    """Who did it, as a name to show."""


Audience = Annotated[list[Address | Recipient], Meta(max_length=MAX_RECIPIENTS)]


class Event(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """One event as its caller wrote it. (tenant, source, id) identifies it permanently."""

    type: EventType
    id: EventId | None = None
    source: Source | None = None
    time: Moment | None = None
    to: LoneAddress | Recipient | Audience | None = None
    data: Raw | UnsetType = UNSET
    """JSON text, for numbers do not survive being read and written."""
    content: Content | None = None
    channels: Annotated[list[Channel], Meta(min_length=1, max_length=6)] | None = None
    category: Category | None = None
    lane: Lane | None = None
    send_at: Moment | None = None
    expires_at: Moment | None = None


def audience_of(event: Event) -> list[str | Recipient]:
    """`to` as a list, in the order given."""
    if event.to is None:
        return []
    return list(event.to) if isinstance(event.to, list) else [event.to]
