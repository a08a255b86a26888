"""What a caller asked for, as a timeline tells it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Entry = dict[str, Any]

CANCELLED = "{actor} cancelled what was not sent yet"
AGAIN = "{actor} had it sent again; before, it had ended {state}: {reason}"

SENTENCES: dict[str, tuple[str, str]] = {
    "delivery.retry": ("retry", AGAIN),
    "delivery.redrive": ("redrive", AGAIN),
    "notification.cancel": ("cancel", CANCELLED),
    "event.cancel": ("cancel", CANCELLED),
    "event.redrive": ("redrive", "{actor} had it planned again; it was parked: {reason}"),
    "event.discard": ("discard", "{actor} threw the parked message away; it was parked: {reason}"),
}
"""By the action in `audit`: what the timeline calls it, and the sentence."""

UNPLANNED = "; people who were not planned by then get nothing"


def said(change: Mapping[str, Any], channel: str | None = None) -> Entry:
    """One row of `audit`."""
    detail = change["detail"]
    what, sentence = SENTENCES.get(change["action"], (change["action"], "Changed by {actor}"))
    text = sentence.format(
        actor=change["actor"], state=detail.get("state"), reason=detail.get("reason") or "unknown"
    )
    if detail.get("unplanned"):
        text += UNPLANNED
    return entry_of(change["at"], what, text, channel)


def entry_of(at: datetime, what: str, detail: str, channel: str | None = None) -> Entry:
    """One thing that happened."""
    return {"at": at, "what": what, "channel": channel, "detail": detail}
