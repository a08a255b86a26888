"""A session, as its feed sees it."""

from __future__ import annotations

from typing import Protocol

from clarion.contracts.revocation import Revocation
from services.pusher.feed.states import Stage
from services.pusher.wire.write_buffer import WriteBuffer


class Listener(Protocol):
    """`version` is that of the last frame it was given."""

    write_buffer: WriteBuffer
    stage: Stage
    version: int

    def offer(self, version: int, frame: bytes) -> None:
        """The feed's next frame; it is ignored, kept or written as the session's state says."""
        ...

    def offer_run(self, first: int, joined: bytes, count: int) -> bool:
        """As `offer` for `count` frames at once, with the versions from `first` on; `False` and
        nothing where they have to be offered one by one."""
        ...

    def on_overtaken(self, version: int) -> None:
        """The feed went on to `version` without giving the frames between."""
        ...

    def on_history_changed(self) -> None:
        """What was given is no longer true: begin anew."""
        ...

    def on_revoked(self, revocation: Revocation) -> None:
        """Tokens of the feed's subscriber hold no longer: end if its own is one of them."""
        ...
