"""Content to an email: what its headers and its two parts say."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

from clarion.contracts.addresses import split_email
from services.notifier.channels.clusters import fitting
from services.notifier.channels.message import Mail, MailAddress, octets
from services.notifier.channels.provider import Content, Outgoing

MAX_SUBJECT = 250

PAGE = """\
<!doctype html>
<html>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="margin:0;padding:24px;font-family:system-ui,-apple-system,sans-serif;line-height:1.5">
<h1 style="margin:0 0 12px;font-size:20px">{title}</h1>
{body}{link}</body>
</html>
"""


def compose(delivery: Outgoing, sender: MailAddress, recipient: MailAddress) -> bytes:
    """The message. Its Message-ID is the delivery's id, so the same at every attempt."""
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
    """The same at every attempt: a mailbox that sees it twice can tell."""
    return f"<{delivery.id}@{sender.domain}>"


def mailbox(address: str, name: str = "") -> MailAddress | None:
    """One address for the wire, its domain in ASCII by IDNA 2008; None where it is none."""
    parts = split_email(address)
    return MailAddress(*parts, name=name) if parts else None


def subject_of(content: Content) -> str:
    """The title on one line, cut at a grapheme cluster."""
    return fitting(one_line(content.title), MAX_SUBJECT).rstrip()


def one_line(text: str) -> str:
    """`text` with a space for each run of control characters and line ends, and none around it."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def text_of(content: Content) -> str:
    """The plain part: the body, else the title, and where to go on."""
    parts = [content.body or content.title]
    if content.link:
        parts.append(content.link)
    return "\n\n".join(parts) + "\n"


def html_of(content: Content) -> str:
    """The HTML part; everything that came from outside is escaped."""
    paragraphs = re.split(r"\n{2,}", content.body) if content.body else []
    body = "".join(f"<p>{escape(one).replace(chr(10), '<br>')}</p>\n" for one in paragraphs)
    link = ""
    if content.link:
        url = escape(content.link)
        link = f'<p><a href="{url}">{url}</a></p>\n'
    return PAGE.format(title=escape(content.title), body=body, link=link)
