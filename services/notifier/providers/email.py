"""Composes the email of a delivery."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from clarion.contracts.addresses import split_email
from clarion.render.email_text import html_of, subject_of, text_of
from clarion.render.mail_message import Mail, MailAddress, octets
from services.notifier.providers.provider import Outgoing


def compose(delivery: Outgoing, sender: MailAddress, recipient: MailAddress) -> bytes:
    """The serialised message; its Message-ID is the same at every attempt."""
    content = delivery.content
    return octets(
        Mail(
            sender=sender,
            recipient=recipient,
            subject=subject_of(content),
            date=format_datetime(datetime.now(UTC)),
            message_id=message_id(delivery, sender),
            text=text_of(content),
            html=html_of(content),
            key=delivery.id.hex,
        )
    )


def message_id(delivery: Outgoing, sender: MailAddress) -> str:
    """The same at every attempt, so that a mailbox can detect duplicates."""
    return f"<{delivery.id}@{sender.domain}>"


def mailbox(address: str, name: str = "") -> MailAddress | None:
    """A single address with its domain in ASCII (IDNA 2008); None if `address` is invalid."""
    parts = split_email(address)
    return MailAddress(*parts, name=name) if parts else None
