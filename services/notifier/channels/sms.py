"""Content to the text of an SMS."""

from __future__ import annotations

from services.notifier.channels.provider import Content

MAX_CHARACTERS = 1_600
"""What Twilio takes as one message."""


def sms_text(content: Content) -> str:
    """Title, body and link; where it is too long the body is cut, then the title."""
    link = content.link if content.link and len(content.link) < MAX_CHARACTERS // 2 else None
    tail = f"\n{link}" if link else ""
    words = content.title if not content.body else f"{content.title}\n{content.body}"
    room = MAX_CHARACTERS - len(tail)
    if len(words) > room:
        words = words[: room - 1].rstrip() + "…"
    return words + tail
