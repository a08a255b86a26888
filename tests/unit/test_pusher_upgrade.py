"""What a request to upgrade must be; `websockets` judges the same requests beside us."""

from __future__ import annotations

import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from clarion.errors import BadRequest
from clarion.http.origins import AllowedOrigins
from services.pusher.wire.handshake import Handshake
from services.pusher.wire.upgrade_request import UpgradeRequest

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = {
    "host": "127.0.0.1",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-key": KEY,
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "clarion.v1, bearer.a.b.c",
}
START = "GET /v1/live?token=x HTTP/1.1"
silent = logging.Logger("silent", level=logging.CRITICAL + 1)


def request(start: str, fields: list[tuple[str, str]]) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def ours(data: bytes) -> str | None:
    try:
        handshake = UpgradeRequest(data)
        handshake.one("origin")
        handshake.tokens("sec-websocket-protocol")
        return handshake.accept()
    except BadRequest:
        return None


def theirs(data: bytes) -> str | None:
    protocol = ServerProtocol(logger=silent, select_subprotocol=lambda _, offered: None)
    protocol.receive_data(data)
    events = protocol.events_received()
    if not events or not isinstance(events[0], Request):
        return None
    return protocol.accept(events[0]).headers.get("Sec-WebSocket-Accept")


def test_the_example_of_the_rfc() -> None:
    assert ours(request(START, list(FIELDS.items()))) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_handshake_is_answered_with_our_subprotocol_and_gives_its_token() -> None:
    accepted = Handshake(request(START, list(FIELDS.items()))).accept(
        allowed_origins=AllowedOrigins(), query_tokens=True
    )
    assert accepted.response == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"Sec-WebSocket-Protocol: clarion.v1\r\n\r\n"
    )
    assert (accepted.token, accepted.is_foreign) == ("a.b.c", False)


@given(
    start=st.sampled_from(
        [
            START,
            "GET /v1/live HTTP/1.0",
            "POST / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /",
            "get / HTTP/1.1",
        ]
    ),
    left_out=st.sets(st.sampled_from(list(FIELDS)), max_size=1),
    more=st.lists(
        st.tuples(
            st.sampled_from([*FIELDS, "Connection", "origin", "x", "sec-websocket-extensions"]),
            st.sampled_from(["", "websocket", "WebSocket", "h2c", "Upgrade", "13", "8", KEY])
            | st.sampled_from([KEY[:-4], KEY[:-1], "!" + KEY, "a b", "clarion.v1", ", a", "a,,b"])
            | st.sampled_from(["upgrade\tx", "http://a", "permessage-deflate", "\x00", "\xe4"]),
        ),
        max_size=2,
    ),
)
@example(start=START, left_out=set(), more=[("origin", "http://a"), ("origin", "http://a")])
@example(start=START, left_out={"sec-websocket-key"}, more=[("sec-websocket-key", KEY[:-1])])
@example(start=START, left_out=set(), more=[("upgrade", "")])
def test_nothing_is_let_in_that_websockets_would_not(
    start: str, left_out: set[str], more: list[tuple[str, str]]
) -> None:
    kept = [(name, value) for name, value in FIELDS.items() if name not in left_out]
    data = request(start, kept + more)
    found = ours(data)
    assert found is None or found == theirs(data)


@given(st.lists(st.sampled_from(["a", "b.c", "clarion.v1"]), min_size=1, max_size=4), st.booleans())
def test_what_websockets_lets_in_we_do(offered: list[str], upper: bool) -> None:
    fields = {**FIELDS, "sec-websocket-protocol": ",".join(offered)}
    named = [(name.upper() if upper else name, value) for name, value in fields.items()]
    data = request(START, named)
    assert ours(data) == theirs(data) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nfolded: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nname : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n",
        request(START, [("x", "y")] * 200),
        request(START, [("x", "y" * 70_000)]),
    ],
)
def test_what_is_no_request_is_unreadable(data: bytes) -> None:
    with pytest.raises(BadRequest, match="not valid HTTP"):
        Handshake(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert ours(data) is None
