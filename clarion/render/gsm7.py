"""Encoding, size and number of segments of an SMS.

GSM-7 (3GPP TS 23.038) if its alphabet contains every character, else UCS-2:

| encoding | unit | one segment | each of several |
|---|---|---|---|
| GSM-7 | septet; a character of the extension table takes two | 160 | 153 |
| UCS-2 | UTF-16 code unit; a character past U+FFFF takes two | 70 | 67 |

The two units of one character are never split over segments.
"""

from __future__ import annotations

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
GSM7 = BASIC | EXTENSION

GSM7_SEGMENT, GSM7_PART = 160, 153
UCS2_SEGMENT, UCS2_PART = 70, 67


def is_gsm7(text: str) -> bool:
    """Whether every character of `text` is in the GSM-7 alphabet."""
    return GSM7.issuperset(text)


def septets(text: str) -> int:
    """The size of a GSM-7 text in septets."""
    return len(text) + sum(text.count(character) for character in EXTENSION)


def code_units(text: str) -> int:
    """The size of a text in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def size(text: str) -> int:
    """The size of `text` in units of its own encoding."""
    return septets(text) if is_gsm7(text) else code_units(text)


def segments(text: str) -> int:
    """The number of segments that a phone network sends and bills for `text`."""
    if is_gsm7(text):
        return _segments([septets(character) for character in text], GSM7_SEGMENT, GSM7_PART)
    return _segments([code_units(character) for character in text], UCS2_SEGMENT, UCS2_PART)


def _segments(sizes: list[int], whole: int, part: int) -> int:
    if sum(sizes) <= whole:
        return 1
    count, left = 0, 0
    for units in sizes:
        if units > left:
            count, left = count + 1, part
        left -= units
    return count
