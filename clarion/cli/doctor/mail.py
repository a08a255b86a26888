"""Whether the mail servers answer and take the login."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from clarion.cli.doctor.finding import Finding
from services.notifier.settings import NotifierSettings

TIMEOUT_S = 5.0
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}


async def check_mail(settings: NotifierSettings) -> list[Finding]:
    """One finding for each SMTP server in `CLARION_EMAIL`."""
    urls = [urlsplit(url) for url in settings.email]
    return [await _server(url) for url in urls if url.scheme in DEFAULT_PORTS]


async def _server(url: SplitResult) -> Finding:
    port = url.port or DEFAULT_PORTS[url.scheme]
    subject = f"mail {url.hostname}:{port}"
    client = aiosmtplib.SMTP(
        hostname=url.hostname, port=port, use_tls=url.scheme == "smtps", timeout=TIMEOUT_S
    )
    try:
        async with client:
            if url.username:
                await client.login(unquote(url.username), unquote(url.password or ""))
    except aiosmtplib.SMTPAuthenticationError:
        return Finding(
            subject, "It refuses the login.", "Correct user and password in CLARION_EMAIL."
        )
    except (aiosmtplib.SMTPException, OSError) as error:
        remedy = "Check host, port and scheme (smtp, smtps) in CLARION_EMAIL, and the firewall."
        return Finding(subject, f"It does not answer ({type(error).__name__}).", remedy)
    return Finding(subject, "It answers" + (" and takes the login." if url.username else "."))
