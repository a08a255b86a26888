"""One SMTP session: connect, greet, TLS, login, and messages one after another.

`step` is its progress, which decides the meaning of an answer or a lost connection.
"""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass, field

import aiosmtplib

from clarion.render.mail_message import MailAddress
from services.notifier.providers.client_name import address_literal, own_fqdn
from services.notifier.providers.smtp_answers import Step
from services.notifier.providers.smtp_watch import AnswerWatch

COMPLETED = 250
FORWARDS = (250, 251, 252)
START_INPUT = 354
NOT_IMPLEMENTED = (500, 502)
UNREADABLE = -1

_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """`starttls` is True if required, None if used when offered. `helo` is the EHLO name; None is
    the name of the host."""

    host: str
    port: int
    sender: MailAddress
    context: ssl.SSLContext
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    starttls: bool | None = None
    helo: str | None = None


class UnwantedAnswer(Exception):
    """An answer that ends the dialogue."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class MissingExtension(Exception):
    """The server lacks an extension that the message or the settings require; `args` names it."""


class SmtpSession:
    """A connection to `server`; one message at a time."""

    def __init__(self, server: SmtpServer, *, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=False,
            tls_context=server.context,
            timeout=timeout_s,
        )
        self._watch: AnswerWatch | None = None
        self.step = Step.CONNECT
        self.uses = 0
        self.idle_since = 0.0

    def begin_use(self) -> bool:
        """Count one more message; whether it is the first, for which to connect."""
        self.uses += 1
        return self.uses == 1

    def rest(self) -> None:
        """The message is done; the connection is kept for another."""
        self.idle_since = time.monotonic()

    @property
    def is_usable(self) -> bool:
        """Whether the next answer certainly belongs to the next command."""
        return self._client.is_connected and self._watch is not None and not self._watch.strayed

    async def open(self) -> None:
        """Connect, greet, start TLS and log in."""
        await self._client.connect()
        self._watch_answers()
        name = self._server.helo or await own_fqdn() or self._literal()
        await self._hello(name)
        if self._server.starttls is not False:
            await self._start_tls(name)
        if self._server.user is not None:
            await self._login(self._server.user, self._server.password or "")

    async def deliver(self, recipient: MailAddress, content: bytes) -> aiosmtplib.SMTPResponse:
        """Send one message; returns the answer to its content.

        Raises `UnwantedAnswer`, `MissingExtension`, and the connection errors of aiosmtplib;
        `step` is `CONTENT` exactly if the server may have accepted the message.
        """
        self.step = Step.SENDER
        sender = self._server.sender
        options = self._options(sender.needs_smtputf8 or recipient.needs_smtputf8)
        await self._command((COMPLETED,), b"MAIL", _path(b"FROM", sender), *options)
        self.step = Step.RECIPIENT
        await self._command(FORWARDS, b"RCPT", _path(b"TO", recipient))
        self.step = Step.DATA
        await self._command((START_INPUT,), b"DATA")
        return await self._content(content)

    async def reset(self) -> bool:
        """Send RSET before reuse; returns whether the server answers."""
        self.step = Step.HELLO
        try:
            await self._command((COMPLETED,), b"RSET")
        except (UnwantedAnswer, aiosmtplib.SMTPException, OSError):
            return False
        return self.is_usable

    async def quit(self) -> None:
        """Send QUIT if the session is in a state that allows it."""
        if self.is_usable:
            await self._client.quit()
        self.close()

    def close(self) -> None:
        """Close the connection at once."""
        self._client.close()

    async def _hello(self, name: str) -> None:
        self.step = Step.HELLO
        self._expect_one()
        try:
            await self._client.ehlo(hostname=name)
        except aiosmtplib.SMTPHeloError as error:
            if error.code not in NOT_IMPLEMENTED or not self.is_usable:
                raise
            self._expect_one()
            await self._client.helo(hostname=name)

    async def _start_tls(self, name: str) -> None:
        self.step = Step.TLS
        if not self._client.supports_extension("starttls"):
            if self._server.starttls:
                raise MissingExtension("STARTTLS")
            return
        self._expect_one()
        await self._client.starttls()
        self._watch_answers()
        await self._hello(name)

    async def _login(self, user: str, password: str) -> None:
        self.step = Step.LOGIN
        if not self._client.supports_extension("auth"):
            raise MissingExtension("AUTH")
        watch = self._expect_one()
        watch.pause()
        await self._client.login(user, password)
        watch.resume()

    async def _command(self, wanted: tuple[int, ...], *words: bytes) -> None:
        self._expect_one()
        response = await self._client.execute_command(*words)
        if response.code not in wanted:
            raise UnwantedAnswer(response.code, response.message)

    async def _content(self, content: bytes) -> aiosmtplib.SMTPResponse:
        self._expect_one()
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        protocol.write(_LEADING_DOT.sub(b"..", content) + b".\r\n")
        self.step = Step.CONTENT
        return await protocol.read_response(timeout=self._timeout_s)

    def _options(self, utf8: bool) -> list[bytes]:
        """Options of MAIL: our messages are 7-bit except for UTF-8 addresses."""
        if not utf8:
            return []
        if not self._client.supports_extension("smtputf8"):
            raise MissingExtension("SMTPUTF8")
        eight_bit = self._client.supports_extension("8bitmime")
        return [b"SMTPUTF8", *([b"BODY=8BITMIME"] if eight_bit else [])]

    def _watch_answers(self) -> None:
        if self._client.transport is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self._watch = AnswerWatch.on(self._client.transport)

    def _expect_one(self) -> AnswerWatch:
        """Call before a command: expects one answer, and refuses an early one."""
        if self._watch is None or not self._client.is_connected:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        if self._watch.strayed:
            raise UnwantedAnswer(UNREADABLE, "an answer that nothing asked for")
        self._watch.expect()
        return self._watch

    def _literal(self) -> str:
        return address_literal(str(self._client.get_transport_info("sockname")[0]))


def _path(verb: bytes, address: MailAddress) -> bytes:
    return verb + b":<" + address.spec.encode() + b">"
