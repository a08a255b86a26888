"""Headers are quoted, never parsed: on this Python, and on every other that is found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from shutil import which

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarion.render.email_text import one_line
from clarion.render.mail_message import Mail, MailAddress, octets, quoted_printable
from tests.support import mail_on_python
from tests.support.mail_on_python import composed, faults
from tests.support.sources import ROOT

TEXTS = [
    "A subject=?UTF-8?Q?=0A?=Bcc: injected@example.com",
    "=?utf-8?q?hello_world?=",
    "=?utf-8?b?aGVsbG8=?= =?utf-8?b?aGVsbG8=?=",
    "=?iso-8859-1?q?=0D=0ABcc=3A_x=40y.example?=",
    "a =? b ?= c",
    "Größe ändern: 5 < 6 & “so”",
    "🎉" * 60,
    "e\u0301" * 100,
    "x" * 250,
    "word " * 49 + "word",
    "a" + " " * 80 + "b",
    'He said "no" \\ (and left) <a@b.example>, c@d.example; group: x',
    "\u202eabc\u202c \u200d \u00a0nbsp",
    "日本語の件名" * 20,
    "=" * 100,
    "?" * 100,
    "_under_score_é",
    "e.g. J. Doe, Inc.",
    "\U0010ffff\ufffd\ue000",
    "Subject: x",
    "a\u00ad\u0600b",
]

texts = st.text(max_size=300) | st.lists(
    st.sampled_from(["=?utf-8?q?", "=?UTF-8?B?", "?=", "=0A", "=0D=0A", "Bcc: a@b", " ", "_", "é"])
).map("".join)


def pythons() -> list[str]:
    """The running Python, and every supported one that the machine has."""
    named = (which(f"python3.{minor}") for minor in range(11, 20))
    managed = Path.home().glob(".pyenv/versions/3.1[1-9]*/bin/python")
    others = {*filter(None, named), *map(str, managed)}
    return [sys.executable, *sorted(filter(starts, others))]


def starts(python: str) -> bool:
    """Whether it is more than the name of one."""
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


@given(texts)
@example(TEXTS[0])
def test_a_text_is_what_the_header_says_and_makes_no_other(text: str) -> None:
    line = one_line(text)
    assert list(faults(composed(line), line, line)) == []


@pytest.mark.parametrize("python", pythons())
def test_every_python_composes_the_same(python: str) -> None:
    script = Path(mail_on_python.__file__)
    done = subprocess.run(
        [python, "-I", "-W", "error", script],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@given(st.text(max_size=400))
@example("." * 200 + "\n.\r\n..\r\rFrom x\n \n\t\n" + "é" * 50 + " \n" + "=" * 80)
def test_both_parts_arrive_as_they_were_in_seven_bits(text: str) -> None:
    mail = Mail(
        MailAddress("a", "b.example"),
        MailAddress("c", "d.example"),
        "s",
        "date",
        "<1@b.example>",
        text,
        text,
        "k",
    )
    raw = octets(mail)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 90
    lines = "\n".join(re.split(r"\r\n|\r|\n", text))
    for part in message_from_bytes(raw, policy=default).iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert content.decode().replace("\r\n", "\n") == lines


@given(st.text(max_size=400))
def test_quoted_printable_lines_are_short_and_end_with_no_space(text: str) -> None:
    for line in quoted_printable(text):
        assert len(line) <= 76
        assert line.isascii()
        assert not line.endswith((" ", "\t"))


@pytest.mark.parametrize(
    "address",
    [
        MailAddress("a\r\nBcc: x", "b.example"),
        MailAddress("a", "b.example\r\nBcc: x"),
        MailAddress("a, b@c.example", "d.example"),
        MailAddress("a b", "c.example"),
    ],
)
def test_an_address_that_would_break_its_header_is_not_composed(address: MailAddress) -> None:
    good = MailAddress("a", "b.example")
    for sender, recipient in ((good, address), (address, good)):
        with pytest.raises(ValueError, match="cannot stand in a header"):
            octets(Mail(sender, recipient, "s", "date", "<1@b.example>", "t", "h", "k"))


@pytest.mark.parametrize("name", ["x" * 900, "x" * 50, "\u00f6" * 900])
def test_a_long_sender_makes_no_line_that_a_server_need_not_take(name: str) -> None:
    sender = MailAddress("a" * 64, ".".join(["b" * 60] * 3), name)
    date, message_id = "Mon, 02 Jan 2006 15:04:05 +0000", "<1@b.example>"
    raw = octets(Mail(sender, sender, "t", date, message_id, "t", "t", "k"))
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    shown, address = parseaddr(re.sub(r"\r\n", "", message_from_bytes(raw)["From"]))
    assert (str(make_header(decode_header(shown))), address) == (name, sender.spec)
