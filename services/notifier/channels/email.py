"""Content to an email: multipart, text and HTML, every header checked by the library."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

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


def compose(delivery: Outgoing, sender: Address, recipient: Address) -> EmailMessage:
    """The message. Its Message-ID is the delivery's id, so the same at every attempt."""
    content = delivery.content
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject_of(content)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = message_id(delivery, sender)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text_of(content))
    message.add_alternative(html_of(content), subtype="html")
    return message


def message_id(delivery: Outgoing, sender: Address) -> str:
    """The same at every attempt: a mailbox that sees it twice can tell."""
    return f"<{delivery.id}@{sender.domain}>"


def mailbox(address: str) -> Address | None:
    """One address for the wire: the domain in ASCII; None where the local part is not."""
    local, _, domain = address.rpartition("@")
    try:
        return Address(username=local, domain=domain.encode("idna").decode())
    except (ValueError, UnicodeError):
        return None


def subject_of(content: Content) -> str:
    """The title on one line."""
    return re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", content.title).strip()[:MAX_SUBJECT]


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
