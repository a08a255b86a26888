"""The close codes of the server (docs/reference/close-codes.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReconnectAdvice = Literal["yes", "slowly", "with a new token", "no"]
"""`yes`: after a jittered delay. `slowly`: at most once a minute, because another session must end
first. `with a new token`: at once, but never with the same token. `no`: the client is at fault."""

SLOW_RECONNECT_S = 60


@dataclass(frozen=True, slots=True)
class CloseCode:
    """A permanent number. `name` is the default reason."""

    code: int
    name: str
    sentence: str
    come_back: ReconnectAdvice
    """Whether a client may reconnect by itself."""

    @property
    def is_temporary(self) -> bool:
        """Whether a client may reconnect with the same token."""
        return self.come_back in ("yes", "slowly")


PROTOCOL_ERROR = CloseCode(1002, "protocol_error", "Not WebSocket as RFC 6455 says it.", "no")
UNSUPPORTED_DATA = CloseCode(1003, "unsupported_data", "A binary message: frames are text.", "no")
INVALID_UTF8 = CloseCode(1007, "invalid_utf8", "A text message that is not UTF-8.", "no")
INTERNAL_ERROR = CloseCode(1011, "internal_error", "A defect on our side; it was logged.", "yes")
GOING_AWAY = CloseCode(
    1012, "going_away", "The server stops: come back after the `after_ms` it said.", "yes"
)
TRY_AGAIN_LATER = CloseCode(
    1013,
    "try_again_later",
    "The process is full, or database or broker do not answer.",
    "yes",
)
TOO_SLOW = CloseCode(4008, "too_slow", "Nothing could be written for a minute: resume.", "yes")
UNAUTHORIZED = CloseCode(
    4401,
    "token_invalid",
    "The token is missing, does not hold, has expired or was revoked: come back with a new one.",
    "with a new token",
)
FORBIDDEN = CloseCode(
    4403, "origin_not_allowed", "The origin, or what was asked, is not allowed.", "no"
)
AUTH_TIMEOUT = CloseCode(4408, "auth_timeout", "No token came in time.", "yes")
TOO_MANY_SESSIONS = CloseCode(
    4409,
    "too_many_sessions",
    "This subscriber has as many sessions as one may have: others have to end.",
    "slowly",
)
FRAME_TOO_LARGE = CloseCode(4413, "frame_too_large", "A message past the bound in bytes.", "no")
TOO_MANY_FRAMES = CloseCode(4429, "too_many_frames", "More frames than one may send.", "yes")

CLOSE_CODES = (
    PROTOCOL_ERROR,
    UNSUPPORTED_DATA,
    INVALID_UTF8,
    INTERNAL_ERROR,
    GOING_AWAY,
    TRY_AGAIN_LATER,
    TOO_SLOW,
    UNAUTHORIZED,
    FORBIDDEN,
    AUTH_TIMEOUT,
    TOO_MANY_SESSIONS,
    FRAME_TOO_LARGE,
    TOO_MANY_FRAMES,
)


class Violation(Exception):
    """Invalid input, which closes the session with this code."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code.code} {self.code.name}"
