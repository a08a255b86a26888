"""W3C Trace Context: one trace from the HTTP call through AMQP to the attempt and the frame."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")

_current: ContextVar[str] = ContextVar("clarion_traceparent", default="")


def new_traceparent() -> str:
    """The first span of a new trace."""
    drawn = os.urandom(24).hex()
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def continue_trace(traceparent: str | None) -> str:
    """A new span of the same trace; of a new trace where it is missing or malformed."""
    found = _FORM.fullmatch(traceparent) if traceparent else None
    if found is None:
        return new_traceparent()
    return f"00-{found[1]}-{os.urandom(8).hex()}-{found[2]}"


def trace_id_of(traceparent: str) -> str:
    """The 32 hexadecimal digits of the trace; empty where it is malformed."""
    found = _FORM.fullmatch(traceparent)
    return found[1] if found else ""


def set_current_trace(traceparent: str) -> None:
    """Make this the trace of the running task: every log line of it bears the id."""
    _current.set(traceparent)


def current_traceparent() -> str:
    """What `set_current_trace` was given in this task; empty where there is none."""
    return _current.get()


def current_trace_id() -> str:
    """The id of the running task's trace; empty where there is none."""
    return trace_id_of(_current.get())
