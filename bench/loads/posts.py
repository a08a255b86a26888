"""Requests with one event and their answers. No HTTP library: the client is not measured."""

from __future__ import annotations

from bench.lib.events import API_KEY

HEAD = (
    b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n"
)
ACCEPTED = b"HTTP/1.1 202"


def post(body: bytes) -> bytes:
    """A request with this event."""
    return HEAD % (API_KEY.encode(), len(body)) + body


class Answers:
    """Puts together the answers on one connection, of which one at a time is waited for."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> bool | None:
        """Whether the event was accepted; None while the answer is not complete."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        name = head.lower().index(b"content-length:") + 15
        if len(body) < int(head[name:].split(b"\r\n", 1)[0]):
            return None
        self._buffer = b""
        return head.startswith(ACCEPTED)
