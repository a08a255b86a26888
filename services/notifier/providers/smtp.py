"""Email by SMTP: the providers `smtp://` and `smtps://`, with reused connections.

`smtp_answers` has the meaning of answers, `smtp_session` the dialogue. A connection is kept only if
the next answer on it certainly belongs to the next command.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import replace

import aiosmtplib

from clarion.render.mail_message import MailAddress
from clarion.rules.outcomes import Failed, Health, Outcome, Retry, Sent, Unknown
from services.notifier.providers.composing import composed
from services.notifier.providers.email import compose, mailbox, message_id
from services.notifier.providers.provider import Outgoing
from services.notifier.providers.smtp_answers import CLOSING, Step, outcome_of_answer
from services.notifier.providers.smtp_session import (
    MissingExtension,
    SmtpServer,
    SmtpSession,
    UnwantedAnswer,
)

MAX_IDLE = 4
IDLE_S = 20.0
MAX_USES = 100
CLOSE_TIMEOUT_S = 2.0
RESET_TIMEOUT_S = 5.0
"""Short enough that after a dead connection there is time for a new one."""
NO_GOOD = ("connection_lost", "protocol_error")


class Smtp:
    """The providers `smtp://` and `smtps://`."""

    def __init__(self, server: SmtpServer, *, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._idle: deque[SmtpSession] = deque()
        self.name = f"{'smtps' if server.tls else 'smtp'}:{server.host}:{server.port}"

    async def send(self, delivery: Outgoing) -> Outcome:
        """See `Provider.send`."""
        recipient = mailbox(delivery.recipient)
        if recipient is None:
            return Failed("invalid_address", health=Health.NO_SIGNAL)
        sender = self._server.sender
        content = composed(delivery, lambda: compose(delivery, sender, recipient))
        if isinstance(content, Failed):
            return content
        outcome = await self._deliver(recipient, content)
        if isinstance(outcome, Sent):
            return replace(outcome, provider_id=message_id(delivery, sender))
        return outcome

    async def close(self) -> None:
        """See `Provider.close`."""
        while self._idle:
            await _quit(self._idle.popleft())

    async def _deliver(self, recipient: MailAddress, content: bytes) -> Outcome:
        """Send over a reused connection; if that fails before the content is sent, over a new
        one."""
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        session = await self._idle_session()
        if session is not None:
            outcome = await self._over(session, recipient, content, deadline)
            if not is_of_this_connection(outcome):
                return outcome
        session = SmtpSession(self._server, timeout_s=self._timeout_s)
        return await self._over(session, recipient, content, deadline)

    async def _over(
        self, session: SmtpSession, recipient: MailAddress, content: bytes, deadline: float
    ) -> Outcome:
        is_first = session.begin_use()
        try:
            async with asyncio.timeout_at(deadline):
                if is_first:
                    await session.open()
                response = await session.deliver(recipient, content)
            outcome = outcome_of_answer(session.step, response.code, response.message)
        except MissingExtension as missing:
            outcome = outcome_without(str(missing), recipient)
        except (UnwantedAnswer, aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            outcome = outcome_of(session.step, error)
        except BaseException:
            session.close()
            raise
        self._keep(session, outcome)
        return outcome

    async def _idle_session(self) -> SmtpSession | None:
        while self._idle:
            session = self._idle.pop()
            fresh = time.monotonic() - session.idle_since < IDLE_S
            try:
                async with asyncio.timeout(min(RESET_TIMEOUT_S, self._timeout_s / 4)):
                    if fresh and session.uses < MAX_USES and await session.reset():
                        return session
                await _quit(session)
            except TimeoutError:
                session.close()
            except BaseException:
                session.close()
                raise
        return None

    def _keep(self, session: SmtpSession, outcome: Outcome) -> None:
        answered = isinstance(outcome, Sent) or (
            isinstance(outcome, Retry | Failed) and outcome.health is Health.WORKS
        )
        if answered and session.is_usable and len(self._idle) < MAX_IDLE:
            session.rest()
            self._idle.append(session)
        else:
            session.close()


def is_of_this_connection(outcome: Outcome) -> bool:
    """Whether an outcome on a reused connection may be due to its earlier use: it was lost, or the
    server closes it, for example after too many refused recipients."""
    if not isinstance(outcome, Retry):
        return False
    return outcome.reason in NO_GOOD or (outcome.code or "").startswith(str(CLOSING))


def outcome_of(step: Step, error: Exception) -> Outcome:
    """The outcome of an error that ended the dialogue at `step`."""
    match error:
        case UnwantedAnswer() | aiosmtplib.SMTPResponseException():
            return outcome_of_answer(step, error.code, error.message)
        case _ if step is Step.CONTENT:
            lost = "timeout" if isinstance(error, TimeoutError) else "connection_lost"
            return Unknown(lost, type(error).__name__)
        case TimeoutError():
            return Retry("timeout", detail=type(error).__name__)
        case _ if step in (Step.SENDER, Step.RECIPIENT, Step.DATA):
            return Retry("connection_lost", detail=type(error).__name__)
        case _:
            return Retry("provider_unreachable", detail=type(error).__name__)


def outcome_without(extension: str, recipient: MailAddress) -> Outcome:
    """The outcome if the server does not offer the required `extension`."""
    detail = f"The server does not offer {extension}."
    if extension == "SMTPUTF8":
        whose = "address" if recipient.needs_smtputf8 else "sender"
        return Failed(f"{whose}_needs_smtputf8", detail=detail, elsewhere=True)
    reason = "starttls_not_offered" if extension == "STARTTLS" else "login_not_offered"
    return Retry(reason, detail=detail)


async def _quit(session: SmtpSession) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await session.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        session.close()
