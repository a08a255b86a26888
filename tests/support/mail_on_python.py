"""Composes mails from texts on standard input, on whatever Python runs it; says what is wrong.

Standard library only. Each text is a title and a display name; a fault is a header that is not
ours, a decoded value that is not the text, or a line that no server need take.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from email.utils import parseaddr
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from clarion.render.mail_message import Mail, MailAddress, octets

OURS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
WORD = re.compile(rb"=\?utf-8\?[qb]\?[^? ]+\?=")


def faults(raw: bytes, subject: str, name: str) -> Iterator[str]:
    """What is wrong with a message that should say `subject` and come from `name`."""
    head = raw.split(b"\r\n\r\n")[0]
    if [line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] != b" "] != OURS:
        yield "headers on the wire"
    if not raw.isascii():
        yield "an octet above 127"
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw) or max(map(len, raw.split(b"\r\n"))) > 998:
        yield "lines"
    if max(map(len, WORD.findall(head)), default=0) > 75:
        yield "an encoded word is too long"
    old, new = message_from_bytes(raw), message_from_bytes(raw, policy=default)
    if list(new.keys()) != OURS or list(old.keys()) != OURS:
        yield "headers as read"
    if str(make_header(decode_header(old["Subject"]))) != subject:
        yield "the subject by decode_header"
    if str(new["Subject"]) != subject:
        yield "the subject by the policy"
    written = parseaddr(re.sub(r"\r?\n", "", old["From"]))
    if (str(make_header(decode_header(written[0]))), written[1]) != (name, "a@b.example"):
        yield "the sender"


def composed(text: str) -> bytes:
    """A mail about `text`, from `text`."""
    sender, recipient = MailAddress("a", "b.example", text), MailAddress("c", "d.example")
    date, message_id = "Mon, 02 Jan 2006 15:04:05 +0000", "<1@b.example>"
    return octets(Mail(sender, recipient, text, date, message_id, text, text, "k"))


if __name__ == "__main__":
    for text in json.load(sys.stdin):
        for fault in faults(composed(text), text, text):
            sys.stdout.write(f"{fault}: {text!a}\n")
