"""Signals in the first moments of a process, while Python imports the rest.

That takes a second, in which a signal would end it as if it had failed. Nothing is open yet that
would have to be closed. It imports nothing itself.
"""

from __future__ import annotations

import os
import signal
from types import FrameType


def exit_on_signal() -> None:
    """End at once with status 0 on SIGTERM or SIGINT, until `event_loop.run` takes over."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)  # from wherever it is: an exception could be caught by a module being imported
