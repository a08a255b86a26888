"""Bytes in and out: headers, messages, fragments, and nothing else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from services.pusher.wire import frames
from services.pusher.wire.close_codes import (
    CLOSE_CODES,
    FRAME_TOO_LARGE,
    INVALID_UTF8,
    PROTOCOL_ERROR,
    UNSUPPORTED_DATA,
    CloseCode,
    Violation,
)
from services.pusher.wire.frame_reader import FrameReader, ReceivedFrame

CHUNKS = st.lists(st.integers(1, 400), min_size=1, max_size=20)


def client_frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def read(stream: bytes, chunks: list[int], max_bytes: int = 1000) -> list[ReceivedFrame]:
    inbound = FrameReader(max_bytes)
    received: list[ReceivedFrame] = []
    position = 0
    while position < len(stream):
        size = chunks[len(received) % len(chunks)]
        inbound.feed(stream[position : position + size])
        position += size
        while (one := inbound.next()) is not None:
            received.append(one)
    return received


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70000])
def test_text_frames_are_as_the_rfc_says(size: int) -> None:
    payload = b"x" * size
    assert frames.text(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


@pytest.mark.parametrize("code", CLOSE_CODES, ids=lambda code: code.name)
def test_close_frames_are_as_the_rfc_says(code: CloseCode) -> None:
    expected = Frame(Opcode.CLOSE, Close(code.code, code.name).serialize())
    assert frames.close(code) == expected.serialize(mask=False)


@given(st.lists(st.text(max_size=300), max_size=6), CHUNKS)
def test_messages_arrive_whole_however_they_are_cut(texts: list[str], chunks: list[int]) -> None:
    stream = b"".join(client_frame(Opcode.TEXT, text.encode()) for text in texts)
    received = read(stream, chunks, max_bytes=2000)
    assert [one.payload.decode() for one in received] == texts


@given(st.text(max_size=100), st.data(), CHUNKS)
def test_fragments_are_joined_around_control_frames(
    text: str, data: st.DataObject, chunks: list[int]
) -> None:
    payload = text.encode()
    cut = data.draw(st.integers(0, len(payload)))
    stream = (
        client_frame(Opcode.TEXT, payload[:cut], fin=False)
        + client_frame(Opcode.PING, b"p")
        + client_frame(Opcode.CONT, payload[cut:])
    )
    assert read(stream, chunks) == [
        ReceivedFrame(Opcode.CONT, b""),
        ReceivedFrame(Opcode.PING, b"p"),
        ReceivedFrame(Opcode.TEXT, payload),
    ]


@given(st.binary(max_size=500), CHUNKS)
def test_random_bytes_are_at_worst_a_violation(stream: bytes, chunks: list[int]) -> None:
    with contextlib.suppress(Violation):
        read(stream, chunks)


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (client_frame(Opcode.BINARY, b""), UNSUPPORTED_DATA),
        (client_frame(Opcode.TEXT, b"\xff"), INVALID_UTF8),
        (client_frame(Opcode.TEXT, b"x" * 1001), FRAME_TOO_LARGE),
        (client_frame(Opcode.TEXT, b"x" * 300, fin=False) * 2, PROTOCOL_ERROR),
        (client_frame(Opcode.CONT, b""), PROTOCOL_ERROR),
        (client_frame(Opcode.CLOSE, b"\x03"), PROTOCOL_ERROR),
        (client_frame(Opcode.CLOSE, b"\x03\xe8\xff"), INVALID_UTF8),
        (Frame(Opcode.TEXT, b"{}").serialize(mask=False), PROTOCOL_ERROR),
        (
            client_frame(Opcode.TEXT, b"x" * 600, fin=False)
            + client_frame(Opcode.CONT, b"x" * 600),
            FRAME_TOO_LARGE,
        ),
    ],
    ids=[
        "binary",
        "not-utf-8",
        "long",
        "text-in-text",
        "continues-nothing",
        "close-of-one-byte",
        "close-not-utf-8",
        "not-masked",
        "long-in-two",
    ],  # their masks are drawn, and every worker must know them by one name
)
def test_violations_have_their_code(stream: bytes, code: CloseCode) -> None:
    with pytest.raises(Violation) as raised:
        read(stream, [len(stream)])
    assert raised.value.code is code


def test_a_length_is_judged_before_its_bytes_come() -> None:
    inbound = FrameReader(1000)
    inbound.feed(client_frame(Opcode.TEXT, b"x" * 5000)[:8])
    with pytest.raises(Violation):
        inbound.next()
