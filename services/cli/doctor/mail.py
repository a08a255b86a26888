"""Whether the mail servers answer and accept the login, checked as notifiers use them."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

import aiosmtplib

from clarion.errors import ConfigurationError
from services.cli.doctor.finding import Finding
from services.notifier.providers.smtp_answers import Step
from services.notifier.providers.smtp_session import MissingExtension, SmtpServer, SmtpSession
from services.notifier.providers.smtp_url import smtp_servers
from services.notifier.settings import NotifierSettings

TIMEOUT_S = 5.0
"""For each answer; three of these for all of them."""

LOGIN = "Correct user and password in CLARION_EMAIL."
REACH = "Check host, port and scheme (smtp, smtps) in CLARION_EMAIL, and the firewall."
AUTHORITY = "Correct the host in CLARION_EMAIL, or name the file of its authority there by &ca=."
STARTTLS = "Correct the port in CLARION_EMAIL; where the server has no TLS, write &starttls=no."
NAME = "Name this host by &helo= in CLARION_EMAIL, as DNS knows it."


async def check_mail(settings: NotifierSettings) -> list[Finding]:
    """One finding for each SMTP server in `CLARION_EMAIL`."""
    try:
        servers = smtp_servers(settings.email)
    except ConfigurationError as error:
        return [Finding("mail", str(error), "Correct CLARION_EMAIL.")]
    return [await _finding(server) for server in servers]


async def _finding(server: SmtpServer) -> Finding:
    subject = f"mail {server.host}:{server.port}"
    session = SmtpSession(server, timeout_s=TIMEOUT_S)
    try:
        async with asyncio.timeout(3 * TIMEOUT_S):
            await session.open()
            with suppress(aiosmtplib.SMTPException, OSError):  # it has answered all that counts
                await session.quit()
    except (MissingExtension, aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        sentence, remedy = _fault(error, session.step)
        return Finding(subject, sentence, remedy)
    finally:
        session.close()
    return Finding(subject, "It answers" + (" and accepts the login." if server.user else "."))


def _fault(error: Exception, step: Step) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    if isinstance(error, MissingExtension):
        if error.args[0] == "STARTTLS":
            return "It does not offer STARTTLS.", STARTTLS
        return "It takes no login here.", LOGIN
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return "It refuses the login.", LOGIN
    if (reason := _distrusted(error)) is not None:
        return f"Its certificate is not trusted: {reason}.", AUTHORITY
    if isinstance(error, aiosmtplib.SMTPHeloError) and step is Step.HELLO:
        return "It refuses the name that it is greeted with.", NAME
    return f"It does not answer ({type(error).__name__}).", REACH


def _distrusted(error: BaseException | None) -> str | None:
    """Why TLS refused the server; None for another fault."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message.rstrip(".")
        error = error.__cause__ or error.__context__
    return None
