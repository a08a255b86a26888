"""A capture box: keeps what would have been sent, for trying Clarion out."""

from __future__ import annotations

from services.notifier.channels.composing import composed
from services.notifier.channels.email import html_of, subject_of, text_of
from services.notifier.channels.provider import Outgoing
from services.notifier.channels.sms import sms_text
from services.notifier.outcome import Failed, Outcome, Sent


class Capture:
    """The provider `capture://`, for every channel."""

    name = "capture"

    async def send(self, delivery: Outgoing) -> Outcome:
        """Always sent; what it would have been is in `Sent.capture`."""
        message = composed(delivery, lambda: _message(delivery))
        if isinstance(message, Failed):
            return message
        return Sent(provider_id=str(delivery.id), capture=message)

    async def close(self) -> None:
        """Nothing is open."""


def _message(delivery: Outgoing) -> dict[str, str]:
    content = delivery.content
    if delivery.channel != "email":
        return {"body": sms_text(content)}
    return {"subject": subject_of(content), "text": text_of(content), "html": html_of(content)}
