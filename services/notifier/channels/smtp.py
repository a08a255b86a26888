"""Email by SMTP: STARTTLS or TLS, login, a few connections that are used again.

| what happens | outcome |
|---|---|
| 2xx after the content | `Sent` |
| 4xx at any step | `Retry` |
| 5xx to sender, recipient or content | `Failed`, with the enhanced code |
| no connection, TLS or login refused | `Retry`: an operator can mend it |
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

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


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
        case aiosmtplib.SMTPResponseException():
            if error.code >= 500:
                return Failed(_reason_of(error), *_said(error))
            return Retry("deferred", None, *_said(error))
        case _ if content_sent:
            lost = "timeout" if isinstance(error, TimeoutError) else "connection_lost"
            return Unknown(lost, type(error).__name__)
        case TimeoutError():
            return Retry("timeout", detail=type(error).__name__)
        case _:
            return Retry("provider_unreachable", detail=type(error).__name__)


def _reason_of(error: aiosmtplib.SMTPResponseException) -> str:
    refused = isinstance(error, aiosmtplib.SMTPRecipientRefused)
    return "address_refused" if refused else "rejected"


def _said(error: aiosmtplib.SMTPResponseException) -> tuple[str, str]:
    enhanced = _ENHANCED.search(error.message)
    code = f"{error.code} {enhanced[1]}" if enhanced else str(error.code)
    return code, _clip(error.message)


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
