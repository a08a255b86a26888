"""The cases of the Autobahn test suite, by its numbers, as bytes and what must come of them.

Our server does not echo. A text message is a frame of `clarion.v1`: what the suite sends as text
goes as the `ref` of a `ping`, and comes back in the `pong`; text that is no frame is answered by an
`error`. Binary messages are refused by 1003, and compression is never agreed on (12 and 13).
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.raw_socket import BINARY, CLOSE, PING, PONG, TEXT, client_frame, fragments

BOUND = 65_536
"""The largest message, in bytes, of the server that is tested."""


@dataclass(frozen=True)
class Case:
    """What is sent, and the answers: `pong:<ref>`, `error`, `PONG:<payload>` (the control frame),
    and last the close code, or `-` where a close frame without a code ends it."""

    sent: tuple[bytes, ...]
    answers: tuple[str, ...]
    chop: int | None = None


END = client_frame(CLOSE, b"\x03\xe8")


def case(*sent: bytes, chop: int | None = None, answers: str) -> Case:
    """A case that the client ends by 1000 unless the server closes before."""
    expected = tuple(answers.split())
    ends = expected[-1] if expected else ""
    return Case(sent if ends.isdigit() or ends == "-" else (*sent, END), expected, chop)


def ping_text(ref: bytes | str) -> bytes:
    """A `clarion.v1` ping with this ref."""
    raw = ref.encode() if isinstance(ref, str) else ref
    return b'{"type":"ping","ref":"' + raw + b'"}'


def of_size(size: int) -> bytes:
    """A text of exactly this size: a `ping` with spaces, or what is too short for one."""
    ping = b'{"type":"ping"}'
    return ping + b" " * (size - len(ping)) if size >= len(ping) else b" " * size


HELLO = client_frame(TEXT, ping_text("a"))
AFTER = client_frame(PING, b"after")


def framing() -> dict[str, Case]:
    """1.1 text of many sizes, 1.2 binary."""
    sizes = {1: 0, 2: 125, 3: 126, 4: 127, 5: 128, 6: 65_535, 7: BOUND}
    found = {
        f"1.1.{n}": case(client_frame(TEXT, of_size(size)), answers="pong" if size else "error")
        for n, size in sizes.items()
    }
    found["1.1.8"] = case(client_frame(TEXT, of_size(BOUND)), chop=997, answers="pong")
    for n, size in {**sizes, 8: BOUND}.items():
        found[f"1.2.{n}"] = case(client_frame(BINARY, b"\xfe" * size), answers="1003")
    return found


def pings() -> dict[str, Case]:
    """2: pings and pongs."""
    many = [client_frame(PING, b"p%d" % n) for n in range(10)]
    pongs = " ".join(f"PONG:p{n}" for n in range(10))
    return {
        "2.1": case(client_frame(PING), answers="PONG:"),
        "2.2": case(client_frame(PING, b"Hello"), answers="PONG:Hello"),
        "2.3": case(client_frame(PING, bytes([0, 255, 254])), answers="PONG:\\x00\\xff\\xfe"),
        "2.4": case(client_frame(PING, b"x" * 125), answers="PONG:" + "x" * 125),
        "2.5": case(client_frame(PING, b"x" * 126), answers="1002"),
        "2.6": case(client_frame(PING, b"x" * 125), chop=1, answers="PONG:" + "x" * 125),
        "2.7": case(client_frame(PONG), answers=""),
        "2.8": case(client_frame(PONG, b"unasked"), answers=""),
        "2.9": case(client_frame(PONG, b"unasked"), client_frame(PING, b"p"), answers="PONG:p"),
        "2.10": case(*many, answers=pongs),
        "2.11": case(*many, chop=1, answers=pongs),
    }


def reserved_bits() -> dict[str, Case]:
    """3: no extension gave these bits a meaning."""
    bad = {n: client_frame(TEXT, ping_text("b"), rsv=n) for n in range(1, 8)}
    return {
        "3.1": case(bad[1], answers="1002"),
        "3.2": case(HELLO, bad[2], AFTER, answers="pong:a 1002"),
        "3.3": case(HELLO, bad[3], AFTER, chop=20, answers="pong:a 1002"),
        "3.4": case(HELLO, bad[4], AFTER, chop=1, answers="pong:a 1002"),
        "3.5": case(client_frame(BINARY, b"\xff" * 8, rsv=5), answers="1002"),
        "3.6": case(client_frame(PING, b"p", rsv=6), answers="1002"),
        "3.7": case(client_frame(CLOSE, b"\x03\xe8", rsv=7), answers="1002"),
    }


def opcodes() -> dict[str, Case]:
    """4: opcodes that are not there."""
    found: dict[str, Case] = {}
    for group, first in ((1, 3), (2, 11)):
        for n in range(5):
            payload = b"" if n % 2 == 0 else b"payload"
            bad = client_frame(first + n, payload)
            name = f"4.{group}.{n + 1}"
            if n < 2:
                found[name] = case(bad, answers="1002")
            else:
                chop = 1 if n == 4 else None
                found[name] = case(HELLO, bad, AFTER, chop=chop, answers="pong:a 1002")
    return found


def fragmentation() -> dict[str, Case]:
    """5: messages in parts."""
    text = ping_text("parts")
    two = fragments([text[:9], text[9:]])
    lone = client_frame(0, b"lone")
    open_lone = client_frame(0, b"lone", fin=False)
    five = fragments([text[:2], text[2:4], text[4:9], text[9:12], text[12:]])
    woven = [*five[:2], client_frame(PING, b"1"), *five[2:4], client_frame(PING, b"2"), five[4]]
    again = [client_frame(TEXT, text[:5], fin=False), client_frame(TEXT, text[5:])]
    found = {
        "5.1": case(client_frame(PING, b"a", fin=False), client_frame(0, b"b"), answers="1002"),
        "5.2": case(client_frame(PONG, b"a", fin=False), client_frame(0, b"b"), answers="1002"),
        "5.15": case(*two, open_lone, HELLO, answers="pong:parts 1002"),
        "5.16": case(open_lone, HELLO, open_lone, HELLO, answers="1002"),
        "5.17": case(lone, HELLO, lone, HELLO, answers="1002"),
        "5.18": case(*again, answers="1002"),
        "5.19": case(*woven, answers="PONG:1 PONG:2 pong:parts"),
        "5.20": case(*woven, chop=8, answers="PONG:1 PONG:2 pong:parts"),
    }
    chops = (None, 7, 1)
    for n, chop in enumerate(chops):
        ping = client_frame(PING, b"p")
        found[f"5.{3 + n}"] = case(*two, chop=chop, answers="pong:parts")
        found[f"5.{6 + n}"] = case(two[0], ping, two[1], chop=chop, answers="PONG:p pong:parts")
        found[f"5.{9 + n}"] = case(lone, HELLO, chop=chop, answers="1002")
        found[f"5.{12 + n}"] = case(open_lone, HELLO, chop=chop, answers="1002")
    return found


GOOD_TEXT = "Hello-µ@ßöäüàá-UTF-8!!"
KOSME = "κόσμε"
BROKEN = bytes.fromhex("cebae1bdb9cf83cebcceb5eda080656469746564")

VALID = {
    "6.5": ["κ", "κό", "κόσ", "κόσμ", KOSME],
    "6.7": ["\u0080", "\u0800", "\U00010000"],
    "6.9": ["\x7f", "\u07ff", "\uffff", "\U0010ffff"],
    "6.11": ["\ud7ff", "\ue000", "\ufffd", "\U0010ffff"],
    "6.22": [chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)],
    "6.23": [chr(0xFFF9 + n) for n in range(7)],
}
"""Sequences that are UTF-8, by section; 6.7.1 is U+0000, which no JSON string may hold bare."""

INVALID = {
    "6.6": "ce cebae1 cebae1bd cebae1bdb9cf cebae1bdb9cf83ce cebae1bdb9cf83cebcce",
    "6.8": "f888808080 fc8480808080",
    "6.10": "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf",
    "6.11": "f4908080",
    "6.12": "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf "
    + "".join(f"{n:02x}" for n in range(0x80, 0xBF)),
    "6.13": " ".join(
        "".join(f"{n:02x}20" for n in range(first, last))
        for first, last in (
            (0xC0, 0xE0),
            (0xE0, 0xF0),
            (0xF0, 0xF8),
            (0xF8, 0xFC),
            (0xFC, 0xFE),
        )
    ),
    "6.14": "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf",
    "6.15": "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf",
    "6.16": "fe ff fefeffff",
    "6.17": "c0af e080af f08080af f8808080af fc80808080af",
    "6.18": "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf",
    "6.19": "c080 e08080 f0808080 f880808080 fc8080808080",
    "6.20": "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf",
    "6.21": "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf "
    "edafbfedb080 edafbfedbfbf",
}
"""Sequences that are not, in hexadecimal."""


def utf8() -> dict[str, Case]:
    """6: text is UTF-8, whole or in parts, wherever it is cut."""
    good, kosme, broken = (ping_text(one) for one in (GOOD_TEXT, KOSME, BROKEN))
    cut = good.index("µ".encode()) + 2
    octets = {name: [bytes([n]) for n in text] for name, text in (("g", good), ("k", kosme))}
    found = {
        "6.1.1": case(client_frame(TEXT), answers="error"),
        "6.1.2": case(*fragments([b"", b"", b""]), answers="error"),
        "6.1.3": case(*fragments([b"", good, b""]), answers=f"pong:{GOOD_TEXT}"),
        "6.2.1": case(client_frame(TEXT, good), answers=f"pong:{GOOD_TEXT}"),
        "6.2.2": case(*fragments([good[:cut], good[cut:]]), answers=f"pong:{GOOD_TEXT}"),
        "6.2.3": case(*fragments(octets["g"]), answers=f"pong:{GOOD_TEXT}"),
        "6.2.4": case(*fragments(octets["k"]), answers=f"pong:{KOSME}"),
        "6.3.1": case(client_frame(TEXT, broken), answers="1007"),
        "6.3.2": case(*fragments([bytes([n]) for n in broken]), answers="1007"),
        "6.4.1": case(*fragments([broken[:33], broken[33:36], broken[36:]]), answers="1007"),
        "6.4.2": case(*fragments([broken[:34], broken[34:]]), chop=1, answers="1007"),
        "6.4.3": case(client_frame(TEXT, broken), chop=11, answers="1007"),
        "6.4.4": case(client_frame(TEXT, broken), chop=1, answers="1007"),
        "6.7.1": case(client_frame(TEXT, ping_text(b"\0")), answers="error"),
    }
    for section, texts in VALID.items():
        for n, text in enumerate(texts):
            sent = client_frame(TEXT, ping_text(text))
            found[f"{section}.v{n + 1}"] = case(sent, answers=f"pong:{text}")
    for section, sequences in INVALID.items():
        for n, sequence in enumerate(sequences.split()):
            sent = client_frame(TEXT, ping_text(bytes.fromhex(sequence)))
            found[f"{section}.i{n + 1}"] = case(sent, answers="1007")
    return found


GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)


def close_frame(code: int, reason: bytes = b"") -> bytes:
    """The client's."""
    return client_frame(CLOSE, code.to_bytes(2, "big") + reason)


