"""Reads the input of a peer: bytes in, messages and control frames out.

Each frame is parsed by the `websockets` library; a session between two frames holds no parser and
no buffer.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode

from services.pusher.wire.close_codes import (
    FRAME_TOO_LARGE,
    INVALID_UTF8,
    PROTOCOL_ERROR,
    UNSUPPORTED_DATA,
    Violation,
)
from services.pusher.wire.frames import MAX_CONTROL_BYTES


class ReceivedFrame(NamedTuple):
    """`TEXT` is a whole message, `CONT` a fragment of an incomplete one."""

    opcode: Opcode
    payload: bytes


class FrameReader:
    """Assembles messages of at most `max_bytes`. Unusable after a `Violation`."""

    __slots__ = ("_buffer", "_max_bytes", "_parser", "_parts", "_size")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer: bytearray | None = None
        self._parser: Generator[None, None, Frame] | None = None
        self._parts: list[bytes] | None = None
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Append received bytes."""
        if self._buffer is None:
            self._buffer = bytearray(data)
        else:
            self._buffer += data

    def next(self) -> ReceivedFrame | None:
        """The next frame, or `None` while it is incomplete. Raises `Violation`."""
        if self._parser is None:
            if not self._buffer:
                self._buffer = None
                return None
            room = max(self._max_bytes - self._size, MAX_CONTROL_BYTES)
            self._parser = Frame.parse(self._read_exact, mask=True, max_size=room)
        try:
            next(self._parser)
        except StopIteration as done:
            self._parser = None
            return self._accept(done.value)
        except PayloadTooBig:
            raise Violation(FRAME_TOO_LARGE) from None
        except ProtocolError:
            raise Violation(PROTOCOL_ERROR) from None
        return None

    def _read_exact(self, size: int) -> Generator[None, None, bytes]:
        while self._buffer is None or len(self._buffer) < size:
            yield
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _accept(self, frame: Frame) -> ReceivedFrame:
        data = bytes(frame.data)
        match frame.opcode:
            case Opcode.BINARY:
                raise Violation(UNSUPPORTED_DATA)
            case Opcode.TEXT if frame.fin and self._parts is None:
                return ReceivedFrame(Opcode.TEXT, checked_utf8(data))
            case Opcode.TEXT | Opcode.CONT:
                return self._assemble(frame.opcode, data, final=frame.fin)
            case Opcode.CLOSE:
                check_close(data)
            case Opcode.PING | Opcode.PONG:
                pass
        return ReceivedFrame(frame.opcode, data)

    def _assemble(self, opcode: Opcode, data: bytes, *, final: bool) -> ReceivedFrame:
        if (opcode is Opcode.CONT) != (self._parts is not None):
            raise Violation(PROTOCOL_ERROR)
        parts = self._parts or []
        parts.append(data)
        self._size += len(data)
        if self._size > self._max_bytes:
            raise Violation(FRAME_TOO_LARGE)
        if not final:
            self._parts = parts
            return ReceivedFrame(Opcode.CONT, b"")
        self._parts, self._size = None, 0
        return ReceivedFrame(Opcode.TEXT, checked_utf8(b"".join(parts)))


def checked_utf8(payload: bytes) -> bytes:
    """Raises `Violation` for a payload that is not UTF-8."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise Violation(INVALID_UTF8) from None
    return payload


def check_close(payload: bytes) -> None:
    """Raises `Violation` for an invalid payload of a close frame (RFC 6455, 7.4)."""
    try:
        Close.parse(payload)
    except ProtocolError:
        raise Violation(PROTOCOL_ERROR) from None
    except UnicodeDecodeError:
        raise Violation(INVALID_UTF8) from None
