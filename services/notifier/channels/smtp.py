"""Email by SMTP: STARTTLS or TLS, login, a few connections that are used again.

| what happens | outcome |
|---|---|
| 2xx after the content | `Sent` |
| 4xx at any step | `Retry` |
| 5xx to sender, recipient or content | `Failed`, for the reason that the enhanced code gives |
| 5xx whose enhanced code says "not now" (4.x.x) | `Retry` |
| no connection, TLS or login refused, a login asked for (530) | `Retry`: an operator can mend it |
| no answer once the content went out | `Unknown` |
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from email.headerregistry import Address

import aiosmtplib

from services.notifier.channels.email import compose, mailbox, message_id
from services.notifier.channels.provider import Outgoing
from services.notifier.outcome import Failed, Outcome, Retry, Sent, Unknown

MAX_IDLE = 4
IDLE_S = 20.0
MAX_USES = 100
CLOSE_TIMEOUT_S = 2.0
MAX_DETAIL = 500

PERMANENT = {
    "5.1.1": "address_refused",
    "5.1.2": "address_refused",
    "5.1.3": "address_refused",
    "5.1.6": "address_refused",
    "5.1.7": "sender_refused",
    "5.1.8": "sender_refused",
    "5.1.10": "address_refused",
    "5.2.1": "mailbox_disabled",
    "5.2.2": "mailbox_full",
    "5.2.3": "too_large",
    "5.3.4": "too_large",
    "5.7.1": "refused_by_policy",
    "5.7.23": "sender_refused",
    "5.7.25": "sender_refused",
    "5.7.26": "sender_refused",
}
"""Our word for what an enhanced code (RFC 3463 and its registry) says, whatever it answers."""

AUTHENTICATION_REQUIRED = 530

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """`starttls` is True where it is required, None where it is used if offered."""

    host: str
    port: int
    sender: Address
    context: ssl.SSLContext
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    starttls: bool | None = None


@dataclass(slots=True)
class Connection:
    """An SMTP session; one message at a time."""

    client: aiosmtplib.SMTP
    uses: int = 0
    idle_since: float = 0.0


class Smtp:
    """The providers `smtp://` and `smtps://`."""

    def __init__(self, server: SmtpServer, *, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._idle: deque[Connection] = deque()
        self.name = f"{'smtps' if server.tls else 'smtp'}:{server.host}:{server.port}"

    async def send(self, delivery: Outgoing) -> Outcome:
        """See `Provider.send`."""
        recipient = mailbox(delivery.recipient)
        if recipient is None:
            return Failed("invalid_address")
        message = compose(delivery, self._server.sender, recipient).as_bytes()
        content_sent = False
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._connection()
                client = connection.client
                await client.mail(self._server.sender.addr_spec)
                await client.rcpt(recipient.addr_spec)
                content_sent = True
                response = await client.data(message)
            outcome: Outcome = Sent(
                message_id(delivery, self._server.sender),
                str(response.code),
                _clip(response.message),
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            outcome = outcome_of(error, content_sent=content_sent)
        except BaseException:
            self._drop(connection)
            raise
        await self._settle(connection, outcome)
        return outcome

    async def close(self) -> None:
        """See `Provider.close`."""
        while self._idle:
            await _quit(self._idle.popleft())

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            fresh = time.monotonic() - connection.idle_since < IDLE_S
            if fresh and connection.uses < MAX_USES and await _is_alive(connection):
                connection.uses += 1
                return connection
            await _quit(connection)
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls,
            start_tls=server.starttls,
            tls_context=server.context,
            timeout=self._timeout_s,
        )
        await client.connect()
        return Connection(client, uses=1)

    async def _settle(self, connection: Connection | None, outcome: Outcome) -> None:
        """Keep a connection that answered; drop one whose state is not known."""
        if connection is None:
            return
        answered = isinstance(outcome, Sent) or (
            isinstance(outcome, Retry | Failed) and outcome.code is not None
        )
        if answered and connection.client.is_connected and len(self._idle) < MAX_IDLE:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            self._drop(connection)

    def _drop(self, connection: Connection | None) -> None:
        if connection is not None:
            connection.client.close()


def outcome_of(error: Exception, *, content_sent: bool) -> Outcome:
    """What an error of the SMTP dialogue means."""
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return Retry("provider_refused_credentials", None, *_said(error))
        case aiosmtplib.SMTPConnectResponseError() | aiosmtplib.SMTPHeloError():
            return Retry("provider_unavailable", None, *_said(error))
        case aiosmtplib.SMTPResponseException() if error.code == AUTHENTICATION_REQUIRED:
            return Retry("provider_refused_credentials", None, *_said(error))
        case aiosmtplib.SMTPResponseException():
            if error.code < 500 or _enhanced(error).startswith("4."):
                return Retry("deferred", None, *_said(error))
            return Failed(_reason_of(error), *_said(error))
        case _ if content_sent:
            lost = "timeout" if isinstance(error, TimeoutError) else "connection_lost"
            return Unknown(lost, type(error).__name__)
        case TimeoutError():
            return Retry("timeout", detail=type(error).__name__)
        case _:
            return Retry("provider_unreachable", detail=type(error).__name__)


def _reason_of(error: aiosmtplib.SMTPResponseException) -> str:
    known = PERMANENT.get(_enhanced(error))
    if known is not None:
        return known
    refused = isinstance(error, aiosmtplib.SMTPRecipientRefused)
    return "address_refused" if refused else "rejected"


def _enhanced(error: aiosmtplib.SMTPResponseException) -> str:
    found = _ENHANCED.match(error.message)
    return found[1] if found else ""


def _said(error: aiosmtplib.SMTPResponseException) -> tuple[str, str]:
    return f"{error.code} {_enhanced(error)}".rstrip(), _clip(error.message)


def _clip(text: str) -> str:
    return text.replace("\0", "")[:MAX_DETAIL]


async def _is_alive(connection: Connection) -> bool:
    try:
        await connection.client.rset()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        return False
    return True


async def _quit(connection: Connection) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connection.client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        connection.client.close()
