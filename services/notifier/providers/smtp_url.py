"""The URLs of mail servers.

smtp://user:password@host:587?from=Shop <no-reply@shop.example>&starttls=required
                                                            &helo=clarion.shop.example
smtps://user:password@host:465?from=no-reply@shop.example&ca=/etc/ssl/private-ca.pem
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from email.utils import getaddresses

from clarion.render.mail_message import MailAddress
from services.notifier.providers.client_name import is_greeting_name
from services.notifier.providers.email import mailbox
from services.notifier.providers.provider_url import (
    ProviderUrl,
    can_be_looked_up,
    read_provider_url,
)
from services.notifier.providers.smtp import Smtp
from services.notifier.providers.smtp_session import SmtpServer

SCHEMES = ("smtp", "smtps")
STARTTLS: Mapping[str, bool | None] = {"required": True, "auto": None, "no": False}
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def open_smtp(url: ProviderUrl, timeout_s: float) -> Smtp:
    """The providers `smtp://` and `smtps://`."""
    return Smtp(_server(url), timeout_s=timeout_s)


def smtp_servers(email: Sequence[str]) -> list[SmtpServer]:
    """The SMTP servers of `CLARION_EMAIL`. Raises `ConfigurationError`."""
    urls = [read_provider_url(url, channel="email", setting="CLARION_EMAIL") for url in email]
    return [_server(url) for url in urls if url.scheme in SCHEMES]


def _server(url: ProviderUrl) -> SmtpServer:
    url.allow_parameters("from", "starttls", "ca", "helo")
    if not url.host:
        raise url.refused(f"{url.scheme}:// needs a host.")
    if not can_be_looked_up(url.host):
        raise url.refused(f"the host of {url.scheme}:// is no name of a host.")
    starttls = url.parameters.get("starttls", "required" if url.user else "auto")
    if starttls not in STARTTLS:
        raise url.refused("starttls is one of required, auto, no.")
    helo = url.parameters.get("helo")
    if helo is not None and not is_greeting_name(helo):
        raise url.refused(
            "helo is the name of this host, such as clarion.shop.example, or its address in "
            "brackets: [192.0.2.1]."
        )
    tls = url.scheme == "smtps"
    return SmtpServer(
        host=url.host,
        port=url.port or DEFAULT_PORTS[url.scheme],
        user=url.user,
        password=url.password,
        sender=_sender(url),
        tls=tls,
        starttls=False if tls else STARTTLS[starttls],
        context=_context(url),
        helo=helo,
    )


def _sender(url: ProviderUrl) -> MailAddress:
    text = url.parameters.get("from", "")
    if _CONTROL.search(text):
        raise url.refused("from holds a control character.")
    written = getaddresses([text])
    name, address = written[0] if len(written) == 1 else ("", "")
    sender = mailbox(address.strip(), name)
    if sender is None:
        raise url.refused("smtp:// needs ?from= with one email address.")
    return sender


def _context(url: ProviderUrl) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=url.parameters.get("ca"))
    except (OSError, ssl.SSLError):
        raise url.refused("the file named by ca cannot be read.") from None
