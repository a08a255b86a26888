"""A session from the view of its feed."""

from __future__ import annotations

from typing import Protocol

from clarion.contracts.revocation import Revocation
from services.pusher.feed.states import Stage
from services.pusher.wire.write_buffer import WriteBuffer


class Listener(Protocol):
    """`version` is that of the last accepted frame. The listener alone writes its `stage` and
    `version`, but for the innermost loop of `FanOut`, which accepts in its place."""

    write_buffer: WriteBuffer
    stage: Stage
    version: int

    def offer(self, version: int, frame: bytes) -> None:
        """Accept the feed's next frame: ignore, buffer or write it, depending on the state."""
        ...

    def accept(self, first: int, joined: bytes, count: int) -> bool:
        """Write `count` frames with the versions from `first` on if it is live and they are the
        next; `False` and nothing where they must be offered one by one."""
        ...

    def on_overtaken(self, version: int) -> None:
        """The feed continued at `version` without offering the frames in between."""
        ...

    def on_history_changed(self) -> None:
        """The delivered history is invalid: replay."""
        ...

    def on_revoked(self, revocation: Revocation) -> None:
        """Close if the session's token is revoked by this."""
        ...