def closing() -> dict[str, Case]:
    """7: how it ends."""
    text = ping_text("a")
    first = client_frame(TEXT, text[:5], fin=False)
    found = {
        "7.1.1": case(HELLO, close_frame(1000), answers="pong:a 1000"),
        "7.1.2": case(close_frame(1000), close_frame(1000), answers="1000"),
        "7.1.3": case(close_frame(1000), AFTER, answers="1000"),
        "7.1.4": case(close_frame(1000), HELLO, answers="1000"),
        "7.1.5": case(first, close_frame(1000), client_frame(0, text[5:]), answers="1000"),
        "7.1.6": case(client_frame(TEXT, of_size(BOUND)), END, AFTER, answers="pong 1000"),
        "7.3.1": case(client_frame(CLOSE), answers="-"),
        "7.3.2": case(client_frame(CLOSE, b"\x03"), answers="1002"),
        "7.3.3": case(close_frame(1000), answers="1000"),
        "7.3.4": case(close_frame(1000, b"Hello World!"), answers="1000"),
        "7.3.5": case(close_frame(1000, b"*" * 123), answers="1000"),
        "7.3.6": case(close_frame(1000, b"*" * 124), answers="1002"),
        "7.5.1": case(close_frame(1000, BROKEN), answers="1007"),
        "7.13.1": case(close_frame(5000), answers="1002"),
        "7.13.2": case(close_frame(65535), answers="1002"),
    }
    for n, code in enumerate(GOOD_CODES):
        found[f"7.7.{n + 1}"] = case(close_frame(code), answers=str(code))
    for n, code in enumerate(BAD_CODES):
        found[f"7.9.{n + 1}"] = case(close_frame(code), answers="1002")
    return found


