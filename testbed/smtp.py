"""A real SMTP server with STARTTLS and login, and a certificate of its own authority."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from testbed.processes import free_port

USER = "clarion"
PASSWORD = "pass/word:with@signs"


@dataclass
class Mailbox:
    """What the server received; `answers` are what it says first instead of taking the mail."""

    url: str = ""
    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list[EmailMessage])
    octets: list[bytes] = field(default_factory=list[bytes])
    """The messages as they came."""
    options: list[list[str]] = field(default_factory=list[list[str]])
    """What `MAIL FROM` announced of each."""
    greeted_by: set[str] = field(default_factory=set[str])
    recipients: list[list[str]] = field(default_factory=list[list[str]])
    peers: set[Any] = field(default_factory=set[Any])
    answers: list[str] = field(default_factory=list[str])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    """Answers to `RCPT TO` by address."""

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        """Take the recipient unless it is refused."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the message unless something else is to be said first."""
        if self.answers:
            return self.answers.pop(0)
        self.peers.add(session.peer)
        self.recipients.append(envelope.rcpt_tos)
        self.greeted_by.add(session.host_name or "")
        self.options.append(envelope.mail_options)
        content = cast("bytes", envelope.content)
        self.octets.append(content)
        self.messages.append(message_from_bytes(content, policy=default))
        return "250 2.0.0 OK: queued as 12345"


@asynccontextmanager
async def running_smtp(
    directory: Path, *, tls: bool = False, box: Mailbox | None = None, smtputf8: bool = True
) -> AsyncIterator[Mailbox]:
    """A server on a free port that demands STARTTLS (or speaks TLS at once) and a login."""
    authority = trustme.CA()
    bundle = directory / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    chain = directory / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain))
    context.load_cert_chain(chain)
    box = box or Mailbox()
    box.port = free_port()
    secured: dict[str, Any] = {"ssl_context": context} if tls else {"tls_context": context}
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        require_starttls=not tls,
        auth_required=True,
        auth_require_tls=not tls,
        authenticator=_authenticate,
        enable_SMTPUTF8=smtputf8,
        **secured,
    )
    scheme = "smtps" if tls else "smtp"
    box.url = (
        f"{scheme}://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{box.port}"
        f"?from={quote('The Shöp <no-reply@shop.example>')}&ca={quote(str(bundle))}"
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    given = cast("LoginPassword", data)
    known = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)  # it is aiosmtpd that answers
