"""The text of an SMS from `Content`."""

from __future__ import annotations

import re

from clarion.render.content import RenderedContent
from clarion.render.grapheme_clusters import fitting
from clarion.render.gsm7 import code_units, is_gsm7, septets, size

MAX_SIZE = 1_600
"""Twilio's limit for one message, in units of its encoding: 11 segments of GSM-7, 25 of UCS-2.
Twilio documents characters, but counts units."""

CUT, CUT_GSM7 = "…", "..."
"""`…` is not in GSM-7: it would switch the text to UCS-2 and more than double the segments."""

_LINE_END = re.compile(r"\r\n|[\n\v\f\r\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def sms_text(content: RenderedContent) -> str:
    """Title, body and link. If that is too long, the body is truncated, then the title, between
    grapheme clusters, with an ellipsis that does not change the encoding."""
    link = _clean(content.link) if content.link else ""
    tail = f"\n{link}" if link and size(link) < MAX_SIZE // 2 else ""
    words = _clean(f"{content.title}\n{content.body}" if content.body else content.title)
    if size(words + tail) <= MAX_SIZE:
        return words + tail
    if not is_gsm7(words + tail):
        kept = fitting(words, MAX_SIZE - code_units(CUT + tail), code_units).rstrip()
        if not is_gsm7(kept + tail):
            return kept + CUT + tail
    return fitting(words, MAX_SIZE - septets(CUT_GSM7 + tail), septets).rstrip() + CUT_GSM7 + tail


def _clean(text: str) -> str:
    """Normalise line ends to `\\n` and tabs to spaces; remove other control characters."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text).replace("\t", " "))
