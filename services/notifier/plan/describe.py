"""Updates the directory from described recipients in `to`.

Each field has a time: an older event, however late it is planned, neither overwrites newer values
nor restores a subscriber who was deleted after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clarion.contracts.event import Recipient, audience_of
from clarion.contracts.values import compact, jsonb_rewrites
from clarion.records.addresses import ADDRESS_FIELDS
from clarion.records.deliveries import statement
from clarion.records.inboxes import Person
from clarion.store.database import Driver
from services.notifier.drafts import EventDraft, encode

TEXTS = (*ADDRESS_FIELDS, "locale", "timezone")
FIELDS = (*TEXTS, "attributes")


def _newer(name: str) -> str:
    given = f"excluded.{name}"
    if name == "attributes":
        given = "coalesce(excluded.attributes_text, excluded.attributes::text)"
    return f"({given} IS NOT NULL AND excluded.{name}_at >= coalesce(s.{name}_at, s.updated_at))"


def _taken(name: str, column: str) -> str:
    return f"CASE WHEN {_newer(name)} THEN excluded.{column} ELSE s.{column} END"


def _changes(name: str) -> str:
    kept, given = f"s.{name}", f"excluded.{name}"
    if name == "attributes":
        text = "coalesce({of}.attributes_text, {of}.attributes::text)"
        kept, given = text.format(of="s"), text.format(of="excluded")
    return f"({_newer(name)} AND {kept} IS DISTINCT FROM {given})"


def _moved(name: str) -> str:
    return (
        f"{name}_at = CASE WHEN {_newer(name)} THEN excluded.{name}_at"
        f" ELSE coalesce(s.{name}_at, s.updated_at) END"
    )


DESCRIBE = statement(
    """
WITH described AS (
  SELECT d.*, coalesce(t.deleted_at, 'epoch') AS gone_at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
              $12::timestamptz[], $13::timestamptz[])
       AS d (tenant, id, email, phone, locale, timezone, attributes, attributes_text,
             email_at, phone_at, locale_at, timezone_at, attributes_at)
  LEFT JOIN deleted_subscribers t USING (tenant, id))
INSERT INTO subscribers AS s (tenant, id, attributes, attributes_text, {names}, {times})
SELECT tenant, id,
       CASE WHEN attributes_at > gone_at THEN attributes::jsonb END,
       CASE WHEN attributes_at > gone_at THEN attributes_text END,
       {values}, {written_at}
FROM described WHERE greatest({times}) > gone_at
ORDER BY tenant, id
ON CONFLICT (tenant, id) DO UPDATE SET
  {taken},
  attributes = {attributes},
  attributes_text = {attributes_text},
  {moved},
  updated_at = CASE WHEN {changes} THEN now() ELSE s.updated_at END
WHERE {newer}
""",
    names=", ".join(TEXTS),
    times=", ".join(f"{name}_at" for name in FIELDS),
    values=", ".join(f"CASE WHEN {name}_at > gone_at THEN {name} END" for name in TEXTS),
    written_at=", ".join(f"greatest({name}_at, gone_at)" for name in FIELDS),
    taken=",\n  ".join(f"{name} = {_taken(name, name)}" for name in TEXTS),
    attributes=_taken("attributes", "attributes"),
    attributes_text=_taken("attributes", "attributes_text"),
    moved=",\n  ".join(map(_moved, FIELDS)),
    changes=" OR ".join(map(_changes, FIELDS)),
    newer=" OR ".join(map(_newer, FIELDS)),
)
"""Absent fields are unchanged. A field without a time was written by an older version of
Clarion."""

DROP_DELETED = statement(
    """
DELETE FROM subscribers s
USING unnest($1::text[], $2::text[]) AS d (tenant, id)
JOIN deleted_subscribers t USING (tenant, id)
WHERE s.tenant = d.tenant AND s.id = d.id AND greatest({times}) <= t.deleted_at
""",
    times=", ".join(f"coalesce(s.{name}_at, s.updated_at)" for name in FIELDS),
)
"""Removes subscribers who were deleted while `DESCRIBE`, whose snapshot is older, waited for the
row."""


@dataclass(slots=True)
class Description:
    """The newest value of each field of one person."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    stated_at: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def merge(self, recipient: Recipient, stated_at: datetime) -> None:
        """Add the fields of one event; of two with the same time the later call wins."""
        for name in FIELDS:
            value = getattr(recipient, name)
            if value is not None and stated_at >= self.stated_at.get(name, stated_at):
                self.values[name] = value
                self.stated_at[name] = stated_at


def stated_at(event: EventDraft) -> datetime:
    """The time of an event's description: its `time`, but never in the future."""
    accepted_at, time = event.entry.accepted_at, event.entry.event.time
    return accepted_at if time is None else min(time, accepted_at)


async def describe_recipients(tx: Driver, events: Sequence[EventDraft]) -> None:
    """Update the directory from the events, independent of their order."""
    descriptions: dict[Person, Description] = {}
    for event in events:
        if isinstance(event.entry.event.to, str):
            continue
        for recipient in audience_of(event.entry.event):
            if isinstance(recipient, Recipient):
                person = (event.entry.tenant, recipient.id)
                descriptions.setdefault(person, Description()).merge(recipient, stated_at(event))
    described = {
        person: description for person, description in descriptions.items() if description.values
    }
    if not described:
        return
    tenants, ids = [tenant for tenant, _ in described], [name for _, name in described]
    people = list(described.values())
    attributes = [_attributes(description.values.get("attributes")) for description in people]
    await tx.execute(
        DESCRIBE,
        tenants,
        ids,
        *([description.values.get(name) for description in people] for name in TEXTS),
        [value for value, _ in attributes],
        [text for _, text in attributes],
        *([description.stated_at.get(name) for description in people] for name in FIELDS),
    )
    await tx.execute(DROP_DELETED, tenants, ids)


def _attributes(given: Any) -> tuple[str | None, str | None]:
    """The values of `attributes` and `attributes_text`, which is used if JSONB would change the
    notation of numbers."""
    if given is None:
        return None, None
    text = compact(encode(given))
    return (None, text.decode()) if jsonb_rewrites(text) else (text.decode(), None)
