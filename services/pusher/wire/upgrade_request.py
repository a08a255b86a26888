"""A request to change to WebSocket (RFC 6455, section 4.2), read from the bytes that uvicorn hands
over: it has parsed them once and writes them in one plain form, without folded lines.

Half of a handshake's cost was to parse these bytes in a general way; what `websockets` says of a
request, this says too (`tests/unit/test_pusher_upgrade.py` compares them).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from websockets.utils import accept_key

from clarion.errors import BadRequest

WEBSOCKET_VERSION = "13"
MAX_BYTES = 64 * 1024
MAX_HEADERS = 128
KEY_BYTES = 16

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_token = re.compile(_NAME)
_field = re.compile(rf"({_NAME}):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_start = re.compile(r"([A-Z]+) ([\x21-\x7e\x80-\xff]+) HTTP/1\.1")


class UpgradeRequest:
    """One request. Header names are in lower case; values are decoded as Latin-1."""

    __slots__ = ("_fields", "method", "target")

    def __init__(self, data: bytes) -> None:
        """Raises `BadRequest` where it is not a whole request of a sane size."""
        head, end, _ = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        start = _start.fullmatch(lines[0])
        if not end or start is None or len(data) > MAX_BYTES or len(lines) > MAX_HEADERS:
            raise unreadable()
        self.method, self.target = start.groups()
        self._fields: dict[str, list[str]] = {}
        for line in lines[1:]:
            field = _field.fullmatch(line)
            if field is None:
                raise unreadable()
            self._fields.setdefault(field[1].lower(), []).append(field[2].rstrip(" \t"))

    def all(self, name: str) -> Sequence[str]:
        """The values of a header, as often as it is there."""
        return self._fields.get(name, ())

    def one(self, name: str) -> str | None:
        """The value of a header. Raises `BadRequest` where it is there twice."""
        found = self._fields.get(name, ())
        if len(found) > 1:
            raise no_handshake()
        return found[0] if found else None

    def tokens(self, name: str) -> list[str]:
        """The values of a header that is a list of tokens. Raises `BadRequest` where one of its
        lines is not."""
        return [value for line in self._fields.get(name, ()) for value in tokens_of(line)]

    def accept(self) -> str:
        """The `Sec-WebSocket-Accept` that answers it. Raises `BadRequest` for what is no
        handshake of version 13."""
        upgrades = self.tokens("upgrade")
        options = self.tokens("connection")
        key = self.one("sec-websocket-key") or ""
        if (
            self.method != "GET"
            or [value.lower() for value in upgrades] != ["websocket"]
            or "upgrade" not in [value.lower() for value in options]
            or self.one("sec-websocket-version") != WEBSOCKET_VERSION
            or not is_key(key)
        ):
            raise no_handshake()
        return accept_key(key)


def tokens_of(line: str) -> list[str]:
    """The tokens of one line, at least one. Raises `BadRequest` for anything else."""
    values = [value for part in line.split(",") if (value := part.strip(" \t"))]
    if not values or not all(map(_token.fullmatch, values)):
        raise no_handshake()
    return values


def is_key(key: str) -> bool:
    """Whether it is 16 bytes in base64."""
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def unreadable() -> BadRequest:
    """It is not HTTP."""
    return BadRequest("The request cannot be read.", code="bad_handshake")


def no_handshake() -> BadRequest:
    """It is HTTP, and no more."""
    return BadRequest("This is no WebSocket handshake.", code="bad_handshake")
