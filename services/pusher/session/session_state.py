"""The state of a session, and the marks that others move through methods alone."""

from __future__ import annotations

from clarion.contracts.ids import new_id
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.feed.feed import Feed
from services.pusher.feed.states import Link, Stage
from services.pusher.session.replay_buffer import ReplayBuffer
from services.pusher.session.work_queue import WorkItem, WorkQueue


class SessionState:
    """Others read these attributes and do not write them."""

    __slots__ = (
        "acknowledged",
        "epoch",
        "feed",
        "id",
        "link",
        "recorded_version",
        "replay_buffer",
        "stage",
        "token",
        "version",
        "work_queue",
    )

    def __init__(self) -> None:
        self.id = new_id()
        self.link = Link.UNAUTHENTICATED
        self.stage = Stage.NOT_SUBSCRIBED
        self.feed: Feed | None = None
        self.token: SubscriberToken | None = None
        self.version = self.acknowledged = self.recorded_version = 0
        self.epoch: str | None = None
        self.replay_buffer: ReplayBuffer | None = None
        self.work_queue: WorkQueue | None = None

    @property
    def is_open(self) -> bool:
        """Whether frames may be written."""
        return self.link is Link.UNAUTHENTICATED or self.link is Link.AUTHENTICATED

    def follow_epoch(self, epoch: str) -> None:
        """What is sent from now on is of this epoch of the database."""
        self.epoch = epoch

    def acknowledge(self, version: int) -> bool:
        """The client has handled everything up to `version`, as far as it was sent. Whether that
        is more than before."""
        reached = min(version, self.version)
        is_more = reached > self.acknowledged
        if is_more:
            self.acknowledged = reached
        return is_more

    def on_recorded(self) -> None:
        """A receipt holds what was sent until now."""
        self.recorded_version = self.version

    def begin_work(self, first: WorkItem) -> WorkQueue:
        """Queue this and what follows, until `end_work`."""
        self.work_queue = WorkQueue(first)
        return self.work_queue

    def end_work(self) -> None:
        """All pending work is done or dropped."""
        self.work_queue = None
