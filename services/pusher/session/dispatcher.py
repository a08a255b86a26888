"""Handles the frames of a session in order. A task exists only while there is work."""

from __future__ import annotations

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
)
from clarion.errors import Unavailable
from services.pusher.feed.gaps import GapFiller
from services.pusher.feed.states import Link, Stage
from services.pusher.feed.tasks import Tasks
from services.pusher.metrics import REPLAYS
from services.pusher.session.authentication import SessionAuthenticator
from services.pusher.session.command_executor import CommandExecutor
from services.pusher.session.framed_commands import execute
from services.pusher.session.publishing import Publishing
from services.pusher.session.receipts import Receipts
from services.pusher.session.replay import Replayer
from services.pusher.session.session import Session
from services.pusher.session.work_queue import RedeemTicket, ResumeWork, WorkItem, WorkQueue
from services.pusher.wire.close_codes import (
    INTERNAL_ERROR,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
)

log = structlog.get_logger("clarion.pusher")

MAX_PENDING = 32
"""Pending frames of one session; at the limit, reading from its socket pauses."""


@dataclass(frozen=True, slots=True)
class FrameDispatcher:
    """Handles the frames of every session of a process."""

    replayer: Replayer
    commands: CommandExecutor
    gap_filler: GapFiller
    receipts: Receipts
    publishing: Publishing
    authenticator: SessionAuthenticator
    tasks: Tasks

    def dispatch(self, session: Session, work: WorkItem) -> None:
        """Handle this after all earlier work; at once where that needs no I/O."""
        queue = session.work_queue
        if queue is not None:
            queue.pending.append(work)
        elif not self._handle_immediately(session, work):
            queue = session.begin_work(work)
            queue.run_by(self.tasks.start(self._run(session, queue)))

    def _handle_immediately(self, session: Session, work: WorkItem) -> bool:
        """`False` where it needs I/O."""
        if isinstance(work, Auth):
            return self.authenticator.handle_immediately(session, work)
        return session.link is Link.AUTHENTICATED and self._answer(session, work)

    def _answer(self, session: Session, work: WorkItem) -> bool:
        if isinstance(work, Ack):
            self.receipts.acknowledge(session, work.version)
            if work.ref is not None:
                session.send(Ok(ref=work.ref))
            return True
        return answer_immediately(session, work)

    def schedule_resume(self, session: Session, cause: str) -> None:
        """Schedule a replay from the session's version, unless one is pending."""
        queue = session.work_queue
        if queue is None or ResumeWork() not in queue.pending:
            REPLAYS.labels(cause).inc()
            self.dispatch(session, ResumeWork())

    async def _run(self, session: Session, queue: WorkQueue) -> None:
        try:
            while queue.pending and session.is_open:
                await self._handle(session, queue.pending.popleft())
                if len(queue.pending) == MAX_PENDING // 2:
                    session.transport.resume_reading()
        except Exception:
            log.exception("session_failed", session=session.id)
            session.close(INTERNAL_ERROR)
        finally:
            session.end_work()
            session.transport.resume_reading()

    async def _handle(self, session: Session, work: WorkItem) -> None:
        try:
            if isinstance(work, Auth | RedeemTicket):
                await self.authenticator.handle(session, work)
            elif session.link is Link.UNAUTHENTICATED:
                session.close(UNAUTHORIZED, "token_missing")
            elif isinstance(work, Command):
                await self._handle_command(session, work)
            elif isinstance(work, Publish):
                await self._handle_publish(session, work)
            elif isinstance(work, Hello):
                REPLAYS.labels("hello").inc()
                await self.replayer.replay(session, work.since, work.ref, work.epoch)
            elif isinstance(work, ResumeWork):
                if needs_replay(session):
                    await self.replayer.replay(session, session.version, epoch=session.epoch)
            else:
                self._answer(session, work)
        except Unavailable as error:
            self._report_unavailable(session, work, error)

    def _report_unavailable(self, session: Session, work: WorkItem, error: Unavailable) -> None:
        ref = None if isinstance(work, ResumeWork | RedeemTicket) else work.ref
        session.send(ErrorFrame(code="unavailable", detail=error.detail, ref=ref))
        if not isinstance(work, Command | Publish):
            session.close(TRY_AGAIN_LATER, "unavailable")

    async def _handle_command(self, session: Session, command: Command) -> None:
        feed = session.feed
        if feed is None:
            return
        outcome = await execute(self.commands, session, feed, command)
        if isinstance(outcome, ErrorFrame):
            session.send(outcome)
            return
        if outcome.changed and session.stage is Stage.LIVE and session.version < outcome.version:
            await self.gap_filler.fill(feed)  # the client must get the change before the `ok`
        session.send(Ok(ref=command.ref))

    async def _handle_publish(self, session: Session, frame: Publish) -> None:
        feed = session.feed
        if feed is None:
            return
        if session.token is None or frame.topic not in session.token.publish:
            session.send(topic_not_allowed_error(frame))
            return
        session.send(await self.publishing.publish(feed, frame))


def needs_replay(session: Session) -> bool:
    """Whether the session is not at the version of its feed."""
    feed = session.feed
    return session.stage is not Stage.LIVE or feed is None or feed.version != session.version


def topic_not_allowed_error(frame: Publish) -> ErrorFrame:
    """The session stays open: pages with different rights may share it."""
    detail = "The token does not name this topic in `publish`."
    return ErrorFrame(code="topic_not_allowed", detail=detail, ref=frame.ref)


def answer_immediately(session: Session, work: WorkItem) -> bool:
    """Answer a ping or an invalid frame; `False` for others."""
    if isinstance(work, Ping):
        session.send(Pong(ref=work.ref))
    elif isinstance(work, ErrorFrame):
        session.send(work)
    else:
        return False
    return True
