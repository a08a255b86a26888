"""As much of WebSocket as a load client needs."""

from __future__ import annotations

from collections.abc import Iterator

NO_MASK = b"\0\0\0\0"
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


def masked(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame of a client: masked, as it has to be, with a mask of zeros."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, 0x80 | size)) + NO_MASK + payload
    return bytes((opcode, 0xFE)) + size.to_bytes(2) + NO_MASK + payload


def payload_of(frame: bytes) -> bytes:
    """What a frame of a server holds."""
    size = frame[1]
    return frame[2 if size < 126 else 4 if size == 126 else 10 :]


class Answer:
    """The answer to a request for a WebSocket, as it comes in."""

    def __init__(self) -> None:
        self._head = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Its head and what follows it, once it is complete."""
        head, found, rest = (self._head + data).partition(b"\r\n\r\n")
        if found:
            return head, rest
        self._head = head
        return None


class Frames:
    """Cuts the bytes of a server into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Frames, header and all, that are complete now."""
        data, at = self._rest + data if self._rest else data, 0
        while (end := frame_end(data, at)) is not None:
            yield data[at:end]
            at = end
        self._rest = data[at:]


def frame_end(buffer: bytes, at: int) -> int | None:
    """Where the frame that begins at `at` ends; None where it is not complete."""
    if len(buffer) < at + 2:
        return None
    size, head = buffer[at + 1] & 0x7F, 2
    if size >= 126:
        head = 4 if size == 126 else 10
        size = int.from_bytes(buffer[at + 2 : at + head])
    end = at + head + size
    return end if len(buffer) >= max(end, at + head) else None
