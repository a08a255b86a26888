"""A title shows something."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.validation import decode_event
from clarion.contracts.visible import INVISIBLE, is_blank
from clarion.errors import Invalid

SILENT = ("Cc", "Cf", "Zs", "Zl", "Zp")
INVISIBLE_TEXTS = {
    "Hangul fillers": "\u3164\u115f\u1160\uffa0",
    "Braille": "\u2800",
    "variation selectors": "\ufe0f\ufe00\U000e0100\u180b",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "joiners": "\u200b\u200c\u200d\u2060\ufeff\u034f",
    "directions": "\u202e\u2066\u2069\u061c",
    "spaces": " \t\r\n\u00a0\u1680\u2003\u202f\u205f\u3000",
    "Khmer": "\u17b4\u17b5",
}

invisible = st.sampled_from(INVISIBLE).flatmap(lambda one: st.integers(*one)).map(chr)


def faults_of(title: str) -> list[str]:
    body = b'{"type":"a","content":{"title":"%s"}}'
    written = "".join(f"\\u{unit:04x}" for unit in units(title)).encode()
    try:
        decode_event(body % written)
    except Invalid as problem:
        return [one.field for one in problem.errors]
    return []


def units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


def test_every_control_format_and_space_character_is_invisible() -> None:
    everything = map(chr, range(sys.maxunicode + 1))
    silent = [one for one in everything if unicodedata.category(one) in SILENT]
    assert [one for one in silent if not is_blank(one)] == []


@pytest.mark.parametrize("name", INVISIBLE_TEXTS)
def test_a_title_that_shows_nothing_is_refused(name: str) -> None:
    assert faults_of(INVISIBLE_TEXTS[name]) == ["content.title"]


@given(st.text(invisible, max_size=20).filter(lambda text: "\0" not in text))
def test_no_mixture_of_invisible_characters_is_a_title(text: str) -> None:
    assert faults_of(text) == ["content.title"]


@given(
    st.text(invisible, max_size=5),
    st.characters(categories=("L", "N", "P"), max_codepoint=0x3000).filter(
        lambda one: one not in "\u115f\u1160"
    ),
)
def test_one_visible_character_is_enough(around: str, one: str) -> None:
    around = around.replace("\0", "")
    assert faults_of(around + one + around) == []


@pytest.mark.parametrize(
    "title", ["0", "-", "é", "日", "🎉", "\u0301", "👩\u200d🚀", "\u2665\ufe0f"]
)
def test_what_can_be_seen_is_a_title(title: str) -> None:
    assert faults_of(title) == []
