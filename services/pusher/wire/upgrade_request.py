"""A WebSocket upgrade request (RFC 6455, section 4.2), parsed from the bytes that uvicorn passes
on. It has parsed them already and writes them in a normal form, without folded lines.

A general parser was half of the cost of a handshake; this one agrees with that of `websockets`
(`tests/unit/test_pusher_upgrade.py`).
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
    """Header names are in lower case, values decoded as Latin-1."""

    __slots__ = ("_fields", "method", "target")

    def __init__(self, data: bytes) -> None:
        """Raises `BadRequest` for a malformed or oversized request."""
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
        """The values of a repeatable header."""
        return self._fields.get(name, ())

    def one(self, name: str) -> str | None:
        """The value of a header. Raises `BadRequest` where it is repeated."""
        found = self._fields.get(name, ())
        if len(found) > 1:
            raise no_handshake()
        return found[0] if found else None

    def tokens(self, name: str) -> list[str]:
        """The values of a header that is a list of tokens. Raises `BadRequest` where it is not."""
        return [value for line in self._fields.get(name, ()) for value in tokens_of(line)]

    def accept(self) -> str:
        """The `Sec-WebSocket-Accept` of the response. Raises `BadRequest` unless the request is a
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
    """The tokens of one line, at least one. Raises `BadRequest`."""
    values = [value for part in line.split(",") if (value := part.strip(" \t"))]
    if not values or not all(map(_token.fullmatch, values)):
        raise no_handshake()
    return values


def is_key(key: str) -> bool:
    """Whether the key is 16 bytes in base64."""
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def unreadable() -> BadRequest:
    return BadRequest("The request is not valid HTTP.", code="bad_handshake")


def no_handshake() -> BadRequest:
    return BadRequest("The request is not a WebSocket handshake.", code="bad_handshake")