def limits() -> dict[str, Case]:
    """9, for our bound: sizes, parts, chops; one byte more is 4413. And 10.1.1."""
    found: dict[str, Case] = {}
    whole = of_size(BOUND)
    for n, size in enumerate((1_024, 4_096, 16_384, BOUND)):
        found[f"9.1.{n + 1}"] = case(client_frame(TEXT, of_size(size)), answers="pong")
    for n, part in enumerate((64, 256, 1_024, 4_096, 16_384, BOUND)):
        parts = [whole[at : at + part] for at in range(0, BOUND, part)]
        found[f"9.3.{n + 1}"] = case(*fragments(parts), answers="pong")
    for n, chop in enumerate((64, 128, 256, 512, 1_024, 2_048)):
        found[f"9.5.{n + 1}"] = case(client_frame(TEXT, whole), chop=chop, answers="pong")
    for n, size in enumerate((0, 16, 64, 256, 1_024)):
        sent = [client_frame(TEXT, of_size(size))] * 100
        found[f"9.7.{n + 1}"] = case(*sent, answers=" ".join(["pong" if size else "error"] * 100))
    found["9.over.1"] = case(client_frame(TEXT, of_size(BOUND + 1)), answers="4413")
    over = [whole[at : at + 1_000] for at in range(0, BOUND, 1_000)]
    found["9.over.2"] = case(*fragments([*over, b"  "]), answers="4413")
    found["9.over.3"] = case(client_frame(TEXT, b"")[:1] + b"\xff" + b"\x7f" * 8, answers="4413")
    found["10.1.1"] = case(
        *fragments([whole[at : at + 1_300] for at in range(0, BOUND, 1_300)]), answers="pong"
    )
    return found


def masking() -> dict[str, Case]:
    """5.1 of the RFC: what a client sends is masked."""
    return {
        "unmasked text": case(client_frame(TEXT, ping_text("a"), masked=False), answers="1002"),
        "unmasked ping": case(client_frame(PING, masked=False), answers="1002"),
        "unmasked close": case(client_frame(CLOSE, masked=False), answers="1002"),
    }


def compressed() -> dict[str, Case]:
    """12 and 13: offered, not agreed on, sent all the same."""
    deflated = bytes.fromhex("f248cdc9c907")  # RFC 7692, 7.2.3.1: no context
    return {
        "12.1.1": case(HELLO, answers="pong:a"),
        "12.1.2": case(client_frame(TEXT, deflated + b"\0", rsv=4), answers="1002"),
        "13.1.1": case(client_frame(TEXT, deflated, rsv=4), answers="1002"),
    }


SECTIONS = {
    "1 framing": framing(),
    "2 pings": pings(),
    "3 reserved bits": reserved_bits(),
    "4 opcodes": opcodes(),
    "5 fragmentation": fragmentation(),
    "6 UTF-8": utf8(),
    "7 close": closing(),
    "9 and 10 limits": limits(),
    "12 and 13 compression": compressed(),
    "masking": masking(),
}
