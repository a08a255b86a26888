"""The capture provider: stores messages instead of sending them, for evaluation and tests."""

from __future__ import annotations

from clarion.render.email_text import html_of, subject_of, text_of
from clarion.render.sms_text import sms_text
from clarion.rules.outcomes import Failed, Outcome, Sent
from services.notifier.providers.composing import composed
from services.notifier.providers.provider import Outgoing
from services.notifier.providers.provider_url import ProviderUrl


def open_capture(url: ProviderUrl, timeout_s: float) -> CaptureProvider:
    """Open `capture://`, which needs no time limit."""
    del timeout_s
    url.allow_parameters()
    if (url.host, url.port, url.user, url.password) != (None, None, None, None):
        raise url.refused("capture:// has neither host nor user. Write capture:// alone.")
    return CaptureProvider()


class CaptureProvider:
    """The provider `capture://`, for every channel."""

    name = "capture"

    async def send(self, delivery: Outgoing) -> Outcome:
        """Always returns `Sent`, with the message in `capture`."""
        message = composed(delivery, lambda: _message(delivery))
        if isinstance(message, Failed):
            return message
        return Sent(provider_id=str(delivery.id), capture=message)

    async def close(self) -> None:
        """See `Provider.close`."""


def _message(delivery: Outgoing) -> dict[str, str]:
    content = delivery.content
    if delivery.channel != "email":
        return {"body": sms_text(content)}
    return {"subject": subject_of(content), "text": text_of(content), "html": html_of(content)}
