"""Changes requested by callers, as timeline entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Entry = dict[str, Any]

CANCELLED = "{actor} cancelled everything not sent yet"
AGAIN = "{actor} redrove the delivery, which had ended as {state}: {reason}"

SENTENCES: dict[str, tuple[str, str]] = {
    "delivery.retry": ("retry", AGAIN),
    "delivery.redrive": ("redrive", AGAIN),
    "notification.cancel": ("cancel", CANCELLED),
    "event.cancel": ("cancel", CANCELLED),
    "event.redrive": ("redrive", "{actor} published the parked message again (parked: {reason})"),
    "event.discard": ("discard", "{actor} deleted the parked message (parked: {reason})"),
}
"""By the action in `audit`: its name in the timeline, and the sentence."""

UNPLANNED = "; recipients not planned by then get nothing"


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
    """One entry of a timeline."""
    return {"at": at, "what": what, "channel": channel, "detail": detail}
