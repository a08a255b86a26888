"""Segments of SMS, and where a text is cut."""

from __future__ import annotations

import re

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from clarion.render.content import RenderedContent
from clarion.render.email_text import MAX_SUBJECT, one_line, subject_of
from clarion.render.grapheme_clusters import fitting
from clarion.render.gsm7 import GSM7, code_units, is_gsm7, segments, septets, size
from clarion.render.sms_text import MAX_SIZE, sms_text

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
CLUSTERS = [
    "a",
    "é",
    "e\u0301",
    "🎉",
    FAMILY,
    "👍🏽",
    "🇩🇪",
    "नि",
    "각",
    "\u1112\u1161\u11ab",
    "❤\ufe0f",
]

gsm7_texts = st.text(st.sampled_from(sorted(GSM7 - {"\r", "\f"})), max_size=2_500)
wide_texts = st.lists(st.sampled_from(CLUSTERS), max_size=1_500).map("".join)
texts = (
    gsm7_texts
    | wide_texts
    | st.text(max_size=2_000)
    | st.tuples(gsm7_texts, wide_texts).map("".join)
)
contents = st.builds(
    RenderedContent,
    texts.filter(bool),
    st.none() | texts,
    st.none() | st.sampled_from(["https://s.example/7", "/orders/7", "https://s.example/ü"]),
)


def clusters(text: str) -> list[str]:
    return regex.findall(r"\X", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 1_600, 11),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" * 5, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("é" * 160, 1),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("日" * 134, 2),
        ("日" * 135, 3),
        ("🎉" * 35, 1),
        ("🎉" * 36, 2),
        ("🎉" * 66, 2),
        ("🎉" * 67, 3),
        ("`", 1),
        ("a" * 159 + "`", 3),
    ],
)
def test_segments_are_those_of_the_network(text: str, expected: int) -> None:
    assert segments(text) == expected


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert len(GSM7) == 127 + 10
    assert not is_gsm7("ç")
    assert not is_gsm7("`")
    assert (septets("a[€]"), code_units("a🎉")) == (7, 3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (RenderedContent("a" * 1_700), "a" * 1_597 + "..."),
        (RenderedContent("🎉" * 1_590), "🎉" * 799 + "…"),
        (RenderedContent("日" * 1_600), "日" * 1_600),
        (RenderedContent("日" * 1_601), "日" * 1_599 + "…"),
        (RenderedContent("€" * 900), "€" * 798 + "..."),
        (RenderedContent("a" * 1_700 + "🎉"), "a" * 1_597 + "..."),
        (RenderedContent("日" + FAMILY * 400), "日" + FAMILY * 145 + "…"),
        (RenderedContent("a" * 1_590 + "e\u0301" * 40), "a" * 1_590 + "e\u0301" * 4 + "…"),
        (RenderedContent("t", "b\t\x00c\x07\r\nd\x85e\u2028f\x1b"), "t\nb c\nd\ne\nf"),
        (
            RenderedContent("t", "x" * 2_000, "https://s.example/7"),
            "t\n" + "x" * 1_575 + "...\nhttps://s.example/7",
        ),
        (RenderedContent("a" + "\u0301" * 2_000), "a" + "\u0301" * 1_598 + "…"),
        (RenderedContent("… " + "a" * 1_700), "… " + "a" * 1_597 + "…"),
    ],
)
def test_a_text_is_cut_in_its_own_units(content: RenderedContent, expected: str) -> None:
    text = sms_text(content)
    assert text == expected
    assert size(text) <= MAX_SIZE


@given(contents)
def test_an_sms_is_bounded_and_ends_with_its_link(content: RenderedContent) -> None:
    text = sms_text(content)
    assert max(size(text), code_units(text)) <= MAX_SIZE
    assert segments(text) <= (11 if is_gsm7(text) else 25)
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", text) is None
    assert content.link is None or text.endswith(content.link)


@given(texts)
def test_a_cut_parts_no_cluster_and_its_mark_changes_no_encoding(title: str) -> None:
    whole, text = (
        sms_text(RenderedContent(title or "t")),
        sms_text(RenderedContent((title or "t") + "\nx" * 1_600)),
    )
    if whole == text:
        return
    mark = "..." if is_gsm7(text) else "…"
    assert text.endswith(mark)
    kept = clusters(text.removesuffix(mark))
    assert is_gsm7("".join(kept)) == is_gsm7(text)
    lines = re.sub(r"\r\n|[\n\v\f\r\x85\u2028\u2029]", "\n", title or "t").replace("\t", " ")
    clean = re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", "", lines) + "\nx" * 1_600
    assert clusters(clean)[: len(kept)] == kept


@given(texts)
def test_a_subject_is_cut_at_a_cluster(title: str) -> None:
    subject = subject_of(RenderedContent(title))
    line = one_line(title)
    assert len(subject) <= MAX_SUBJECT
    assert line.startswith(subject)
    kept = clusters(subject)
    assert clusters(line)[: len(kept)] == kept or len(clusters(line)[0]) > MAX_SUBJECT


@given(texts, st.integers(0, 300))
def test_what_fits_is_the_longest_beginning_of_whole_clusters(text: str, limit: int) -> None:
    kept = fitting(text, limit)
    assert text.startswith(kept)
    assert len(kept) <= limit
    following = clusters(text[len(kept) :])[:1]
    assert len(kept) + len("".join(following)) > limit or kept == text
