"""A command on inbox items: read, unread, seen, archive, unarchive, snooze."""

from __future__ import annotations

import hashlib
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

encode = msgspec.json.Encoder().encode

Verb = Literal["read", "unread", "seen", "archive", "unarchive", "snooze"]

REST = "REST"
"""`by` of a REST call, in place of a session."""

MAX_CHANGED = 4_000
"""Items of one version, so that the `changed` frame stays below 1 MiB, the default maximum of
clients. A larger `up_to` of a verb that changes items one by one takes several versions."""
MAX_ENTERED = 8
"""Items that one version may return to view: they are announced whole, each with up to 64 KiB of
`data`."""


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """The assignments and the condition of a verb; `$5` is the end of a snooze."""

    assign: str
    concerns: str


COMMAND_SPECS: dict[Verb, CommandSpec] = {
    "read": CommandSpec("read_at = now(), seen_at = coalesce(seen_at, now())", "read_at IS NULL"),
    "unread": CommandSpec("read_at = NULL", "read_at IS NOT NULL"),
    "seen": CommandSpec("seen_at = now()", "seen_at IS NULL"),
    "archive": CommandSpec(
        "archived_at = now(), snoozed_until = NULL, due_at = NULL", "archived_at IS NULL"
    ),
    "unarchive": CommandSpec("archived_at = NULL", "archived_at IS NOT NULL"),
    "snooze": CommandSpec(
        "snoozed_until = $5::timestamptz, due_at = $5::timestamptz",
        "archived_at IS NULL AND snoozed_until IS DISTINCT FROM $5::timestamptz",
    ),
}


@dataclass(frozen=True, slots=True)
class InboxCommand:
    """A verb for one inbox: for the items with these `ids`, or else for all that entered
    by the version `up_to`."""

    tenant: str
    subscriber: str
    verb: Verb
    _: KW_ONLY
    ids: tuple[UUID, ...] | None = None
    up_to: int | None = None
    category: str | None = None
    """Of the items, with `up_to`."""
    until: datetime | None = None
    """The end of a snooze."""
    by: str = REST
    """Through what the subscriber does it, for the history."""
    idempotency_key: str | None = None
    """With a key it is applied once."""

    @property
    def spec(self) -> CommandSpec:
        return COMMAND_SPECS[self.verb]

    @property
    def parameters(self) -> tuple[datetime | None, ...]:
        """Those of its spec, from `$5` on."""
        return (self.until,) if self.verb == "snooze" else ()

    @property
    def restores_to_view(self) -> bool:
        """Whether the items that it changes come back into view."""
        return self.verb == "unarchive" or (self.verb == "snooze" and self.until is None)

    @property
    def limit(self) -> int:
        """Items of one transaction."""
        return MAX_ENTERED if self.restores_to_view else MAX_CHANGED

    def note(self) -> str:
        """What the history keeps of it, as JSON."""
        until = {"until": self.until} if self.verb == "snooze" else {}
        return encode({"what": self.verb, "by": self.by, **until}).decode()

    def digest(self) -> bytes:
        """Distinguishes what commands with the same key ask for."""
        # A time stamp is equal for every spelling of the time
        ends = [until and until.timestamp() for until in self.parameters]
        category = [] if self.category is None else [self.category]
        asked = (self.verb, ends, self.ids, self.up_to, *category)
        return hashlib.sha256(encode(asked)).digest()
