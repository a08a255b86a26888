"""What a session's frames cause, one after the other; a task exists only while there is work."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from clarion.contracts.frames import (
    Ack,
    Auth,
    Command,
    ErrorFrame,
    Hello,
    Ok,
    Ping,
    Pong,
    Publish,
    Ref,
)
from clarion.errors import Unauthorized, Unavailable
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.revocations import CheckedVerifier
from services.pusher.access.tickets import Tickets
from services.pusher.feed.gaps import Gaps
from services.pusher.feed.hub import Hub
from services.pusher.feed.shards import Shards
from services.pusher.feed.states import Link, Stage
from services.pusher.feed.tasks import Tasks
from services.pusher.metrics import REPLAYS
from services.pusher.session.command_announcements import Changes
from services.pusher.session.framed_commands import carry_out
from services.pusher.session.handshake_gate import HandshakeGate
from services.pusher.session.publishing import Publishing
from services.pusher.session.receipts import Receipts
from services.pusher.session.replay import Resume
from services.pusher.session.session import Session
from services.pusher.session.session_limits import Census
from services.pusher.session.work_queue import Continue, Conversation, Redeem, Work
from services.pusher.wire.close_codes import (
    FORBIDDEN,
    INTERNAL_ERROR,
    TOO_MANY_SESSIONS,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
)

log = structlog.get_logger("clarion.pusher")

MAX_WAITING = 32
"""Frames of one session that wait for their turn; beyond, its socket is not read."""


@dataclass(frozen=True, slots=True)
class Conversations:
    """Handles the frames of every session of a process."""

    hub: Hub
    resume: Resume
    changes: Changes
    gaps: Gaps
    receipts: Receipts
    publishing: Publishing
    verifier: CheckedVerifier
    tickets: Tickets
    tasks: Tasks
    census: Census
    shards: Shards
    gate: HandshakeGate

    def take(self, session: Session, work: Work) -> None:
        """Handle this after what came before it; small answers at once where nothing did."""
        conversation = session.conversation
        if conversation is not None:
            conversation.waiting.append(work)
        elif not self._at_once(session, work):
            conversation = session.conversation = Conversation()
            conversation.waiting.append(work)
            conversation.task = self.tasks.start(self._carry_on(session, conversation))

    def _at_once(self, session: Session, work: Work) -> bool:
        """Do what needs no wait; `False` for all else."""
        if isinstance(work, Auth):
            return self._auth_now(session, work)
        return session.link is Link.PROVEN and self._answer(session, work)

    def _answer(self, session: Session, work: Work) -> bool:
        if isinstance(work, Ack):
            self.receipts.acknowledge(session, work.version)
            if work.ref is not None:
                session.send(Ok(ref=work.ref))
            return True
        return answer_at_once(session, work)

    def go_on(self, session: Session, cause: str) -> None:
        """Replay from the session's version, unless that is to be done already."""
        conversation = session.conversation
        if conversation is None or Continue() not in conversation.waiting:
            REPLAYS.labels(cause).inc()
            self.take(session, Continue())

    async def _carry_on(self, session: Session, conversation: Conversation) -> None:
        try:
            while conversation.waiting and session.is_open:
                await self._handle(session, conversation.waiting.popleft())
                if len(conversation.waiting) == MAX_WAITING // 2:
                    session.wire.resume_reading()
        except Exception:
            log.exception("session_failed", session=session.id)
            session.close(INTERNAL_ERROR)
        finally:
            session.conversation = None
            session.wire.resume_reading()

    async def _handle(self, session: Session, work: Work) -> None:
        try:
            if isinstance(work, Auth | Redeem):
                await self._auth(session, work)
            elif session.link is Link.UNPROVEN:
                session.close(UNAUTHORIZED, "token_missing")
            elif isinstance(work, Command):
                await self._command(session, work)
            elif isinstance(work, Publish):
                await self._publish(session, work)
            elif isinstance(work, Hello):
                REPLAYS.labels("hello").inc()
                await self.resume.replay(session, work.since, work.ref, work.epoch)
            elif isinstance(work, Continue):
                if is_behind(session):
                    await self.resume.replay(session, session.version, epoch=session.epoch)
            else:
                self._answer(session, work)
        except Unavailable as error:
            self._unavailable(session, work, error)

    def _unavailable(self, session: Session, work: Work, error: Unavailable) -> None:
        ref = None if isinstance(work, Continue | Redeem) else work.ref
        session.send(ErrorFrame(code="unavailable", detail=error.detail, ref=ref))
        if not isinstance(work, Command | Publish):
            session.close(TRY_AGAIN_LATER, "unavailable")

    async def _auth(self, session: Session, work: Auth | Redeem) -> None:
        try:
            if isinstance(work, Auth):
                said = await self.verifier.verify(work.token)
            else:
                said = await self.tickets.redeem(work.ticket)
        except Unauthorized as error:
            session.close(UNAUTHORIZED, error.code)
            return
        self.let_in(session, said, work.ref if isinstance(work, Auth) else None)

    def _auth_now(self, session: Session, auth: Auth) -> bool:
        try:
            said = self.verifier.verify_now(auth.token)
        except Unauthorized as error:
            session.close(UNAUTHORIZED, error.code)
            return True
        if said is not None:
            self.let_in(session, said, auth.ref)
        return said is not None

    def let_in(self, session: Session, said: SubscriberToken, ref: Ref = None) -> None:
        """The session is whose the token says, or is renewed; `ref` is answered."""
        if session.is_open and self._admit(session, said) and ref is not None:
            session.send(Ok(ref=ref))

    def _admit(self, session: Session, said: SubscriberToken) -> bool:
        expires_at = session.now() + said.expires_at - time.time()
        feed = session.feed
        if feed is not None:
            if (feed.tenant, feed.subscriber) != (said.tenant, said.subscriber):
                session.close(FORBIDDEN, "another_subscriber")
                return False
            session.renew(said, expires_at)
            return self._holds_still(session, said)
        if self.hub.count(said.tenant, said.subscriber) >= self.census.limits.per_subscriber:
            session.close(TOO_MANY_SESSIONS)
            return False
        if not self.census.has_room(said.tenant):
            session.close(TRY_AGAIN_LATER, "tenant_full")
            return False
        if not self.gate.prove(session, said.tenant):
            session.close(TRY_AGAIN_LATER, "too_many_handshakes")
            return False
        self.census.prove(said.tenant)
        feed = self.hub.join(said.tenant, said.subscriber, session)
        self.shards.enter(feed)
        session.prove(feed, said, expires_at)
        return self._holds_still(session, said)

    def _holds_still(self, session: Session, said: SubscriberToken) -> bool:
        """Asked once it is in the hub, where later revocations find it: since its token was judged
        others may have waited, and that token expired or was revoked."""
        try:
            self.verifier.recheck(said)
        except Unauthorized as error:
            session.close(UNAUTHORIZED, error.code)
        return session.is_open

    async def _command(self, session: Session, command: Command) -> None:
        feed = session.feed
        if feed is None:
            return
        outcome = await carry_out(self.changes, session, feed, command)
        if isinstance(outcome, ErrorFrame):
            session.send(outcome)
            return
        if outcome.changed and session.stage is Stage.LIVE and session.version < outcome.version:
            await self.gaps.fill(feed)  # the answer comes after the change
        session.send(Ok(ref=command.ref))

    async def _publish(self, session: Session, frame: Publish) -> None:
        feed = session.feed
        if feed is None:
            return
        if session.token is None or frame.topic not in session.token.publish:
            session.send(topic_not_allowed(frame))
            return
        session.send(await self.publishing.publish(feed, frame))


def is_behind(session: Session) -> bool:
    """Whether the feed has more, or other, than the session was given."""
    feed = session.feed
    return session.stage is not Stage.LIVE or feed is None or feed.version != session.version


def topic_not_allowed(frame: Publish) -> ErrorFrame:
    """The session goes on: several pages may share it, with rights of their own."""
    detail = "The token does not name this topic in `publish`."
    return ErrorFrame(code="topic_not_allowed", detail=detail, ref=frame.ref)


def answer_at_once(session: Session, work: Work) -> bool:
    """Answer what needs no wait; `False` for all else."""
    if isinstance(work, Ping):
        session.send(Pong(ref=work.ref))
    elif isinstance(work, ErrorFrame):
        session.send(work)
    else:
        return False
    return True
