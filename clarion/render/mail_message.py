"""Serialises an email: quoted headers, both parts encoded; 7-bit except for UTF-8 addresses.

A header value has one of two forms. Printable ASCII without `=?` is written unchanged on one line;
all else becomes encoded words (RFC 2047) of UTF-8, each of whole characters. Python's `EmailPolicy`
is not used: it parses header values, so an encoded word within the text became a line break and
another header.

Standard library only: the tests run this module on every installed version of Python.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_WORD = 75
"""Octets of one encoded word (RFC 2047, section 2)."""
MAX_LINE = 76
"""Octets of a line with encoded words, or of a line of the body."""
MAX_PLAIN = 900
"""Longer text is folded as encoded words: a line has at most 998 octets (RFC 5322)."""

ENCODED_WORD = "=?utf-8?{}?{}?="
_AROUND = len(ENCODED_WORD.format("q", ""))

_PLAIN = re.compile(rf"(?!.*=\?)(?! )[\x20-\x7e]{{0,{MAX_PLAIN}}}(?<! )\Z")
_QUOTABLE = re.compile(r'[^"\\]+\Z')
_SHORT_LINE = re.compile(rb"[\x21-\x3c\x3e-\x7e \t]{0,75}[\x21-\x3c\x3e-\x7e]|")
_AS_IS_IN_WORDS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_AS_IS_IN_TEXT = bytes(sorted({*range(32, 127), *b"\t\r\n"} - {ord("=")}))
_QUOTED = [
    chr(octet) if octet in _AS_IS_IN_TEXT and octet not in b"\r\n" else f"={octet:02X}"
    for octet in range(256)
]
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """`local` is unchanged, `domain` is ASCII; `name` is text."""

    local: str
    domain: str
    name: str = ""

    @property
    def spec(self) -> str:
        """The address for the SMTP envelope."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether the address requires SMTPUTF8 (RFC 6531)."""
        return not self.local.isascii()


@dataclass(frozen=True, slots=True)
class Mail:
    """The fields of a message. `subject` is one line; the boundary of the parts comes from
    `key`."""

    sender: MailAddress
    recipient: MailAddress
    subject: str
    date: str
    message_id: str
    text: str
    html: str
    key: str


def octets(mail: Mail) -> bytes:
    """The serialised message. Raises `ValueError` if an address or an id would break out of its
    header."""
    boundary = f"=_{mail.key}"
    headers = (
        ("From", _mailbox(mail.sender)),
        ("To", _mailbox(mail.recipient)),
        ("Subject", unstructured("Subject", mail.subject)),
        ("Date", _token(mail.date)),
        ("Message-ID", _token(mail.message_id)),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{_token(boundary)}"'),
    )
    lines = [f"{name}: {value}" for name, value in headers]
    lines.append("")
    for subtype, content in (("plain", mail.text), ("html", mail.html)):
        lines += [f"--{boundary}", *_part(subtype, content)]
    lines += [f"--{boundary}--", ""]
    return "\r\n".join(lines).encode()


def unstructured(name: str, text: str) -> str:
    """The value of the free-text header `name`; decoding it returns `text`."""
    return text if _PLAIN.match(text) else _folded(encoded_words(name, text))


def encoded_words(name: str, text: str) -> list[str]:
    """`text` as encoded words, Q or B, whichever is shorter; the first is on the line of `name`."""
    first = MAX_LINE - len(f"{name}: ")
    quoted = _words("q", first, [_q(character) for character in text])
    pieces = [_utf8(character) for character in text]
    based = _words("b", first, pieces)
    return min(quoted, based, key=lambda words: sum(map(len, words)))


def quoted_printable(text: str) -> Iterator[str]:
    """The lines of `text` by quoted-printable (RFC 2045, section 6.7)."""
    for line in _LINE_BREAK.split(text):
        yield from _quoted_lines(_utf8(line))


def _mailbox(address: MailAddress) -> str:
    spec = address.spec
    if re.search(r"[\x00-\x20\x7f()<>,;:\\\"\[\]]|@.*@", spec):
        raise ValueError("an address that cannot stand in a header")
    if not address.name:
        return spec
    words = encoded_words("From", address.name)
    if _PLAIN.match(address.name) and _QUOTABLE.match(address.name):
        words = [f'"{address.name}"']
        if len(f'From: "{address.name}" <{spec}>') <= MAX_LINE:
            return f"{words[0]} <{spec}>"
    return _folded([*words, f"<{spec}>"])


def _token(text: str) -> str:
    if not _PLAIN.match(text):
        raise ValueError("a header that is no plain ASCII")
    return text


def _folded(words: Sequence[str]) -> str:
    return "\r\n ".join(words)


def _words(encoding: str, first: int, pieces: Sequence[bytes]) -> list[str]:
    """Encoded words of whole `pieces`: characters encoded for `encoding`."""
    words = [b""]
    for piece in pieces:
        room = min(MAX_WORD, first if len(words) == 1 else MAX_WORD) - _AROUND
        if words[-1] and len(words[-1]) + len(piece) > (room if encoding == "q" else room // 4 * 3):
            words.append(b"")
        words[-1] += piece
    encode = base64.b64encode if encoding == "b" else bytes
    return [ENCODED_WORD.format(encoding, encode(word).decode()) for word in words]


def _q(character: str) -> bytes:
    if character == " ":
        return b"_"
    written = (
        b"%c" % octet if octet in _AS_IS_IN_WORDS else b"=%02X" % octet
        for octet in _utf8(character)
    )
    return b"".join(written)


def _part(subtype: str, content: str) -> list[str]:
    raw = _utf8(_LINE_BREAK.sub("\r\n", content))
    encoding = "quoted-printable"
    if 3 * len(raw.translate(None, _AS_IS_IN_TEXT)) > len(raw) / 2:
        encoding, based = "base64", base64.b64encode(raw).decode()
        lines = [based[at : at + MAX_LINE] for at in range(0, len(based), MAX_LINE)]
    else:
        lines = list(quoted_printable(content))
    return [
        f"Content-Type: text/{subtype}; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
        "",
        *lines,
    ]


def _quoted_lines(line: bytes) -> Iterator[str]:
    if _SHORT_LINE.fullmatch(line):
        yield line.decode()
        return
    written, length = list[str](), 0
    for piece in _quoted(line):
        length += len(piece)
        if length >= MAX_LINE:
            yield "".join(written) + "="
            written, length = [], len(piece)
        written.append(piece)
    yield "".join(written)


def _quoted(line: bytes) -> list[str]:
    pieces = [_QUOTED[octet] for octet in line]
    if line.endswith((b" ", b"\t")):
        pieces[-1] = f"={line[-1]:02X}"
    return pieces


def _utf8(text: str) -> bytes:
    """UTF-8; a lone surrogate becomes `?`."""
    return text.encode(errors="replace")
